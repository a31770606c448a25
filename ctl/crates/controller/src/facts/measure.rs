//! A measurement of the facts of a large fleet: what they occupy, and how long searches take. It
//! asserts nothing about time, so it is no test: run `make bench-facts`.
//!
//! The documents are this machine's own answers, varied: images with packages, services and
//! versions of their own, and hosts with names, addresses, serial numbers and a certificate of their
//! own. Thirty days of ordinary changes follow: four times other packages, a restart, a certificate
//! that is renewed. `FACTS_STORE` names a folder whose database is kept: a measurement goes
//! on where an earlier one ended.

use super::{Query, Searches, selection};
use crate::store::{
    Bounds, ChannelProof, DocumentHosts, EntryQuery, FactAnswer, FactLabels, HostAnswers, KeyRange,
    NewChannel, SqliteStore, Store,
};
use fleet::facts::index::Kind;
use fleet::facts::version::Manager;
use fleet::facts::{Question, volatile};
use fleet::identity::UnknownHosts;
use fleet::role::Reach;
use fleet::{DAY, Digest, UnixMillis};
use serde_json::{Value, json};
use std::cmp::Ordering as Order;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use test_support::Scratch;

/// Puts in flight.
const WIDTH: usize = 32;

const NOW: UnixMillis = 4_000_000_000_000;

/// This machine's answers by method.
type Answers = BTreeMap<String, Value>;

fn hosts() -> u32 {
    variable("FACTS_HOSTS").unwrap_or(100_000)
}

/// Returns the number of images: a smaller fleet with as many hosts an image occupies as much a host.
fn images() -> u32 {
    variable("FACTS_IMAGES").unwrap_or(1000)
}

fn variable(name: &str) -> Option<u32> {
    std::env::var(name).ok()?.parse().ok()
}

/// Reads the answers that `make bench-facts` has written: `NAME.json` each.
fn answers(dir: &Path) -> Answers {
    super::DEFAULT_METHODS
        .iter()
        .map(|method| {
            let file = dir.join(format!("{}.json", fleet::facts::short_name(method)));
            let text = std::fs::read_to_string(&file).unwrap_or_else(|error| {
                panic!("{}: {error}; run make bench-facts", file.display())
            });
            ((*method).to_owned(), serde_json::from_str(&text).unwrap())
        })
        .collect()
}

/// Returns a number that depends on nothing but these.
fn number(of: &[u32]) -> u32 {
    let bytes: Vec<u8> = of.iter().flat_map(|part| part.to_le_bytes()).collect();
    u32::from_le_bytes(Digest::of(&bytes).as_bytes()[..4].try_into().unwrap())
}

/// Returns the documents that all hosts of an image share, so many updates of packages later.
fn image(answers: &Answers, image: u32, updates: u32) -> Answers {
    let mut own = answers.clone();
    let packages = own.get_mut("getinfo.packages").unwrap()["packages"].as_array_mut().unwrap();
    let mut index = 0;
    packages.retain(|_| {
        index += 1;
        !number(&[image, index, 1]).is_multiple_of(20)
    });
    for (place, package) in (0..).zip(packages.iter_mut()) {
        if number(&[image, place, 2]).is_multiple_of(10) {
            package["version"] = json!(format!("1.{}-{}", image % 7, place % 5));
        }
        for update in 0..updates {
            if number(&[image, place, 3, update]).is_multiple_of(40) {
                package["version"] = json!(format!("2.{update}.{image}-1"));
                package["installed_epoch"] = json!(1_800_000_000 + update * 604_800);
            }
        }
    }
    for extra in 0..20 {
        let name = format!("site-{}", number(&[image, extra, 4]) % 500);
        packages.push(json!({"manager": "dpkg", "name": name, "version": format!("{extra}.{}", image % 9),
            "architecture": "all", "status": "installed", "summary": "a package of the site's own"}));
    }
    packages.push(json!({"manager": "dpkg", "name": "openssl", "status": "installed",
        "version": format!("3.0.{}-1~deb12u{}", 9 + image % 7, 1 + image % 3)}));
    let services = own.get_mut("getinfo.services").unwrap()["services"].as_array_mut().unwrap();
    for (place, service) in (0..).zip(services.iter_mut()) {
        if number(&[image, place, 5]).is_multiple_of(15) {
            service["state"] = json!(["enabled", "disabled", "masked"][image as usize % 3]);
        }
    }
    let release = &mut own.get_mut("getinfo.os").unwrap()["release"];
    release["version_id"] = json!((image % 10).to_string());
    own.get_mut("getinfo.kernel").unwrap()["release"] = json!(format!("6.{}.0", image % 30));
    own.get_mut("getinfo.memory").unwrap()["total_bytes"] = json!(u64::from(image % 10) << 30);
    own
}

/// What all hosts of an image answer alike, ready to be sent, and what each one changes.
struct Image {
    shared: BTreeMap<String, FactAnswer>,
    own: Answers,
    /// The text of the certificates, without its last two brackets: the document, and the answer.
    certificates: [String; 2],
}

/// Methods of which each host has an answer of its own.
const OWN: [&str; 5] =
    ["getinfo.os", "getinfo.kernel", "getinfo.network", "getinfo.disks", "getinfo.hardware"];

impl Image {
    fn of(mut answers: Answers) -> Self {
        let list = answers.remove("getinfo.certificates").unwrap()["certificates"].to_string();
        let own = answers.clone().into_iter().filter(|(name, _)| OWN.contains(&name.as_str()));
        let own = own.collect();
        answers.retain(|name, _| !OWN.contains(&name.as_str()));
        let shared = answers.iter().map(|(name, value)| (name.clone(), answer(name, value)));
        let days: Value = serde_json::from_str(&list).unwrap();
        let without = json!({ "certificates": days }).to_string();
        let document = volatile::document("getinfo.certificates", &without).unwrap();
        let certificates =
            [document, without].map(|text| text.strip_suffix("]}").unwrap().to_owned());
        Self { shared: shared.collect(), own, certificates }
    }
}

/// What has happened to each host: how often packages were updated, it was restarted, and its
/// certificate was renewed.
type Changes = (u32, u32, u32);

/// Returns the methods whose answers are not as before; `None`: all of them, the first time.
fn differing(before: Option<Changes>, now: Changes) -> Option<Vec<&'static str>> {
    let before = before?;
    let all = [
        ("getinfo.packages", before.0 != now.0),
        ("getinfo.kernel", before.1 != now.1),
        ("getinfo.certificates", before.2 != now.2),
    ];
    Some(all.into_iter().filter(|(_, differs)| *differs).map(|(method, _)| method).collect())
}

/// Returns what a host of an image answers. An answer that is the same is not sent, as the agent
/// does.
fn host(
    image: &Image,
    of: u32,
    (_, restarts, renewals): Changes,
    sent: Option<&[&'static str]>,
) -> BTreeMap<String, FactAnswer> {
    let mut own = image.own.clone();
    let serial = |salt: u32| format!("{:08x}{:08x}", number(&[of, salt]), number(&[salt, of]));
    let name = format!("host-{of:06}");
    let os = own.get_mut("getinfo.os").unwrap();
    (os["hostname"], os["machine_id"]) = (json!(name), json!(serial(1) + &serial(2)));
    let kernel = own.get_mut("getinfo.kernel").unwrap();
    kernel["hostname"] = json!(name);
    kernel["boot"]["id"] = json!(serial(10 + restarts));
    let interfaces = own.get_mut("getinfo.network").unwrap()["interfaces"].as_array_mut().unwrap();
    for (place, interface) in (0..).zip(interfaces.iter_mut()) {
        let mac = serial(20 + place);
        let pairs: Vec<&str> = (0..6).map(|pair| &mac[2 * pair..2 * pair + 2]).collect();
        interface["mac"] = json!(pairs.join(":"));
        if let Some(address) = interface["addresses"].get_mut(0) {
            address["address"] = json!(format!("10.{}.{}.{}", of >> 16, of >> 8 & 255, of & 255));
        }
    }
    for device in own.get_mut("getinfo.disks").unwrap()["devices"].as_array_mut().unwrap() {
        device["serial"] = json!(serial(30));
    }
    let system = &mut own.get_mut("getinfo.hardware").unwrap()["system"];
    (system["serial"], system["uuid"]) = (json!(serial(40)), json!(serial(41) + &serial(42)));
    let certificate = json!({"path": "/etc/ssl/private/host.pem", "position": 1,
        "subject": format!("CN={name}"), "issuer": "CN=Site CA", "serial": serial(50 + renewals),
        "not_after": format!("20{}-0{}-01T00:00:00Z", 26 + renewals, 1 + of % 9),
        "sha256": serial(60 + renewals).repeat(4)});
    let [document, whole] =
        image.certificates.each_ref().map(|text| format!("{text},{certificate}]}}"));
    let mut answers = image.shared.clone();
    answers.extend(own.into_iter().map(|(method, value)| {
        let answer = answer(&method, &value);
        (method, answer)
    }));
    let certificates = FactAnswer::Facts { document, whole: Some(whole) };
    answers.insert("getinfo.certificates".to_owned(), certificates);
    if let Some(sent) = sent {
        for (method, answer) in &mut answers {
            if !sent.contains(&method.as_str()) {
                *answer = FactAnswer::Unchanged;
            }
        }
    }
    answers
}

fn answer(method: &str, value: &Value) -> FactAnswer {
    let text = value.to_string();
    match volatile::document(method, &text) {
        Some(document) => FactAnswer::Facts { document, whole: Some(text) },
        None => FactAnswer::Facts { document: text, whole: None },
    }
}

/// Stores what every host answers, `WIDTH` hosts at a time; hosts of one image follow one another.
async fn round(
    store: &Arc<dyn Store>,
    what: &str,
    at: UnixMillis,
    base: &Arc<Answers>,
    before: Option<Changes>,
    now: Changes,
) {
    let last = store.known_facts(&format!("host-{:06}", hosts() - 1)).await.unwrap().asked;
    if last >= Some(at) {
        println!("{what}: made by an earlier measurement");
        return;
    }
    let (count, begun) = (hosts(), Instant::now());
    let sent = Arc::new(differing(before, now));
    let (next, tasks) = (Arc::new(AtomicU32::new(0)), Arc::new(tokio::sync::Semaphore::new(WIDTH)));
    let mut working = tokio::task::JoinSet::new();
    for _ in 0..2 {
        let (store, base, sent) = (Arc::clone(store), Arc::clone(base), Arc::clone(&sent));
        let (next, tasks) = (Arc::clone(&next), Arc::clone(&tasks));
        working.spawn(async move {
            loop {
                let of = next.fetch_add(1, Ordering::Relaxed);
                if of >= images() {
                    return;
                }
                let image = Arc::new(Image::of(image(&base, of, now.0)));
                let mut puts = tokio::task::JoinSet::new();
                for number in (of..count).step_by(images() as usize) {
                    let turn = Arc::clone(&tasks).acquire_owned().await.unwrap();
                    let (store, image, sent) =
                        (Arc::clone(&store), Arc::clone(&image), Arc::clone(&sent));
                    puts.spawn(async move {
                        let answers = host(&image, number, now, sent.as_deref());
                        let (host, labels) = (format!("host-{number:06}"), FactLabels::default());
                        let answers = HostAnswers { host, now: at, answers, labels };
                        store.put_facts(answers).await.unwrap();
                        drop(turn);
                    });
                }
                while let Some(put) = puts.join_next().await {
                    put.unwrap();
                }
            }
        });
    }
    while let Some(worked) = working.join_next().await {
        worked.unwrap();
    }
    let took = begun.elapsed().as_secs_f64();
    println!("{what}: {:.0} hosts/s ({count} in {took:.0} s)", f64::from(count) / took);
}

/// Prints what the database's file occupies after a checkpoint.
fn occupied(dir: &Path, what: &str) {
    let file = dir.join("results.db");
    let sql = rusqlite::Connection::open(&file).unwrap();
    sql.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    let bytes = file.metadata().unwrap().len();
    println!(
        "{what}: {} MiB, {:.2} KB a host",
        bytes >> 20,
        bytes as f64 / 1000.0 / f64::from(hosts())
    );
}

/// Times a search by package name and version, as the API makes it.
async fn packages(store: &Arc<dyn Store>) {
    for name in ["openssl", "site-7", "bash"] {
        let begun = Instant::now();
        let key = KeyRange::Is(name.to_owned());
        let mut found =
            store.documents_with(EntryQuery { kind: Kind::Package, key }).await.unwrap();
        found.retain(|_, entries| {
            entries.iter().any(|(_, value)| {
                let version = value.strip_prefix("dpkg ").unwrap_or_default();
                Manager::Dpkg.compare(version, "3.0.14") == Order::Less
            })
        });
        let current = store.current_documents(Kind::Package.method()).await.unwrap();
        let documents = current.iter().filter(|document| found.contains_key(&document.number));
        let documents = documents.map(|it| (it.number, it.hosts)).collect();
        let query = DocumentHosts {
            method: Kind::Package.method().to_owned(),
            documents: Arc::new(documents),
            hosts: selection(&Reach::Everything, None),
            after: String::new(),
            limit: 1000,
        };
        let page = store.hosts_of_documents(query).await.unwrap();
        println!(
            "hosts with {name} below 3.0.14: {:.1?} ({} documents, a page of {})",
            begun.elapsed(),
            found.len(),
            page.hosts.len()
        );
    }
}

/// Times searches by JSONPath, the first time and again.
async fn paths(store: &Arc<dyn Store>) {
    let searches = Searches::default();
    for text in [
        "os.release.version_id",
        "kernel.release",
        "network.interfaces[?@.mtu<1500].name",
        "hardware.system.serial",
        "$.packages[?@.name==\"openssl\"].version",
        "$.packages[?match(@.name, 'site-1.*')].name",
        "$.certificates[?@.issuer=='CN=Site CA'].not_after",
    ] {
        let query = Query::new(&Question::parse(text, None).unwrap()).unwrap();
        let mut took = Vec::new();
        let mut found = 0;
        for _ in 0..2 {
            let begun = Instant::now();
            match searches.ask(store, text, &query).await {
                Ok(matches) => {
                    let selected = selection(&Reach::Everything, None);
                    let counts = store.count_documents(&query.method, selected).await.unwrap();
                    found = matches.by_value(&counts).0.len();
                    took.push(format!("{:.2?}", begun.elapsed()));
                }
                Err(error) => took.push(format!("{error} ({:.1?})", begun.elapsed())),
            }
        }
        println!("{text}: {} ({found} values)", took.join(", again "));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement: make bench-facts"]
async fn facts_of_a_large_fleet() {
    let dir = std::env::var("FACTS_DIR").expect("FACTS_DIR: run make bench-facts");
    let base = Arc::new(answers(Path::new(&dir)));
    let scratch = Scratch::new("controller-facts");
    let kept = std::env::var_os("FACTS_STORE").map(PathBuf::from);
    let place = kept.as_deref().unwrap_or(scratch.path());
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(place, Bounds::generous()).unwrap());
    make(&store, place, &base).await;
    // The check of the database's content takes a processor for 10 s after the start.
    tokio::time::sleep(Duration::from_secs(11)).await;
    packages(&store).await;
    paths(&store).await;
    store.close().await;
}

/// Makes the hosts and their facts.
async fn make(store: &Arc<dyn Store>, place: &Path, base: &Arc<Answers>) {
    let begun = Instant::now();
    let is_made = store.host(&format!("host-{:06}", hosts() - 1)).await.unwrap().is_some();
    for number in (0..hosts()).filter(|_| !is_made) {
        let channel = NewChannel {
            host: format!("host-{number:06}"),
            proof: ChannelProof::Foreign { unknown: UnknownHosts::Accept },
            address: "192.0.2.7:1".parse().unwrap(),
            version: None,
            boot: None,
            ca_version: None,
            now: NOW,
        };
        let store = Arc::clone(store);
        if number % 2000 == 1999 || number + 1 == hosts() {
            store.connected(channel).await.unwrap().unwrap();
        } else {
            tokio::spawn(async move { store.connected(channel).await.unwrap().unwrap() });
        }
    }
    println!("{} hosts in {:.0?}", hosts(), begun.elapsed());
    occupied(place, "hosts alone");
    let mut before = (0, 0, 0);
    round(store, "first answers", NOW, base, None, before).await;
    occupied(place, "with facts");
    for (day, now) in
        [(2, (1, 0, 0)), (9, (2, 1, 0)), (16, (3, 1, 0)), (23, (4, 1, 1)), (30, (4, 1, 1))]
    {
        let what = format!("day {day}");
        round(store, &what, NOW + day * DAY, base, Some(before), now).await;
        before = now;
    }
    occupied(place, "after 30 days");
}
