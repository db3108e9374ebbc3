//! `cargo fuzz run shared_websocket --features libfuzzer`: see fuzz/README.md.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| shardcast_fuzz::shared_websocket(data));
