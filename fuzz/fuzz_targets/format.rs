//! `cargo fuzz run --features libfuzzer format`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cooperage_fuzz::format(data));
