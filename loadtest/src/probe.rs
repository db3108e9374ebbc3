//! Looks at the server from outside, and at this process, at the edges of the measured window.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::cpu::{CoreTicks, core_ticks, now_ticks, read_proc, resident_bytes, task_ticks};
use crate::failure::Failure;

/// A client thread busier than this may have been what limited the run.
pub(crate) const CLIENT_BUSY_SHARE_MAX: f64 = 0.9;

/// What is looked at.
#[derive(Clone, Debug)]
pub(crate) struct Probe {
    /// The server's process.
    pub(crate) server_pid: Option<i32>,
    /// Cores of the server; empty if they are not known.
    pub(crate) server_cpus: Vec<usize>,
    /// Cores of the client; empty if they are not known.
    pub(crate) client_cpus: Vec<usize>,
    /// Counts the sends of a server of our own.
    pub(crate) own_sends: Option<Arc<AtomicU64>>,
}

/// What was seen at one instant.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    /// When.
    pub(crate) at: Instant,
    /// The server's cores, if known.
    pub(crate) server_cores: Option<CoreTicks>,
    /// The client's cores, if known.
    pub(crate) client_cores: Option<CoreTicks>,
    /// All cores.
    pub(crate) all_cores: CoreTicks,
    /// The server's process: cpu ticks and resident bytes.
    pub(crate) server: Option<(u64, u64)>,
    /// How long each client thread has had nothing to do.
    pub(crate) idle_ns: Vec<u64>,
    /// Sends of our own server.
    pub(crate) sends: Option<u64>,
}

impl Sample {
    /// How busy each client thread was since an earlier sample.
    pub(crate) fn busy_shares(&self, earlier: &Self) -> Vec<f64> {
        let elapsed_s = (self.at - earlier.at).as_secs_f64();
        let threads = self.idle_ns.iter().zip(&earlier.idle_ns);
        threads
            .map(|(now, earlier)| 1.0 - (now - earlier) as f64 / 1e9 / elapsed_s)
            .map(|busy| busy.clamp(0.0, 1.0))
            .collect()
    }

    /// The largest share of stolen time since an earlier sample, among the cores that matter.
    pub(crate) fn steal_share(&self, earlier: &Self) -> f64 {
        let share = |(now, earlier): (CoreTicks, CoreTicks)| {
            let ticks = now - earlier;
            ticks.share(ticks.steal)
        };
        let known = [
            self.server_cores.zip(earlier.server_cores),
            self.client_cores.zip(earlier.client_cores),
        ];
        let known: Vec<f64> = known.into_iter().flatten().map(share).collect();
        match known.as_slice() {
            [] => share((self.all_cores, earlier.all_cores)),
            shares => shares.iter().copied().fold(0.0, f64::max),
        }
    }
}

impl Probe {
    /// Looks at everything once; `idle_ns` is what the client threads say of themselves.
    ///
    /// # Errors
    ///
    /// When the server's process or one of the cores is not there.
    pub(crate) fn sample(&self, idle_ns: Vec<u64>) -> Result<Sample, Failure> {
        let at = Instant::now();
        let (stat, now_ticks) = (read_proc("/proc/stat")?, now_ticks());
        let cores = |cpus: &[usize]| match cpus {
            [] => Ok(None),
            cpus => core_ticks(&stat, cpus, now_ticks).map(Some),
        };
        Ok(Sample {
            at,
            server_cores: cores(&self.server_cpus)?,
            client_cores: cores(&self.client_cpus)?,
            all_cores: core_ticks(&stat, &[], now_ticks)?,
            server: self.server()?,
            idle_ns,
            sends: self
                .own_sends
                .as_ref()
                .map(|sends| sends.load(Ordering::Relaxed)),
        })
    }

    /// The server's command line, for the report.
    pub(crate) fn server_command(&self) -> Option<String> {
        let text = read_proc(format!("/proc/{}/cmdline", self.server_pid?)).ok()?;
        Some(text.trim_end_matches('\0').replace('\0', " "))
    }

    /// Resident memory of the server's process; `None` if it is not known, or has ended.
    pub(crate) fn resident_bytes(&self) -> Option<u64> {
        resident_bytes(&read_proc(format!("/proc/{}/status", self.server_pid?)).ok()?)
    }

    fn server(&self) -> Result<Option<(u64, u64)>, Failure> {
        let Some(pid) = self.server_pid else {
            return Ok(None);
        };
        let stat = read_proc(format!("/proc/{pid}/stat"))?;
        let status = read_proc(format!("/proc/{pid}/status"))?;
        let seen = task_ticks(&stat).zip(resident_bytes(&status));
        let Some(seen) = seen else {
            let why = format!("process {pid} has ended");
            return Err(Failure::CannotMeasure(why));
        };
        Ok(Some(seen))
    }
}
