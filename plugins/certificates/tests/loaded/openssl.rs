//! OpenSSL's view of a certificate, which the answers must match.

use super::path;
use serde_json::Value;
use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};
use test_support::Scratch;

/// Runs openssl. Without it, prints that the test is skipped and returns `None`.
pub(super) fn openssl(args: &[&str], input: &[u8]) -> Option<String> {
    let child = Command::new("openssl")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut child) = child else {
        println!("SKIPPED (needs openssl)");
        return None;
    };
    let _ = child.stdin.take().unwrap().write_all(input);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{args:?}");
    Some(String::from_utf8(output.stdout).unwrap())
}

/// Converts `Jan  2 03:04:05 2030 GMT` to seconds since 1970 by date(1).
pub(super) fn epoch(text: &str) -> i64 {
    let output = Command::new("date").args(["-u", "-d", text, "+%s"]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
}

/// Compares an entry with all that openssl shows of the same certificate in PEM.
pub(super) fn compare(entry: &Value, pem: &[u8]) -> Option<()> {
    let fields = [
        "-noout",
        "-serial",
        "-startdate",
        "-enddate",
        "-fingerprint",
        "-sha256",
        "-subject",
        "-issuer",
    ];
    let names = ["-nameopt", "esc_2253,utf8,sep_comma_plus_space,sname"];
    let text = openssl(&[&["x509"][..], &fields, &names].concat(), pem)?;
    let value = |key: &str| {
        let line = text.lines().find(|line| line.to_ascii_lowercase().starts_with(key));
        line.and_then(|line| line.split_once('='))
            .unwrap_or_else(|| panic!("{key} in {text}"))
            .1
            .trim_start()
    };
    assert_eq!(entry["serial"], value("serial"));
    assert_eq!(entry["sha256"], value("sha256 fingerprint").replace(':', ""));
    assert_eq!(entry["subject"], value("subject"), "{text}");
    assert_eq!(entry["issuer"], value("issuer"), "{text}");
    assert_eq!(entry["self_signed"], value("subject") == value("issuer"));
    let end = epoch(value("notafter"));
    assert_eq!(entry["not_after_epoch"], end);
    let iso = |text: &str| {
        let output =
            Command::new("date").args(["-u", "-d", text, "+%Y-%m-%dT%H:%M:%SZ"]).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    assert_eq!(
        (&entry["not_before"], &entry["not_after"]),
        (&iso(value("notbefore")).into(), &iso(value("notafter")).into())
    );
    let now = i64::try_from(
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs(),
    )
    .unwrap();
    assert!((entry["days_left"].as_i64().unwrap() - (end - now).div_euclid(86_400)).abs() <= 1);
    assert_eq!(entry["expired"], end < now);

    let whole = openssl(&["x509", "-noout", "-text"], pem)?;
    let after =
        |key: &str| whole.lines().find_map(|line| line.trim().strip_prefix(key)).map(str::trim);
    assert_eq!(entry["signature_algorithm"].as_str(), after("Signature Algorithm:"), "{whole}");
    assert_eq!(entry["is_ca"], whole.contains("CA:TRUE"));
    if let Some(bits) = after("Public-Key:") {
        assert_eq!(format!("({} bit)", entry["key_bits"]), bits);
    }
    let kind = after("Public Key Algorithm:").unwrap();
    let want = match kind {
        "rsaEncryption" => "rsa",
        "id-ecPublicKey" => "ec",
        "ED25519" => "ed25519",
        "ED448" => "ed448",
        other => panic!("{other}"),
    };
    assert_eq!(entry["key_type"], want);
    let names = whole
        .lines()
        .skip_while(|line| !line.contains("X509v3 Subject Alternative Name"))
        .nth(1)
        .unwrap_or_default();
    let mut sans: Vec<String> = names
        .trim()
        .split(", ")
        .filter(|name| !name.is_empty())
        .map(|name| name.replace("IP Address:", "IP:"))
        .collect();
    // openssl writes IPv6 in full and in upper case, and names in its old form.
    for san in &mut sans {
        if let Some(name) = san.strip_prefix("DirName:/") {
            *san = format!("DirName:{}", name.replace('/', ", "));
        }
        if let Some(address) = san.strip_prefix("IP:") {
            *san = format!("IP:{}", address.parse::<std::net::IpAddr>().unwrap());
        }
    }
    assert_eq!(entry["sans"], Value::from(sans), "{names}");
    Some(())
}

/// Makes a certificate of its own in a file.
pub(super) fn make(folder: &Scratch, name: &str, more: &[&str]) -> Option<Vec<u8>> {
    let (file, key) = (path(folder, name), path(folder, "key"));
    let subject = format!("/CN={name}");
    let args = ["req", "-x509", "-nodes", "-newkey", "ed25519", "-keyout", &key, "-out", &file];
    openssl(&[&args[..], &["-subj", &subject], more].concat(), b"")?;
    Some(fs::read(file).unwrap())
}

pub(super) fn to_der(folder: &Scratch, pem: &[u8]) -> Vec<u8> {
    let file = path(folder, "made.tmp");
    openssl(&["x509", "-outform", "DER", "-out", &file], pem).unwrap();
    let der = fs::read(&file).unwrap();
    fs::remove_file(file).unwrap();
    der
}
