//! Sends through io_uring: many in one system call, which is what the floor's server does where it can.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use io_uring::{IoUring, opcode, types};
use rustix::net::SendFlags;

/// Sends that go out in one system call.
pub(crate) const AT_ONCE: usize = 256;

/// A ring for sends alone.
pub(crate) struct SendRing {
    ring: IoUring,
    results: Vec<i32>,
}

impl SendRing {
    /// # Errors
    ///
    /// The kernel is too old, or io_uring is forbidden.
    pub(crate) fn new() -> io::Result<Self> {
        let mut builder = IoUring::builder();
        builder.setup_coop_taskrun().setup_single_issuer();
        Ok(Self {
            ring: builder.build(AT_ONCE as u32)?,
            results: Vec::new(),
        })
    }

    /// Sends to each of at most [`AT_ONCE`] sockets what the kernel takes now; what `send` would have returned for each,
    /// errors as negative numbers.
    ///
    /// # Errors
    ///
    /// The kernel does not take the sends, or does not end them: then nothing is known of any of them.
    pub(crate) fn send_all<'a>(
        &mut self,
        sends: impl Iterator<Item = (&'a OwnedFd, &'a [u8])>,
    ) -> io::Result<&[i32]> {
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        self.results.clear();
        for (socket, bytes) in sends {
            let fd = types::Fd(socket.as_raw_fd());
            let send = opcode::Send::new(fd, bytes.as_ptr(), bytes.len() as u32)
                .flags(flags.bits().cast_signed())
                .build()
                .user_data(self.results.len() as u64);
            #[expect(unsafe_code, reason = "the kernel reads what the entry points to")]
            // SAFETY: sends that do not wait end while they are submitted, and this returns when all have ended. Bytes
            // and socket are borrowed until then. On an error the floor's server ends, and the process with it.
            let pushed = unsafe { self.ring.submission().push(&send) };
            pushed.expect("there are as many entries as sends");
            self.results.push(0);
        }
        let mut under_way = self.results.len();
        while under_way > 0 {
            match self.ring.submit_and_wait(under_way) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            for ended in self.ring.completion() {
                under_way -= 1;
                self.results[ended.user_data() as usize] = ended.result();
            }
        }
        Ok(&self.results)
    }
}
