//! The dialect in a shard, without sockets: each row of what its clients rely on.

mod bench;
mod channels;
mod closing;
mod hostile;
mod login;
mod names;
mod pings;
mod publications;
mod storm;
