//! The time until the first byte of each page of the console, over 100,000 hosts.
//!
//! Run `make bench-console`, or `FACTS_DIR=… cargo bench -p controller --bench console [-- DIR PART]`.
//! FACTS_DIR holds the providers' answers of a real machine, DIR keeps the filled database for the
//! next time, and only addresses with PART in them are asked for. CONTROLLER=… measures another
//! build. A real controller is filled by its API as far as that is quick (the facts of some hosts,
//! schedules, people), the rest by SQL; then it is started on HTTPS, two operators log in, and each
//! page is asked for over kept-alive connections.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark that prints its figures"
)]

#[path = "../tests/support/mod.rs"]
mod support;

#[path = "console/client.rs"]
mod client;
#[path = "console/fill.rs"]
mod fill;
#[path = "console/pages.rs"]
mod pages;
#[path = "console/seed.rs"]
mod seed;

use client::Client;
use serde_json::{Value, json};
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};
use support::binary;
use test_support::{Scratch, start_until_ready};

/// Times that each page is asked for.
const TIMES: usize = 200;

/// The bound of a page's 99th percentile, and of its HTML.
const MOST: Duration = Duration::from_millis(50);
const MOST_BYTES: usize = 100 << 10;

fn main() {
    // `cargo bench` adds --bench.
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    let kept = words.next().map(PathBuf::from);
    let part = words.next().unwrap_or_default();
    let scratch = Scratch::new("bench-console");
    let dir = kept.unwrap_or_else(|| scratch.file("filled"));
    if !dir.join("state").exists() {
        let begun = Instant::now();
        seed::make(&dir);
        fill::fill(&dir.join("state/results.db"));
        println!("the database was filled in {:.0?}", begun.elapsed());
    }
    let server = Server::start(&dir, &scratch);
    let mut client = server.client();
    client.log_in(seed::OPERATOR, seed::PASSWORD);
    let run = start_run(&mut client);
    seed::make_limited(&mut client);
    let pages = pages::pages(&mut client, &run);
    let mut missed = Vec::new();
    for (who, name, pages) in [
        ("An operator who reaches every host", seed::OPERATOR, pages),
        ("An operator whose role is two selectors", seed::LIMITED, pages::limited_pages()),
    ] {
        // A connection of its own: one that waits for long is closed.
        let mut client = server.client();
        client.log_in(name, seed::PASSWORD);
        println!("\n{who}:\n\n| page | p50 | p99 | most | HTML |\n|---|---|---|---|---|");
        for page in pages.into_iter().filter(|page| page.contains(&part)) {
            let measured = measure(&mut client, &page);
            println!("{}", measured.row(&page));
            if measured.p99 > MOST || measured.bytes > MOST_BYTES {
                missed.push(page);
            }
        }
    }
    match missed.len() {
        0 => println!("every p99 is at most {MOST:?}, and every page at most {MOST_BYTES} bytes"),
        _ => println!("beyond {MOST:?} or {MOST_BYTES} bytes: {missed:#?}"),
    }
}

/// Starts a run that waits for hosts which are offline: pages show it as it goes on.
fn start_run(client: &mut Client) -> String {
    let body = json!({
        "request": { "method": "async.bash", "cmd": "systemctl restart app", "user": "root" },
        "selector": "rack=r7"
    });
    let (status, run) = client.send("POST", "/api/v1/runs", &body);
    assert_eq!(status, 201, "{run}");
    run["id"].as_str().unwrap().to_owned()
}

/// The times of one page.
struct Measured {
    p50: Duration,
    p99: Duration,
    most: Duration,
    bytes: usize,
}

impl Measured {
    fn row(&self, page: &str) -> String {
        let Self { p50, p99, most, bytes } = self;
        let ms = |time: &Duration| format!("{:.1} ms", time.as_secs_f64() * 1e3);
        let size = format!("{:.1} kB", *bytes as f64 / 1e3);
        format!("| `{page}` | {} | {} | {} | {size} |", ms(p50), ms(p99), ms(most))
    }
}

/// Asks for a page again and again.
fn measure(client: &mut Client, page: &str) -> Measured {
    // The first time may find nothing in the database's cache.
    let bytes = client.get(page).body.len();
    let mut took: Vec<Duration> = (0..TIMES).map(|_| client.get(page).first_byte).collect();
    took.sort();
    Measured { p50: took[TIMES / 2], p99: took[TIMES * 99 / 100], most: took[TIMES - 1], bytes }
}

/// Returns the command that runs another build.
#[expect(clippy::disallowed_methods, reason = "a benchmark starts the real binary")]
fn other(program: OsString) -> Command {
    Command::new(program)
}

/// The controller on HTTPS.
struct Server {
    child: Child,
    http: SocketAddr,
    root: PathBuf,
}

impl Server {
    fn start(dir: &Path, scratch: &Scratch) -> Self {
        let (ready, log) = (scratch.file("ready.json"), scratch.file("log"));
        let mut command = std::env::var_os("CONTROLLER").map_or_else(binary, other);
        command
            .args(["--listen", "127.0.0.1:0", "--http", "0.0.0.0:0", "--name", "localhost"])
            .arg("--state-dir")
            .arg(dir.join("state"))
            .arg("--ready-file")
            .arg(&ready);
        let (child, text) = start_until_ready(&mut command, &ready, &log);
        let ready: Value = serde_json::from_str(&text).unwrap();
        let http: SocketAddr = ready["http"].as_str().unwrap().parse().unwrap();
        let http = SocketAddr::from(([127, 0, 0, 1], http.port()));
        Self { child, http, root: dir.join("state/ca/root.pem") }
    }

    fn client(&self) -> Client {
        Client::connect(self.http, &self.root)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
