//! Certificates in unusual forms.

use super::openssl::{compare, make, openssl, to_der};
use super::{only, path};
use plugin_api::testing::{call, load};
use serde_json::Value;
use std::fs;
use test_support::Scratch;

#[test]
fn a_certificate_in_several_forms_is_one() {
    let Some(provider) = load("getinfo-certificates") else { return };
    let folder = Scratch::new("certificates-forms");
    let Some(pem) = make(&folder, "a.pem", &["-set_serial", "-500"]) else { return };
    fs::remove_file(folder.file("key")).unwrap();
    let entry = only(&provider, &path(&folder, "a.pem"));
    compare(&entry, &pem);
    assert_eq!(entry["serial"], "-01F4");
    let der = to_der(&folder, &pem);
    let text = String::from_utf8(pem.clone()).unwrap();
    folder.write("b-x509.pem", text.replace("CERTIFICATE", "X509 CERTIFICATE"));
    folder
        .write("c-windows.cer", [b"\xef\xbb\xbf", text.replace('\n', "\r\n").as_bytes()].concat());
    let wide: Vec<u8> =
        format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    folder.write("d-wide.cer", wide);
    folder.write("e.der", &der);
    folder.write("f-trailing.der", [&der[..], b"\0\0more"].concat());
    folder.write("g-twice.der", [&der[..], &der].concat());
    openssl(
        &["x509", "-trustout", "-setalias", "x", "-out", &path(&folder, "h-trusted.pem")],
        &pem,
    );
    for (form, name) in [("DER", "i.p7b"), ("PEM", "j.p7b")] {
        let (from, to) = (path(&folder, "a.pem"), path(&folder, name));
        openssl(&["crl2pkcs7", "-nocrl", "-certfile", &from, "-outform", form, "-out", &to], b"");
    }
    folder.write("k-commented.conf", text.replace("-----BEGIN", "# -----BEGIN"));
    folder.write("l-quoted.conf", format!("x = \"{text}\"\n-----BEGINNING\n"));
    let answer = call(&provider, &folder.path().display().to_string()).unwrap();
    assert_eq!((&answer["count"], &answer["problems"]), (&1.into(), &Value::Array(vec![])));
    assert_eq!(answer["certificates"][0]["other_paths"].as_array().unwrap().len(), 9, "{answer}");

    // A store that can't be read, and files that claim to be certificates, are told.
    folder.write("m.p12", "\x30\x03");
    folder.write("n.crt", &der[..der.len() - 9]);
    folder.write("o.key", &der[..der.len() - 9]);
    folder.write("p.p7b", "-----BEGIN PKCS7-----\nMAMCAQE=\n-----END PKCS7-----\n");
    let answer = call(&provider, &folder.path().display().to_string()).unwrap();
    let problems: Vec<&str> = answer["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|problem| problem["path"].as_str().unwrap().rsplit('/').next().unwrap())
        .collect();
    assert_eq!(problems, ["m.p12", "n.crt", "p.p7b"]);
}

/// An element of DER.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    [&[tag, 0x82], &length[..], content].concat()
}

/// The contents of the elements in some DER, each with its tag and length before it.
fn elements(mut der: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut all = Vec::new();
    while let [_, first, ..] = *der {
        let (start, length) = match first {
            0x82 => (4, usize::from(der[2]) << 8 | usize::from(der[3])),
            0x81 => (3, usize::from(der[2])),
            short => (2, usize::from(short)),
        };
        all.push((der[..start + length].to_vec(), der[start..start + length].to_vec()));
        der = &der[start + length..];
    }
    all
}

/// Times that RFC 5280 forbids and openssl shows nevertheless.
#[test]
fn times_with_an_offset_or_a_fraction_are_read() {
    let Some(provider) = load("getinfo-certificates") else { return };
    let folder = Scratch::new("certificates-times");
    let Some(pem) = make(&folder, "a.pem", &[]) else { return };
    let outer = elements(&elements(&to_der(&folder, &pem))[0].1);
    let fields = elements(&outer[0].1);
    for (tag, time, want) in [
        (0x17, "300101013000+0130", "2030-01-01T00:00:00Z"),
        (0x17, "3001010000Z", "2030-01-01T00:00:00Z"),
        (0x18, "20300101000000.25Z", "2030-01-01T00:00:00Z"),
        (0x18, "20291231190000.5-0500", "2030-01-01T00:00:00Z"),
    ] {
        let validity = [element(0x17, b"200101000000Z"), element(tag, time.as_bytes())].concat();
        // Version, serial number, algorithm and issuer come before it.
        let whole = |range: &[(Vec<u8>, Vec<u8>)]| -> Vec<u8> {
            range.iter().flat_map(|(whole, _)| whole.clone()).collect()
        };
        let inner = [whole(&fields[..4]), element(0x30, &validity), whole(&fields[5..])].concat();
        let der = element(0x30, &[element(0x30, &inner), whole(&outer[1..])].concat());
        let file = folder.write("changed.der", der);
        let entry = only(&provider, file.to_str().unwrap());
        assert_eq!((&entry["not_after"], &entry["subject"]), (&want.into(), &"CN=a.pem".into()));
    }
}
