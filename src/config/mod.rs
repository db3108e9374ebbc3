//! Floor 5: from what an operator typed to what the server runs with.
//!
//! Three shapes. [`options`] says what can be set: one record per option, from which the flags,
//! their help, the keys of the file, the variables and all documents are made. [`Settings`] holds what
//! was typed, as text and with its origin; [`Sources`] reads it from file, environment and flags.
//! [`ServerConfig`](crate::service::ServerConfig) holds checked plain values; between the two stands
//! [`Settings::resolve`], which reports everything that is wrong at once.

mod api;
pub mod complaint;
pub mod cpu_list;
mod deflate;
pub mod dialect_defaults;
mod endpoints;
mod identity;
mod ignis;
pub mod machine;
pub mod option;
pub mod options;
mod pairs;
mod reader;
pub mod render;
mod resolve;
pub mod restart;
mod secret;
pub mod settings;
mod shared_websocket;
pub mod sources;
mod suggest;
mod tls;
pub mod units;
mod value;
mod webhook;

pub use complaint::{Complaint, Place};
pub use machine::Machine;
pub use settings::{Origin, Settings};
pub use sources::Sources;
