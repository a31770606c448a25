//! A crash at any step of any change leaves exactly one usable identity.

use super::*;
use std::cell::Cell;
use test_support::{Pki, Scratch};

/// A server that remembers what it has issued, as ours does.
struct Server {
    pki: Pki,
    /// The public keys that it lets in.
    keys: Vec<Vec<u8>>,
    ca_version: u64,
    hosts: Cell<u32>,
}

impl Server {
    fn new() -> Self {
        Self { pki: Pki::new(), keys: Vec::new(), ca_version: 1, hosts: Cell::new(0) }
    }

    fn issue(&mut self, key: &HostKey) -> Issued {
        if !self.keys.contains(&key.public()) {
            self.keys.push(key.public());
        }
        let certificate = self.pki.sign_public(&["web-7"], &key.public());
        Issued {
            host_id: "web-7".to_owned(),
            certificate,
            ca: self.pki.ca(),
            ca_version: self.ca_version,
            generation: self.keys.len() as u64,
        }
    }
}

fn record() -> Record {
    Record { machine: Some("m".into()), servers: vec!["c.example".into()], ..Record::default() }
}

/// Joins as often as it takes, and returns how many keys the server has seen.
fn join(folder: &Folder, server: &mut Server) -> Result<(), Error> {
    let locked = folder.lock()?;
    if locked.joined()?.is_some() {
        return Ok(());
    }
    let key = locked.begin(&record())?;
    let known = server.keys.contains(&key.public());
    server.hosts.set(server.hosts.get() + u32::from(!known));
    let issued = server.issue(&key);
    locked.complete(&issued, &record())
}

/// Renews once: until a pair that is not the first one is in use alone.
fn renew(folder: &Folder, server: &mut Server, first: &[u8]) -> Result<(), Error> {
    let locked = folder.lock()?;
    let joined = locked.joined()?.expect("a host that has joined stays so");
    if joined.pairs.len() == 1 && joined.pairs[0].leaf.public != first {
        return Ok(());
    }
    if !joined.pairs[0].is_next {
        let key = locked.begin_renewal()?;
        let issued = server.issue(&key);
        locked.complete_renewal(&issued)?;
    }
    // The channel is open.
    locked.promote()
}

/// Crashes a change at each of its steps, repeats it after each crash, and checks the end of it.
fn at_every_step(
    prepare: impl Fn(&Folder, &mut Server),
    change: impl Fn(&Folder, &mut Server) -> Result<(), Error>,
    check_after_crash: impl Fn(&Folder),
    check_at_end: impl Fn(&Folder, &Server),
) -> usize {
    for steps in 0.. {
        let scratch = Scratch::new("identity");
        let (folder, mut server) = (Folder::of(scratch.path()), Server::new());
        prepare(&folder, &mut server);
        durable::crash_after(Some(steps));
        let result = change(&folder, &mut server);
        let crashed = durable::has_crashed() && result.is_err();
        durable::crash_after(None);
        check_after_crash(&folder);
        if result.is_err() {
            assert!(crashed, "step {steps}: {result:?}");
            change(&folder, &mut server).unwrap();
        }
        check_at_end(&folder, &server);
        if !crashed {
            return steps;
        }
    }
    unreachable!("each change has an end")
}

fn usable(folder: &Folder) -> Joined {
    folder.joined().unwrap().expect("one usable identity")
}

fn names(folder: &Folder) -> Vec<String> {
    let entries = std::fs::read_dir(folder.path()).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name != "lock");
    names.sort();
    names
}

const WHOLE: [&str; 4] = ["ca.pem", "cert.pem", "identity.json", "key.pem"];

#[test]
fn a_crash_at_any_step_of_joining_uses_the_token_once() {
    let steps = at_every_step(
        |_, _| {},
        join,
        |_| {},
        |folder, server| {
            assert_eq!(server.hosts.get(), 1, "a second attempt is the same host");
            assert_eq!(usable(folder).pairs.len(), 1);
            assert_eq!(names(folder), WHOLE);
        },
    );
    assert!(steps > 10, "{steps} steps");
}

#[test]
fn a_crash_at_any_step_of_a_renewal_leaves_a_usable_pair_and_in_the_end_one() {
    let first = |folder: &Folder| std::fs::read(folder.file("first")).unwrap();
    let steps = at_every_step(
        |folder, server| {
            join(folder, server).unwrap();
            let public = usable(folder).pairs[0].leaf.public.clone();
            std::fs::write(folder.file("first"), public).unwrap();
            server.ca_version = 2;
        },
        |folder, server| renew(folder, server, &first(folder)),
        |folder| {
            let joined = usable(folder);
            for pair in &joined.pairs {
                assert_eq!(folder.key_of(pair).unwrap().public(), pair.leaf.public);
            }
            assert!(joined.pairs.len() <= 2);
        },
        |folder, server| {
            let joined = usable(folder);
            assert_eq!(joined.pairs.len(), 1);
            assert!(server.keys.contains(&joined.pairs[0].leaf.public));
            assert_eq!(server.keys.len(), 2, "one renewal makes one key");
            assert_eq!((joined.record.generation, joined.record.ca_version), (2, 2));
            std::fs::remove_file(folder.file("first")).unwrap();
            assert_eq!(names(folder), WHOLE);
        },
    );
    assert!(steps > 15, "{steps} steps");
}

#[test]
fn a_crash_at_any_step_of_setting_a_key_aside_leaves_the_old_identity_or_none() {
    at_every_step(
        |folder, server| join(folder, server).unwrap(),
        |folder, _| {
            let locked = folder.lock()?;
            if locked.joined()?.is_some() || folder.record()?.is_some() {
                locked.set_aside()?;
            }
            Ok(())
        },
        |folder| {
            if let Some(joined) = folder.joined().unwrap() {
                folder.key_of(&joined.pairs[0]).unwrap();
            }
        },
        |folder, _| {
            assert!(folder.joined().unwrap().is_none());
            assert!(
                names(folder).iter().all(|name| name == "ca.pem" || name.contains("set-aside"))
            );
            let mut server = Server::new();
            join(folder, &mut server).unwrap();
            assert_eq!(usable(folder).pairs.len(), 1);
        },
    );
}

#[test]
fn a_crash_at_any_step_of_new_cas_leaves_old_or_new_ones() {
    let bundle = Pki::new().ca();
    at_every_step(
        |folder, server| join(folder, server).unwrap(),
        |folder, _| folder.lock()?.trust(&bundle, 5).map(|_| ()),
        |folder| {
            let ca = std::fs::read(folder.file("ca.pem")).unwrap();
            assert!(Leaf::read(&ca).is_some());
            usable(folder);
        },
        |folder, _| {
            assert_eq!(std::fs::read_to_string(folder.file("ca.pem")).unwrap(), bundle);
            assert_eq!(usable(folder).record.ca_version, 5);
            assert!(!folder.lock().unwrap().trust("older", 4).unwrap());
        },
    );
}

#[test]
fn a_certificate_for_another_key_is_never_stored() {
    let scratch = Scratch::new("identity");
    let (folder, mut server) = (Folder::of(scratch.path()), Server::new());
    let locked = folder.lock().unwrap();
    locked.begin(&record()).unwrap();
    let foreign = server.issue(&HostKey::generate().unwrap().0);
    assert!(matches!(locked.complete(&foreign, &record()), Err(Error::Issued(_))));
    drop(locked);
    join(&folder, &mut server).unwrap();
    let locked = folder.lock().unwrap();
    let key = locked.begin_renewal().unwrap();
    assert!(matches!(locked.complete_renewal(&foreign), Err(Error::Issued(_))));
    let mut issued = server.issue(&key);
    issued.host_id = "other".into();
    assert!(matches!(locked.complete_renewal(&issued), Err(Error::Issued(_))));
    issued.host_id = "web-7".into();
    issued.ca = "no PEM".into();
    assert!(matches!(locked.complete_renewal(&issued), Err(Error::Issued(_))));
}

#[test]
fn a_rejected_renewal_goes_back_to_the_old_pair_and_is_asked_for_with_the_same_key() {
    let scratch = Scratch::new("identity");
    let (folder, mut server) = (Folder::of(scratch.path()), Server::new());
    join(&folder, &mut server).unwrap();
    let locked = folder.lock().unwrap();
    let key = locked.begin_renewal().unwrap();
    assert!(locked.joined().unwrap().unwrap().is_renewing);
    locked.complete_renewal(&server.issue(&key)).unwrap();
    let joined = locked.joined().unwrap().unwrap();
    assert!(joined.pair(false).is_next && !joined.pair(true).is_next && !joined.is_renewing);
    locked.reject_next().unwrap();
    let joined = locked.joined().unwrap().unwrap();
    assert!(joined.is_renewing && joined.pairs.len() == 1);
    assert_eq!(locked.begin_renewal().unwrap().public(), key.public());
}

#[test]
fn another_machine_does_not_continue_an_attempt_with_the_same_key() {
    let scratch = Scratch::new("identity");
    let folder = Folder::of(scratch.path());
    let locked = folder.lock().unwrap();
    let key = locked.begin(&record()).unwrap();
    assert_eq!(locked.begin(&record()).unwrap().public(), key.public());
    let other = Record { machine: Some("other".into()), ..record() };
    assert_ne!(locked.begin(&other).unwrap().public(), key.public());
}

#[test]
fn a_clock_that_is_ahead_makes_no_new_certificate_due() {
    let scratch = Scratch::new("identity");
    let (folder, server) = (Folder::of(scratch.path()), Server::new());
    let locked = folder.lock().unwrap();
    let key = locked.begin(&record()).unwrap();
    // By this host's clock the server's new certificate has been over for a day.
    let (from, to) = (now() - 8 * 86_400, now() - 86_400);
    let certificate = server.pki.sign_public_between(&["web-7"], &key.public(), from, to);
    let issued = Issued {
        host_id: "web-7".into(),
        certificate,
        ca: server.pki.ca(),
        ca_version: 1,
        generation: 1,
    };
    locked.complete(&issued, &record()).unwrap();
    let joined = locked.joined().unwrap().unwrap();
    let pair = &joined.pairs[0];
    assert!(!joined.has_expired(pair, now()));
    assert!(joined.renewal(pair) > now() + 2 * 86_400);
    assert!(joined.has_expired(pair, now() + 8 * 86_400));
    // The clock was set back: the certificate says when it is due.
    let record = Record { received: Some(now() + 86_400), ..joined.record.clone() };
    locked.write("identity.json", &record.to_bytes()).unwrap();
    let joined = locked.joined().unwrap().unwrap();
    assert!(joined.has_expired(&joined.pairs[0], now()));
}
