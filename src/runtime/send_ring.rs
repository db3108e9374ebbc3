//! A ring of its own for sends: many in one system call.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use io_uring::{IoUring, opcode, types};
use rustix::io::Errno;
use rustix::net::SendFlags;

use super::driver::RingFlags;
use crate::base::io::SendOutcome;
use crate::base::limits::SENDS_AT_ONCE;

/// Sends that are submitted together and have ended when [`send_all`](Self::send_all) returns.
///
/// monoio's ring is no place for them: it gives back what has ended by and by, in tasks.
pub(super) struct SendRing {
    ring: IoUring,
}

impl SendRing {
    pub(super) fn new(flags: &RingFlags) -> io::Result<Self> {
        let entries = u32::try_from(SENDS_AT_ONCE).expect("a small constant");
        let ring = flags.builder().build(entries)?;
        Ok(Self { ring })
    }

    /// Sends to each of at most [`SENDS_AT_ONCE`] sockets what the kernel takes without waiting, and notes
    /// each outcome in the same place of `outcomes`. No socket may be there twice, as the second send would go
    /// out even where the first was cut short. Where there is no socket, the outcome stays as it is.
    ///
    /// Ends the process when the kernel neither takes nor ends what was submitted: it has the addresses of
    /// `sends` then.
    pub(super) fn send_all<'a>(
        &mut self,
        sends: impl Iterator<Item = (Option<BorrowedFd<'a>>, &'a [u8])>,
        outcomes: &mut [SendOutcome],
    ) {
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        let mut under_way = 0;
        for (place, (socket, bytes)) in sends.enumerate() {
            let Some(socket) = socket else {
                continue;
            };
            let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
            let send = opcode::Send::new(types::Fd(socket.as_raw_fd()), bytes.as_ptr(), len)
                .flags(flags.bits().cast_signed())
                .build()
                .user_data(place as u64);
            #[expect(unsafe_code, reason = "the kernel reads what the entry points to")]
            // SAFETY: `bytes` and `socket` are borrowed until this function returns, and it returns only
            // when every send that was submitted has ended.
            let pushed = unsafe { self.ring.submission().push(&send) };
            pushed.expect("there are as many entries as sends");
            under_way += 1;
        }
        while under_way > 0 {
            match self.ring.submit_and_wait(under_way) {
                Ok(_) => {}
                Err(error) if is_passing(&error) => {}
                Err(error) => {
                    // Unwinding would free what the kernel may still read.
                    tracing::error!("the kernel does not end what a ring was given: {error}");
                    std::process::abort();
                }
            }
            for ended in self.ring.completion() {
                under_way -= 1;
                outcomes[ended.user_data() as usize] = outcome(ended.result());
            }
        }
    }
}

/// Whether the same call may go well at once.
fn is_passing(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(Errno::INTR | Errno::AGAIN | Errno::BUSY | Errno::NOMEM)
    )
}

fn outcome(result: i32) -> SendOutcome {
    match usize::try_from(result) {
        Ok(sent) => SendOutcome::Sent(sent),
        Err(_) if -result == Errno::AGAIN.raw_os_error() => SendOutcome::Blocked,
        Err(_) => SendOutcome::Failed,
    }
}
