//! Floor 4: the server as a whole.
//!
//! The worker is the only place where the runtime, the engine and the dialects meet; the server
//! starts the shards and ends them, from the control thread.

mod drain;
mod process;
mod reload;
mod server;
mod server_config;
mod started;
mod worker;

pub use process::connections_that_fit;
pub use server::{ServeError, Served, serve};
pub use server_config::{EndpointConfig, LogFormat, LogLevel, ServerConfig};
pub use started::Started;
