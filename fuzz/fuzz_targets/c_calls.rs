#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| highwater_tests::fuzzing::c_calls(bytes));
