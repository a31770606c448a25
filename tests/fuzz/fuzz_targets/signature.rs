//! A minisign signature and a public key, up to a NUL and behind it: taken or refused in a line, and no signature that was
//! made up vouches for anything.
#![no_main]

#[path = "../../../plugin-api/src/host/minisign.rs"]
#[allow(dead_code, reason = "a part of it is for the host")]
mod minisign;

use minisign::{PublicKey, Signature};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (signature, key) = text.split_once('\0').unwrap_or((text, text));
    let keys: Vec<PublicKey> = PublicKey::parse(key).into_iter().collect();
    match Signature::parse(signature) {
        Ok(signature) => assert!(signature.verify(&[7; 64], &keys).is_err()),
        Err(why) => assert!(!why.to_string().is_empty() && !why.to_string().contains('\n')),
    }
});
