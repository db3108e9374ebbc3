//! As much HTTP/1.1 as a WebSocket handshake needs: one request head in, one response out.
//!
//! The bytes of a head pass [`HeadScanner`] as they arrive, which refuses early and finds the end;
//! the complete head is parsed once by [`parse_head`], and [`check_upgrade`] tells whether it asks
//! for a WebSocket. Whatever is refused has its answer ready as a [`Refusal`].

mod credentials;
mod head;
mod head_scanner;
mod host;
mod response;
mod upgrade;

pub use head::{HeadError, RequestHead, parse_head};
pub use head_scanner::HeadScanner;
pub use response::{Refusal, accept_key, write_refusal, write_switching_protocols};
pub use upgrade::{UpgradeRequest, check_upgrade};
