//! The `args` of a call → words; a method's name ↔ its file's name.
#![no_main]

use plugin_api::{Args, MethodName};

libfuzzer_sys::fuzz_target!(|text: &str| {
    match Args::parse(text) {
        Ok(args) => {
            let words: Vec<&str> = args.words().collect();
            assert_eq!(args.is_empty(), words.is_empty());
            // No quoting carries a NUL.
            if let Ok(line) = shlex::try_join(words.iter().copied()) {
                assert_eq!(Args::parse(&line).as_ref(), Ok(&args), "{line:?}");
            }
        }
        Err(error) => assert_eq!(error.code(), "usage"),
    }
    if let Ok(name) = MethodName::parse(text) {
        assert!(name.as_str() == text && text.len() <= MethodName::MAX_LEN);
        if let Some(file) = name.file_name() {
            assert!(!file.contains('/') && file.len() < 255, "{file:?}");
            assert_eq!(MethodName::from_file_name(&file), Some(name));
        }
    }
    if let Some(name) = MethodName::from_file_name(text) {
        assert_eq!(name.file_name().as_deref(), Some(text));
    }
});
