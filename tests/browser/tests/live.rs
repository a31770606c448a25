//! A page that stays open while there is no room for its stream, in a real browser.

use browser::{Console, browser};
use serde_json::json;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;
use test_support::{wait_some_within, wait_until};

/// Longer than a page waits before it asks for its stream again: up to 38 s.
const PATIENCE: Duration = Duration::from_secs(120);

/// Opens a stream as a program of `ann`; returns it if there is room.
fn stream(console: &Console, secret: &str) -> Option<TcpStream> {
    let url = console.url("");
    let mut stream = TcpStream::connect(url.trim_start_matches("http://")).expect("a connection");
    let request = format!(
        "GET /api/v1/live?kinds=hosts HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {secret}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).expect("a request");
    let mut status = [0; 12];
    stream.read_exact(&mut status).expect("an answer");
    (&status == b"HTTP/1.1 200").then_some(stream)
}

#[test]
fn a_page_without_room_for_its_stream_says_so_and_goes_on_by_itself() {
    let Some(browser) = browser("live") else { return };
    let console = Console::start();
    console.log_in(&browser);
    let token = console.api("POST", "operators/ann/tokens", Some(&json!({"name": "streams"})));
    let secret = token["secret"].as_str().expect("a token");
    // The page that is open now has a place of its own.
    browser.go(&console.url("/login"));
    let mut open = Vec::new();
    wait_until("every place is taken", || match stream(&console, secret) {
        Some(stream) => {
            open.push(stream);
            open.len() > 32
        }
        None => open.len() == 32,
    });
    assert_eq!(open.len(), 32);
    browser.go(&console.url("/hosts"));
    browser.wait_for_text("This page does not follow what happens");
    browser.wait_for_text("close one");
    // The browser tells of the status 429.
    browser.messages();
    browser.check();
    drop(open);
    wait_some_within(PATIENCE, "the page follows again", || {
        let follows = browser.run("return document.getElementById('lost') === null");
        (follows == true).then_some(())
    });
    // From then on it shows what is new.
    let (_, agent) = console.agent();
    browser.wait_for("#content table tbody tr");
    drop(agent);
}
