//! A plugin's schema and an answer, up to a NUL and behind it → whether it fits, said in a line.
#![no_main]

#[path = "../../../ctl/src/plugin/schema.rs"]
mod schema;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Some((rules, answer)) = text.split_once('\0') else { return };
    let (Ok(rules), Ok(answer)) = (serde_json::from_str(rules), serde_json::from_str(answer)) else { return };
    // One that can't be understood is refused before anything is compared with it.
    if schema::unknown(&rules).is_ok()
        && let Some(why) = schema::mismatch(&rules, &answer)
    {
        assert!(!why.is_empty());
    }
});
