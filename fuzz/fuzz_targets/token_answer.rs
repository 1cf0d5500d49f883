#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    airgate_fuzz::token_answer(data);
});
