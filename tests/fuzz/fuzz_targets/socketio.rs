#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| longwave_sim::fuzz::fuzz_socketio(data));
