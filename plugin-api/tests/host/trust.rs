//! Listed sums and signatures.
#![expect(clippy::disallowed_methods, reason = "runs sha256sum")]
#![expect(clippy::unwrap_used, reason = "helpers of tests, outside of test functions")]

use std::fs;
use std::path::Path;
use std::process::Command;

use plugin_api::MethodName;
use plugin_api::host::{self, Trust};

use crate::folder::{Folder, set_mode};

/// Signs `file` with `keys`, and writes the signature beside it.
fn sign(file: &Path, keys: &minisign::KeyPair) {
    let data = fs::File::open(file).unwrap();
    let signed = minisign::sign(Some(&keys.pk), &keys.sk, data, None, None).unwrap();
    fs::write(host::signature_of(file), signed.into_string()).unwrap();
    set_mode(&host::signature_of(file), 0o644);
}

fn sum(file: &Path) -> String {
    let sum = Command::new("sha256sum").arg(file).output().unwrap();
    String::from_utf8(sum.stdout).unwrap().split(' ').next().unwrap().to_owned()
}

#[test]
fn with_a_list_of_sums_only_listed_files_are_accepted() {
    let Some(folder) = Folder::new("listed") else { return };
    let greeting = folder.example("greeting");
    let checked = host::check(&greeting).unwrap();
    Trust::default().vouch(&checked).unwrap();
    let other = "0".repeat(64);
    Trust::new(&[other.clone(), sum(&greeting).to_uppercase()], &[])
        .unwrap()
        .vouch(&checked)
        .unwrap();
    let refused = Trust::new(&[other], &[]).unwrap().vouch(&checked).unwrap_err().to_string();
    assert!(
        refused.contains(&sum(&greeting)) && refused.contains("not among the trusted"),
        "{refused}"
    );
    // Vouching leaves the descriptor usable: the plugin can be loaded.
    host::load(checked, &MethodName::parse("getinfo.greeting").unwrap()).unwrap();
}

#[test]
fn with_trusted_keys_only_signed_files_are_accepted() {
    let Some(folder) = Folder::new("signed") else { return };
    let greeting = folder.example("greeting");
    let keys = minisign::KeyPair::generate_unencrypted_keypair().unwrap();
    let others = minisign::KeyPair::generate_unencrypted_keypair().unwrap();
    let trust = |pairs: &[&minisign::KeyPair]| {
        let keys: Vec<String> = pairs.iter().map(|pair| pair.pk.to_base64()).collect();
        Trust::new(&[], &keys).unwrap()
    };
    let vouch = |trust: &Trust| {
        trust.vouch(&host::check(&greeting).unwrap()).map_err(|err| err.to_string())
    };
    let refused = vouch(&trust(&[&keys])).unwrap_err();
    assert!(
        refused.contains("libgetinfo_greeting.so.minisig") && refused.contains("No such file"),
        "{refused}"
    );
    sign(&greeting, &keys);
    vouch(&trust(&[&keys])).unwrap();
    vouch(&trust(&[&others, &keys])).unwrap();
    assert!(vouch(&trust(&[&others])).unwrap_err().contains("a key that is not trusted"));
    // A plugin must satisfy both requirements.
    let both = |sum: String| Trust::new(&[sum], &[keys.pk.to_base64()]).unwrap();
    vouch(&both(sum(&greeting))).unwrap();
    assert!(vouch(&both("0".repeat(64))).is_err());
    // The signature must be as trusted as the plugin.
    set_mode(&host::signature_of(&greeting), 0o666);
    assert!(vouch(&trust(&[&keys])).unwrap_err().contains("is writable by others"));
    set_mode(&host::signature_of(&greeting), 0o644);
    // A changed file, then broken signatures.
    let mut bytes = fs::read(&greeting).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&greeting, &bytes).unwrap();
    assert!(vouch(&trust(&[&keys])).unwrap_err().contains("does not match this file"));
    for text in ["", "untrusted comment: x\nAAAA\n", &"x".repeat(5000)] {
        fs::write(host::signature_of(&greeting), text).unwrap();
        assert!(vouch(&trust(&[&keys])).is_err(), "{text:.20}");
    }
}

#[test]
fn malformed_sums_and_keys_are_rejected() {
    for (sums, keys, want) in [
        (vec!["00"], vec![], "64 hexadecimal"),
        (vec!["zz"], vec![], "64 hexadecimal"),
        (vec![], vec!["RWQ"], "not a minisign public key"),
        (vec![], vec![""], "not a minisign public key"),
    ] {
        let own = |texts: Vec<&str>| texts.into_iter().map(str::to_owned).collect::<Vec<_>>();
        let error = Trust::new(&own(sums), &own(keys)).unwrap_err();
        assert!(error.contains(want), "{error}");
    }
}
