#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| highwater::fuzzing::device_filter(bytes));
