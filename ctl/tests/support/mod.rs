//! A stand-in for the controller's API, and the real binary as its client.

#![allow(dead_code, reason = "each test file uses a part")]
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests start the real binary")]

mod standin;
mod terminal;

#[allow(unused_imports, reason = "each test file uses a part")]
pub(crate) use standin::{Reply, StandIn};
#[allow(unused_imports, reason = "each test file uses a part")]
pub(crate) use terminal::Terminal;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;

pub(crate) const TOKEN: &str = "0123456789abcdef0123";

/// A request as the controller received it.
pub(crate) struct Received {
    pub(crate) line: String,
    pub(crate) head: String,
    pub(crate) body: serde_json::Value,
}

/// Replies to one request with `status` and `body`.
pub(crate) fn controller(status: u16, body: &str) -> (String, JoinHandle<Received>) {
    let (url, serving) = controller_of(&[(status, body)]);
    (url, std::thread::spawn(move || serving.join().unwrap().pop().unwrap()))
}

/// Replies to requests one after the other.
pub(crate) fn controller_of(replies: &[(u16, &str)]) -> (String, JoinHandle<Vec<Received>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let replies: Vec<(u16, String)> =
        replies.iter().map(|(status, body)| (*status, (*body).to_owned())).collect();
    let serving = std::thread::spawn(move || {
        replies.iter().map(|(status, body)| reply(&listener, *status, body)).collect()
    });
    (url, serving)
}

fn reply(listener: &TcpListener, status: u16, body: &str) -> Received {
    let (mut stream, _) = listener.accept().unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(reader.read_line(&mut head).unwrap() > 0, "{head}");
    }
    let line = head.lines().next().unwrap().to_owned();
    let head = head.to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().unwrap());
    let mut sent = vec![0; length];
    reader.read_exact(&mut sent).unwrap();
    // The client may have closed the connection already.
    let _ = write!(
        stream,
        "HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    Received { line, head, body: serde_json::from_slice(&sent).unwrap_or_default() }
}

pub(crate) fn start(url: &str, args: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_BasicAgentCtl"))
        .args(["--controller", url])
        .args(args)
        .env("BASICAGENT_TOKEN", TOKEN)
        // The token must not pass through a proxy.
        .env("HTTP_PROXY", "http://127.0.0.1:9")
        .env("ALL_PROXY", "http://127.0.0.1:9")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

pub(crate) fn run(url: &str, args: &[&str], stdin: &str) -> (i32, Vec<u8>, String) {
    let mut child = start(url, args);
    // A client that does not read its input may have exited already.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    let output = child.wait_with_output().unwrap();
    (output.status.code().unwrap(), output.stdout, String::from_utf8(output.stderr).unwrap())
}
