//! Floor 5: from what an operator typed to what the server runs with.
//!
//! Three shapes. [`options`] says what can be set: one record per option, from which the flags,
//! their help and later the file and the environment are made. [`Settings`] holds what was typed,
//! as text and with its origin. [`ServerConfig`](crate::service::ServerConfig) holds checked plain values; between the two stands
//! [`Settings::resolve`], which reports everything that is wrong at once.

pub mod complaint;
pub mod cpu_list;
pub mod machine;
pub mod option;
pub mod options;
mod reader;
mod resolve;
pub mod settings;
pub mod units;
mod value;

pub use complaint::Complaint;
pub use machine::Machine;
pub use settings::{Origin, Settings};
