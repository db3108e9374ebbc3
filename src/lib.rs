//! shardcast: a realtime WebSocket publish/subscribe server for Linux.
//!
//! The crate is built in floors, and imports point down only (`tests/tidy.rs` keeps it so):
//! [`base`], [`codec`], [`engine`], [`dialect`] beside [`runtime`], [`service`], [`config`], [`cli`].
//! ARCHITECTURE.md is the map.

pub mod base;
pub mod cli;
pub mod codec;
pub mod config;
pub mod dialect;
pub mod engine;
pub mod runtime;
pub mod service;
