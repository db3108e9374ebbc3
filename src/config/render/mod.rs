//! Documents made from the option records, and the resolved configuration as it is shown.

mod env_list;
mod example;
mod reference;
mod resolved;
mod text;

pub use env_list::env_list;
pub use example::example;
pub use reference::reference;
pub use resolved::{Resolved, complaints_as_json};
