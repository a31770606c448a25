//! `getinfo.certificates` as a host sees it, compared with `openssl x509` on certificates that
//! openssl makes.
#![expect(clippy::disallowed_methods, reason = "the tests compare the answers with openssl")]
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests, outside of test functions"
)]

mod forms;
mod openssl;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use plugin_api::host::LoadedProvider;
use plugin_api::testing::{call, load};
use serde_json::Value;
use test_support::{DeadShare, Scratch};

use openssl::{compare, make, openssl, to_der};

fn path(folder: &Scratch, name: &str) -> String {
    folder.file(name).to_str().unwrap().to_owned()
}

fn only(provider: &LoadedProvider, path: &str) -> Value {
    let answer = call(provider, path).unwrap();
    assert_eq!(
        (answer["count"].as_u64(), answer["problems"].as_array().unwrap().len()),
        (Some(1), 0),
        "{answer}"
    );
    answer["certificates"][0].clone()
}

#[test]
fn certificates_of_every_kind_are_as_openssl_shows_them() {
    let Some(provider) = load("getinfo-certificates") else { return };
    let folder = Scratch::new("certificates-kinds");
    let names = "subjectAltName=DNS:example.org,DNS:*.example.org,IP:192.0.2.1,IP:2001:db8::1,email:joe@example.org,URI:https://example.org/";
    for (name, key, days, subject, extension) in [
        (
            "rsa",
            &["rsa:2048"][..],
            "90",
            "/C=DE/ST=Bavaria/O=Example, Inc. \\+ \"More\"/CN=example.org",
            names,
        ),
        ("rsa1024", &["rsa:1024"], "1", "/CN=small", "basicConstraints=critical,CA:FALSE"),
        (
            "ec",
            &["ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
            "400",
            "/O=Müller/CN=ec",
            "subjectAltName=DNS:ec",
        ),
        (
            "ec384",
            &["ec", "-pkeyopt", "ec_paramgen_curve:P-384"],
            "20000",
            "/CN=far away",
            "basicConstraints=CA:TRUE",
        ),
        (
            "ec521",
            &["ec", "-pkeyopt", "ec_paramgen_curve:secp521r1"],
            "10",
            "/DC=org/DC=example/UID=7/emailAddress=a@b",
            "keyUsage=digitalSignature",
        ),
        ("ed25519", &["ed25519"], "30", "/CN= blanks ", "subjectAltName=IP:10.0.0.1"),
        (
            "ed448",
            &["ed448"],
            "30",
            "/CN=#hash/OU=a\\/b/serialNumber=12",
            "subjectAltName=email:x@example.org",
        ),
    ] {
        let (file, secret) =
            (path(&folder, &format!("{name}.pem")), path(&folder, &format!("{name}.key")));
        let args = [
            &["req", "-x509", "-nodes", "-utf8", "-newkey"][..],
            key,
            &[
                "-keyout", &secret, "-out", &file, "-days", days, "-subj", subject, "-addext",
                extension,
            ],
        ]
        .concat();
        if openssl(&args, b"").is_none() {
            return;
        }
        let pem = fs::read(&file).unwrap();
        let entry = only(&provider, &file);
        assert_eq!(
            (&entry["path"], entry["position"].as_u64()),
            (&Value::from(file.as_str()), Some(1))
        );
        compare(&entry, &pem);
        // The same as DER.
        let der = path(&folder, "some.der");
        openssl(&["x509", "-outform", "DER", "-out", &der], &pem);
        compare(&only(&provider, &der), &pem);
        fs::remove_file(der).unwrap();
    }
    let answer = call(&provider, &folder.path().display().to_string()).unwrap();
    assert_eq!(answer["count"], 7);
    assert!(!answer.to_string().contains("PRIVATE"));
    let ending = call(&provider, &format!("-e 30 {}", folder.path().display())).unwrap();
    let mut names: Vec<&str> = ending["certificates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            Path::new(entry["path"].as_str().unwrap()).file_stem().unwrap().to_str().unwrap()
        })
        .collect();
    names.sort_unstable();
    assert_eq!(
        (names, ending["count"].as_u64()),
        (vec!["ec521", "ed25519", "ed448", "rsa1024"], Some(7))
    );
}

#[test]
fn an_issued_and_expired_certificate_is_shown() {
    let Some(provider) = load("getinfo-certificates") else { return };
    let folder = Scratch::new("certificates-issued");
    let (ca, key, request, leaf) = (
        path(&folder, "ca.pem"),
        path(&folder, "ca.key"),
        path(&folder, "leaf.csr"),
        path(&folder, "leaf.pem"),
    );
    let made = openssl(
        &[
            "req",
            "-x509",
            "-nodes",
            "-newkey",
            "rsa:2048",
            "-keyout",
            &key,
            "-out",
            &ca,
            "-days",
            "3650",
            "-subj",
            "/CN=Own CA",
        ],
        b"",
    );
    if made.is_none() {
        return;
    }
    let own = path(&folder, "leaf.key");
    openssl(
        &[
            "req",
            "-nodes",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-keyout",
            &own,
            "-out",
            &request,
            "-subj",
            "/CN=leaf",
        ],
        b"",
    );
    // Only `openssl ca` can set both dates.
    let config = path(&folder, "ca.cnf");
    fs::write(path(&folder, "index.txt"), "").unwrap();
    fs::write(path(&folder, "serial"), "00FACE\n").unwrap();
    fs::write(
        &config,
        format!("[ca]\ndefault_ca=a\n[a]\ndir={0}\ndatabase={0}/index.txt\nserial={0}/serial\nnew_certs_dir={0}\ndefault_md=sha384\npolicy=p\n[p]\nCN=supplied\n", folder.path().display()),
    )
    .unwrap();
    openssl(
        &[
            "ca",
            "-batch",
            "-config",
            &config,
            "-cert",
            &ca,
            "-keyfile",
            &key,
            "-in",
            &request,
            "-out",
            &leaf,
            "-notext",
            "-startdate",
            "20190101000000Z",
            "-enddate",
            "20200229120000Z",
        ],
        b"",
    );
    let pem = fs::read(&leaf).unwrap();
    let entry = only(&provider, &leaf);
    compare(&entry, &pem);
    assert_eq!(
        (&entry["issuer"], &entry["expired"], &entry["not_after"]),
        (&"CN=Own CA".into(), &true.into(), &"2020-02-29T12:00:00Z".into())
    );

    // A chain in one file, with things that do not belong there; the same certificates by other
    // names.
    let chain = [
        &b"Some words\n"[..],
        &pem,
        &fs::read(&own).unwrap(),
        b"-----BEGIN CERTIFICATE-----\nnot base64!\n-----END CERTIFICATE-----\n",
        &fs::read(&ca).unwrap(),
    ]
    .concat();
    fs::create_dir_all(folder.file("live/deep")).unwrap();
    fs::write(path(&folder, "live/fullchain.pem"), chain).unwrap();
    symlink("fullchain.pem", path(&folder, "live/5ad8a5d6.0")).unwrap();
    symlink("..", path(&folder, "live/deep/up")).unwrap();
    symlink("../../leaf.pem", path(&folder, "live/deep/cert.pem")).unwrap();
    symlink("nowhere", path(&folder, "live/dangling")).unwrap();
    let answer = call(&provider, &path(&folder, "live")).unwrap();
    let rows: Vec<(String, u64)> = answer["certificates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            (entry["subject"].as_str().unwrap().to_owned(), entry["position"].as_u64().unwrap())
        })
        .collect();
    assert_eq!(rows, [("CN=leaf".to_owned(), 1), ("CN=Own CA".to_owned(), 3)]);
    assert_eq!(
        answer["certificates"][0]["other_paths"],
        Value::from(vec![path(&folder, "live/deep/cert.pem")])
    );
    assert_eq!(answer["problems"].as_array().unwrap().len(), 1);
    assert!(
        answer["problems"][0]["message"]
            .as_str()
            .unwrap()
            .starts_with("certificate 2 is not valid")
    );
    assert!(Command::new("mkfifo").arg(path(&folder, "live/pipe")).status().unwrap().success());
    assert_eq!(call(&provider, &path(&folder, "live")).unwrap()["count"], 2);
    assert_eq!(call(&provider, &path(&folder, "live/pipe")).unwrap_err().code(), "unreadable");
    assert_eq!(call(&provider, &path(&folder, "none")).unwrap_err().code(), "unreadable");
}

/// The bound is on what the answer shows, after `-e` selects.
#[test]
fn more_certificates_than_the_answer_shows_are_told() {
    let Some(provider) = load("getinfo-certificates") else { return };
    let folder = Scratch::new("certificates-many");
    let Some(pem) = make(&folder, "one.pem", &["-days", "4000"]) else { return };
    let Some(last) = make(&folder, "zz.pem", &["-days", "3"]) else { return };
    let der = to_der(&folder, &pem);
    // The serial number stands right after the version.
    let at = der.windows(5).position(|five| five == [0xa0, 3, 2, 1, 2]).unwrap() + 5;
    assert_eq!(der[at], 2);
    let many: Vec<u8> = (0..5100_u32)
        .flat_map(|number| {
            let mut one = der.clone();
            one[at + 3..at + 7].copy_from_slice(&number.to_be_bytes());
            one
        })
        .collect();
    folder.write("many.der", many);
    let answer = call(&provider, &folder.path().display().to_string()).unwrap();
    assert_eq!((&answer["count"], &answer["truncated"]), (&Value::from(5102), &Value::from(true)));
    assert_eq!(answer["certificates"].as_array().unwrap().len(), 5000);
    let ending = call(&provider, &format!("-e 30 {}", folder.path().display())).unwrap();
    assert_eq!((&ending["count"], &ending["truncated"]), (&5102.into(), &false.into()));
    compare(&ending["certificates"][0], &last);
}

#[test]
fn a_folder_on_a_dead_share_is_reported_and_the_rest_is_answered() {
    let Some(provider) = load("getinfo-certificates") else { return };
    let folder = Scratch::new("certificates-dead");
    if make(&folder, "a.pem", &[]).is_none() {
        return;
    }
    fs::create_dir(folder.file("share")).unwrap();
    symlink("share/never.pem", folder.file("link.pem")).unwrap();
    let Some(share) = DeadShare::mount(&folder.file("share")) else { return };
    let answer = call(&provider, &folder.path().display().to_string()).unwrap();
    let want = [path(&folder, "link.pem"), path(&folder, "share")];
    assert_eq!((&answer["count"], &answer["unreadable"]), (&1.into(), &Value::from(&want[..])));
    drop(share);
    let Some(share) = DeadShare::mount(Path::new("/etc/ssl")) else { return };
    let answer = call(&provider, "").unwrap();
    assert_eq!(answer["unreadable"], Value::from(vec!["/etc/ssl"]));
    drop(share);
}

#[test]
fn the_systems_certificates_are_as_openssl_shows_them() {
    let Some(provider) = load("getinfo-certificates") else { return };
    let bundle = "/etc/ssl/certs/ca-certificates.crt";
    let Ok(text) = fs::read_to_string(bundle) else {
        println!("SKIPPED (needs {bundle})");
        return;
    };
    let answer = call(&provider, bundle).unwrap();
    let entries = answer["certificates"].as_array().unwrap();
    let end = "-----END CERTIFICATE-----";
    let pems: Vec<String> = text
        .split_inclusive(end)
        .filter(|part| part.contains("BEGIN"))
        .map(str::to_owned)
        .collect();
    assert_eq!(entries.len(), pems.len());
    // openssl runs twice for each certificate, so only every third is compared.
    for (entry, pem) in entries.iter().zip(&pems).step_by(3) {
        if compare(entry, pem.as_bytes()).is_none() {
            return;
        }
    }
    let all = call(&provider, "").unwrap();
    assert!(all["count"].as_u64().unwrap() >= pems.len() as u64);
    for args in ["-e", "-e soon", "relative", "-x"] {
        assert_eq!(call(&provider, args).unwrap_err().code(), "usage", "{args}");
    }
}
