//! Floor 4: the server as a whole.
//!
//! The worker is the only place where the runtime, the engine and the dialects meet; the server
//! starts the shards and ends them, from the control thread, which also answers the HTTP API.

mod answers;
mod apps;
mod control;
mod drain;
mod histogram;
pub mod identity;
mod in_process;
pub mod outbound;
mod process;
mod reload;
mod server;
mod server_config;
mod signals;
mod start;
mod started;
pub mod tls;
pub mod webhook;
mod worker;

pub use control::Secret;
#[doc(hidden)]
pub use in_process::InProcess;
pub use process::{connections_that_fit, descriptors_for};
pub use server::{ServeError, Served, serve};
pub use server_config::{
    ApiConfig, ApiToken, EndpointConfig, LogFormat, LogLevel, ServerConfig, TokenSource,
};
pub use started::Started;
