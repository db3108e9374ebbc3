//! What the kernel tells about itself and this process, read from its files.
//!
//! All of it comes from below one root, so that tests can show it a machine that nobody has.

use std::fs;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use crate::config::cpu_list;

/// `None`: the file is not there, or says something unheard of.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Facts {
    /// As the kernel writes it: `6.8.0-45-generic`.
    pub(super) kernel: Option<String>,
    /// 0: anybody may have a ring; 1: a group; 2: nobody. The file came with Linux 6.6.
    pub(super) uring_disabled: Option<u8>,
    /// 0: no filter; 2: a filter. Containers have one.
    pub(super) seccomp: Option<u8>,
    /// Bytes of memory that the process may lock.
    pub(super) memlock: Option<Limit>,
    /// Open files.
    pub(super) nofile: Option<Limit>,
    /// How far the hard limit of open files may be raised at all.
    pub(super) nr_open: Option<u64>,
    /// Open files of all processes together.
    pub(super) file_max: Option<u64>,
    /// Sockets that all processes of one user may wait for by epoll.
    pub(super) epoll_watches: Option<u64>,
    /// The longest queue of connections that wait to be accepted.
    pub(super) somaxconn: Option<u64>,
    /// 0: a full queue of half-open connections turns away; 1: it sends cookies; 2: always.
    pub(super) syncookies: Option<u8>,
    /// Pages of memory for the buffers of all TCP sockets, from which on the kernel gets sparing. Told
    /// in the first network namespace only.
    pub(super) tcp_pages: Option<u64>,
    /// The most bytes that a process may ask for as a socket's send buffer.
    pub(super) wmem_max: Option<u64>,
    /// `None`: no firewall has asked for it.
    pub(super) conntrack: Option<Conntrack>,
    /// The ports of outgoing connections.
    pub(super) ports: Option<RangeInclusive<u16>>,
    /// Ports of that range that are never given out.
    pub(super) ports_reserved: Vec<usize>,
    /// The cpus that the process may run on.
    pub(super) cpus: Option<Vec<usize>>,
    /// How many cpus' time its group may take; `None`: no limit is known.
    pub(super) cpu_quota: Option<f64>,
}

/// A limit of the process; `u64::MAX` is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limit {
    /// What holds now.
    pub(super) soft: u64,
    /// How far the process may raise it.
    pub(super) hard: u64,
}

/// The table of connections that firewalls keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Conntrack {
    pub(super) tracked: u64,
    pub(super) most: u64,
}

impl Facts {
    pub(super) fn read(root: &Path) -> Self {
        let files = Files(root);
        let status = files.text("proc/self/status").unwrap_or_default();
        let limits = files.text("proc/self/limits").unwrap_or_default();
        let reserved = files.text("proc/sys/net/ipv4/ip_local_reserved_ports");
        Self {
            kernel: files.text("proc/sys/kernel/osrelease"),
            uring_disabled: files.number("proc/sys/kernel/io_uring_disabled"),
            seccomp: field(&status, "Seccomp:").and_then(|text| text.parse().ok()),
            memlock: limit(&limits, "Max locked memory"),
            nofile: limit(&limits, "Max open files"),
            nr_open: files.number("proc/sys/fs/nr_open"),
            file_max: files.number("proc/sys/fs/file-max"),
            epoll_watches: files.number("proc/sys/fs/epoll/max_user_watches"),
            somaxconn: files.number("proc/sys/net/core/somaxconn"),
            syncookies: files.number("proc/sys/net/ipv4/tcp_syncookies"),
            tcp_pages: files
                .text("proc/sys/net/ipv4/tcp_mem")
                .and_then(|text| text.split_whitespace().nth(1)?.parse().ok()),
            wmem_max: files.number("proc/sys/net/core/wmem_max"),
            conntrack: files.conntrack(),
            ports: files
                .text("proc/sys/net/ipv4/ip_local_port_range")
                .and_then(|text| range(&text)),
            ports_reserved: reserved.and_then(|text| ports(&text)).unwrap_or_default(),
            cpus: field(&status, "Cpus_allowed_list:").and_then(cpu_list::parse),
            cpu_quota: files.cpu_quota(),
        }
    }
}

struct Files<'a>(&'a Path);

impl Files<'_> {
    fn text(&self, path: impl AsRef<Path>) -> Option<String> {
        let text = fs::read_to_string(self.0.join(path)).ok()?;
        Some(text.trim().to_owned())
    }

    fn number<T: std::str::FromStr>(&self, path: &str) -> Option<T> {
        self.text(path)?.parse().ok()
    }

    fn conntrack(&self) -> Option<Conntrack> {
        Some(Conntrack {
            tracked: self.number("proc/sys/net/netfilter/nf_conntrack_count")?,
            most: self.number("proc/sys/net/netfilter/nf_conntrack_max")?,
        })
    }

    /// The least of the limits of the process's group and the groups around it.
    fn cpu_quota(&self) -> Option<f64> {
        let groups = self.text("proc/self/cgroup")?;
        let quotas = groups.lines().filter_map(|line| {
            let (_, rest) = line.split_once(':')?;
            let (controllers, path) = rest.split_once(':')?;
            if controllers.is_empty() {
                self.least(Path::new("sys/fs/cgroup"), path, |folder| {
                    self.quota_v2(folder)
                })
            } else if controllers.split(',').any(|name| name == "cpu") {
                let mount = Path::new("sys/fs/cgroup").join(controllers);
                self.least(&mount, path, |folder| self.quota_v1(folder))
            } else {
                None
            }
        });
        quotas.reduce(f64::min)
    }

    fn least(
        &self,
        mount: &Path,
        group: &str,
        quota: impl Fn(&Path) -> Option<f64>,
    ) -> Option<f64> {
        let group = Path::new(group.trim_start_matches('/'));
        let folders = group.ancestors().map(|ancestor| mount.join(ancestor));
        folders
            .filter_map(|folder: PathBuf| quota(&folder))
            .reduce(f64::min)
    }

    /// `QUOTA PERIOD`, or `max PERIOD`.
    fn quota_v2(&self, folder: &Path) -> Option<f64> {
        let text = self.text(folder.join("cpu.max"))?;
        let (quota, period) = text.split_once(' ')?;
        Some(quota.parse::<f64>().ok()? / period.parse::<f64>().ok()?)
    }

    /// The quota is -1 for none.
    fn quota_v1(&self, folder: &Path) -> Option<f64> {
        let read = |name| self.text(folder.join(name))?.parse::<f64>().ok();
        let (quota, period) = (read("cpu.cfs_quota_us")?, read("cpu.cfs_period_us")?);
        (quota > 0.0 && period > 0.0).then(|| quota / period)
    }
}

/// `Name:<tab>value` in a file of such lines.
fn field<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.trim())
}

/// `Max open files   1024   4096   files`.
fn limit(text: &str, name: &str) -> Option<Limit> {
    let mut values = field(text, name)?.split_whitespace();
    let mut value = || match values.next()? {
        "unlimited" => Some(u64::MAX),
        number => number.parse().ok(),
    };
    Some(Limit {
        soft: value()?,
        hard: value()?,
    })
}

fn range(text: &str) -> Option<RangeInclusive<u16>> {
    let (first, last) = text.split_once(char::is_whitespace)?;
    Some(first.parse().ok()?..=last.trim().parse().ok()?)
}

/// `7001,8000-8003`, as a list of cpus is written, with larger numbers.
fn ports(text: &str) -> Option<Vec<usize>> {
    let mut ports = Vec::new();
    for entry in text.split(',').filter(|entry| !entry.is_empty()) {
        let (first, last) = entry.split_once('-').unwrap_or((entry, entry));
        let (first, last): (u16, u16) = (first.parse().ok()?, last.parse().ok()?);
        ports.extend((first..=last).map(usize::from));
    }
    Some(ports)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A root that is gone after its test.
    struct Root(PathBuf);

    impl Root {
        fn new(name: &str, files: &[(&str, &str)]) -> Self {
            let name = format!("shardcast-doctor-{}-{name}", std::process::id());
            let root = Self(std::env::temp_dir().join(name));
            for (path, text) in files {
                let path = root.0.join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            root
        }
    }

    impl Drop for Root {
        fn drop(&mut self) {
            let _gone = fs::remove_dir_all(&self.0);
        }
    }

    const LIMITS: &str = "\
Limit                     Soft Limit           Hard Limit           Units
Max open files            1024                 524288               files
Max locked memory         8388608              unlimited            bytes
";

    const STATUS: &str = "Name:\tdoctor\nSeccomp:\t2\nSeccomp_filters:\t1\nCpus_allowed:\tf\n\
        Cpus_allowed_list:\t0-2,7\n";

    #[test]
    fn files_of_a_container_are_understood() {
        let root = Root::new(
            "container",
            &[
                ("proc/sys/kernel/osrelease", "6.8.0-45-generic\n"),
                ("proc/sys/kernel/io_uring_disabled", "2\n"),
                ("proc/self/status", STATUS),
                ("proc/self/limits", LIMITS),
                ("proc/sys/fs/nr_open", "1048576\n"),
                ("proc/sys/fs/file-max", "9223372036854775807\n"),
                ("proc/sys/fs/epoll/max_user_watches", "1802423\n"),
                ("proc/sys/net/core/somaxconn", "128\n"),
                ("proc/sys/net/core/wmem_max", "212992\n"),
                ("proc/sys/net/ipv4/tcp_syncookies", "1\n"),
                ("proc/sys/net/ipv4/tcp_mem", "287901\t383869\t575802\n"),
                ("proc/sys/net/netfilter/nf_conntrack_count", "37\n"),
                ("proc/sys/net/netfilter/nf_conntrack_max", "262144\n"),
                ("proc/sys/net/ipv4/ip_local_port_range", "32768\t60999\n"),
                (
                    "proc/sys/net/ipv4/ip_local_reserved_ports",
                    "7001,40000-40002\n",
                ),
                ("proc/self/cgroup", "0::/kubepods/pod1\n"),
                ("sys/fs/cgroup/kubepods/cpu.max", "150000 100000\n"),
                ("sys/fs/cgroup/kubepods/pod1/cpu.max", "max 100000\n"),
            ],
        );
        let expected = Facts {
            kernel: Some("6.8.0-45-generic".to_owned()),
            uring_disabled: Some(2),
            seccomp: Some(2),
            memlock: Some(Limit {
                soft: 8_388_608,
                hard: u64::MAX,
            }),
            nofile: Some(Limit {
                soft: 1_024,
                hard: 524_288,
            }),
            nr_open: Some(1_048_576),
            file_max: Some(9_223_372_036_854_775_807),
            epoll_watches: Some(1_802_423),
            somaxconn: Some(128),
            syncookies: Some(1),
            tcp_pages: Some(383_869),
            wmem_max: Some(212_992),
            conntrack: Some(Conntrack {
                tracked: 37,
                most: 262_144,
            }),
            ports: Some(32_768..=60_999),
            ports_reserved: vec![7_001, 40_000, 40_001, 40_002],
            cpus: Some(vec![0, 1, 2, 7]),
            cpu_quota: Some(1.5),
        };
        assert_eq!(Facts::read(&root.0), expected);
    }

    #[test]
    fn quota_of_older_groups_is_understood() {
        for (quota, expected) in [("50000", Some(0.5)), ("-1", None)] {
            let root = Root::new(
                "older",
                &[
                    (
                        "proc/self/cgroup",
                        "5:memory:/x\n4:cpu,cpuacct:/docker/1\n0::/\n",
                    ),
                    ("sys/fs/cgroup/cpu,cpuacct/docker/1/cpu.cfs_quota_us", quota),
                    (
                        "sys/fs/cgroup/cpu,cpuacct/docker/1/cpu.cfs_period_us",
                        "100000",
                    ),
                ],
            );
            assert_eq!(Facts::read(&root.0).cpu_quota, expected);
        }
    }

    #[test]
    fn files_that_are_missing_or_odd_are_unknown() {
        let root = Root::new(
            "odd",
            &[
                ("proc/self/limits", "Max open files\n"),
                ("proc/self/status", "Seccomp:\tyes\n"),
                ("proc/self/cgroup", "nonsense"),
                ("proc/sys/net/core/somaxconn", "-"),
                ("proc/sys/net/ipv4/tcp_mem", "5"),
                ("proc/sys/net/netfilter/nf_conntrack_max", "262144"),
                ("proc/sys/net/ipv4/ip_local_port_range", "5"),
            ],
        );
        assert_eq!(Facts::read(&root.0), Facts::default());
    }
}
