//! A browser's side of HTTPS: one kept-alive connection, and the time until the first byte.

use crate::support::{DEADLINE, joining_client};
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use rustls_pki_types::ServerName;
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// One connection with the operator's session.
pub(crate) struct Client {
    stream: StreamOwned<ClientConnection, TcpStream>,
    cookie: String,
    csrf: String,
}

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
    /// From the request to the first byte of the answer.
    pub(crate) first_byte: Duration,
}

impl Client {
    pub(crate) fn connect(to: SocketAddr, root: &Path) -> Self {
        let roots = std::fs::read_to_string(root).unwrap();
        let config: Arc<ClientConfig> = joining_client(&roots, None, b"http/1.1");
        let stream = TcpStream::connect(to).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_nodelay(true).unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let tls = ClientConnection::new(config, name).unwrap();
        Self { stream: StreamOwned::new(tls, stream), cookie: String::new(), csrf: String::new() }
    }

    /// Logs in as a browser does.
    pub(crate) fn log_in(&mut self, name: &str, password: &str) {
        let login = json!({ "name": name, "password": password, "session": true }).to_string();
        let answer = self.ask("POST", "/api/v1/login", &login);
        assert_eq!(answer.status, 200);
        let cookie = answer.head.lines().find_map(|line| line.strip_prefix("set-cookie: "));
        self.cookie = cookie.unwrap().split(';').next().unwrap().to_owned();
        let body: Value = serde_json::from_slice(&answer.body).unwrap();
        self.csrf = body["csrf"].as_str().unwrap().to_owned();
    }

    /// Asks for a page, which must be there.
    pub(crate) fn get(&mut self, path: &str) -> Answer {
        let answer = self.ask("GET", path, "");
        assert_eq!(answer.status, 200, "{path}: {}", String::from_utf8_lossy(&answer.body));
        answer
    }

    /// Asks the API something.
    pub(crate) fn send(&mut self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let answer = self.ask(method, path, &body.to_string());
        (answer.status, serde_json::from_slice(&answer.body).unwrap_or_default())
    }

    fn ask(&mut self, method: &str, path: &str, body: &str) -> Answer {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nCookie: {}\r\nX-CSRF-Token: {}\r\n\
             Sec-Fetch-Site: same-origin\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            self.cookie,
            self.csrf,
            body.len()
        );
        let begun = Instant::now();
        self.stream.write_all(request.as_bytes()).unwrap();
        self.stream.flush().unwrap();
        let (mut read, mut chunk) = (Vec::new(), vec![0; 64 << 10]);
        let mut first_byte = None;
        loop {
            let count = self.stream.read(&mut chunk).unwrap();
            first_byte.get_or_insert_with(|| begun.elapsed());
            assert!(count > 0, "{path}: the controller closed the connection");
            read.extend_from_slice(&chunk[..count]);
            if let Some((head, body)) = whole(&read) {
                let status = head[9..12].parse().unwrap();
                let first_byte = first_byte.unwrap_or_default();
                return Answer { status, body, head, first_byte };
            }
        }
    }
}

/// Returns the head and the body of an answer that is whole.
fn whole(read: &[u8]) -> Option<(String, Vec<u8>)> {
    let end = read.windows(4).position(|four| four == b"\r\n\r\n")?;
    let (head, body) = (String::from_utf8_lossy(&read[..end]).into_owned(), &read[end + 4..]);
    if head.lines().any(|line| line == "transfer-encoding: chunked") {
        return Some((head, chunks(body)?));
    }
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.map_or(0, |length| length.parse().unwrap());
    (body.len() >= length).then(|| (head, body.to_vec()))
}

/// Joins the chunks of a body, if the last one is there.
fn chunks(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|two| two == b"\r\n")?;
        let size = std::str::from_utf8(&rest[..end]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        let chunk = rest.get(end + 2..end + 2 + size)?;
        let after = rest.get(end + 2 + size..end + 4 + size)?;
        assert_eq!(after, b"\r\n");
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(chunk);
        rest = &rest[end + 4 + size..];
    }
}
