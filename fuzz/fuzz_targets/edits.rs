//! `cargo fuzz run --features libfuzzer edits`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cooperage_fuzz::edits(data));
