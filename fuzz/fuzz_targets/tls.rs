//! `cargo fuzz run tls --features libfuzzer`: see fuzz/README.md.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| shardcast_fuzz::tls(data));
