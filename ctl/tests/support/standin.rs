//! A stand-in for the controller's API that replies as a closure says, to any number of requests.

use super::Received;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// A status and a body.
pub(crate) type Reply = (u16, String);

/// The stand-in. Its thread ends with the test's process.
pub(crate) struct StandIn {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Received>>>,
    begun: Arc<AtomicUsize>,
}

impl StandIn {
    /// Starts a stand-in.
    pub(crate) fn new(reply: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (kept, reply) = (seen.clone(), Arc::new(reply));
        let begun = Arc::new(AtomicUsize::new(0));
        let count = begun.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (kept, reply) = (kept.clone(), reply.clone());
                count.fetch_add(1, Ordering::SeqCst);
                std::thread::spawn(move || serve(stream.unwrap(), &kept, &*reply));
            }
        });
        Self { url, seen, begun }
    }

    /// Returns the number of requests so far, also of those that have no reply yet.
    pub(crate) fn begun(&self) -> usize {
        self.begun.load(Ordering::SeqCst)
    }

    /// Returns the first line of each answered request so far: `GET /api/v1/hosts`.
    pub(crate) fn lines(&self) -> Vec<String> {
        let short = |request: &Received| request.line.trim_end_matches(" HTTP/1.1").to_owned();
        self.seen.lock().unwrap().iter().map(short).collect()
    }

    /// Returns the body of the last request.
    pub(crate) fn last_body(&self) -> serde_json::Value {
        self.seen.lock().unwrap().last().unwrap().body.clone()
    }

    /// Returns the head of the last request, in small letters.
    pub(crate) fn last_head(&self) -> String {
        self.seen.lock().unwrap().last().unwrap().head.clone()
    }
}

/// Replies to one request.
fn serve(mut stream: TcpStream, seen: &Mutex<Vec<Received>>, reply: &dyn Fn(&Received) -> Reply) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).unwrap_or(0) == 0 {
            return;
        }
    }
    let line = head.lines().next().unwrap().to_owned();
    let head = head.to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    reader.read_exact(&mut body).unwrap();
    let request = Received { line, head, body: serde_json::from_slice(&body).unwrap_or_default() };
    let (status, body) = reply(&request);
    seen.lock().unwrap().push(request);
    // The client may be gone.
    let _ = write!(
        stream,
        "HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
}
