//! `getinfo.certificates` as a host sees it, compared with `openssl x509` on certificates that
//! openssl makes.
#![expect(clippy::disallowed_methods, reason = "the tests compare the answers with openssl")]
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests, outside of test functions"
)]

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

use plugin_api::host::LoadedProvider;
use plugin_api::testing::{call, load};
use serde_json::Value;
use test_support::{DeadShare, Scratch};

fn path(folder: &Scratch, name: &str) -> String {
    folder.file(name).to_str().unwrap().to_owned()
}

/// Runs openssl. Without it, prints that the test is skipped and returns `None`.
fn openssl(args: &[&str], input: &[u8]) -> Option<String> {
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
fn epoch(text: &str) -> i64 {
    let output = Command::new("date").args(["-u", "-d", text, "+%s"]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
}

/// Compares an entry with all that openssl shows of the same certificate in PEM.
fn compare(entry: &Value, pem: &[u8]) -> Option<()> {
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

/// Makes a certificate of its own in a file.
fn make(folder: &Scratch, name: &str, more: &[&str]) -> Option<Vec<u8>> {
    let (file, key) = (path(folder, name), path(folder, "key"));
    let subject = format!("/CN={name}");
    let args = ["req", "-x509", "-nodes", "-newkey", "ed25519", "-keyout", &key, "-out", &file];
    openssl(&[&args[..], &["-subj", &subject], more].concat(), b"")?;
    Some(fs::read(file).unwrap())
}

fn to_der(folder: &Scratch, pem: &[u8]) -> Vec<u8> {
    let file = path(folder, "made.tmp");
    openssl(&["x509", "-outform", "DER", "-out", &file], pem).unwrap();
    let der = fs::read(&file).unwrap();
    fs::remove_file(file).unwrap();
    der
}

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
