//! The controller's HTTP API, asked over loopback. The token goes to nobody else: no proxy, no
//! redirect, no other machine.

use crate::error::Error;
use agent_wire::json::quote;
use agent_wire::message::Init;
use serde::Deserialize;
use std::fmt::Display;
use std::io::{BufRead as _, BufReader, ErrorKind, Read as _};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;
use ureq::http::{Response, StatusCode, Uri};
use ureq::{Agent, Body, BodyReader};

/// How long a controller on this very machine may take to accept.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How much longer than the controller itself we wait for an answer.
const MARGIN: Duration = Duration::from_secs(30);

/// How long the controller waits for what has no time-out of its own.
const DEFAULT_WAIT: Duration = Duration::from_secs(60);

/// Bytes of an answer: the most that an agent may send, and a little more.
const MAX_ANSWER: u64 = 65 << 20;

/// The variable that holds the token when no file is named.
const TOKEN_VARIABLE: &str = "BASICAGENT_TOKEN";

/// Which controller, and what makes it listen.
#[derive(Debug)]
pub(crate) struct Controller {
    /// Its API's address, `http://127.0.0.1:7480`.
    pub(crate) url: String,
    /// Where the token is.
    pub(crate) token_file: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(rename = "detail")]
    error: String,
}

impl Controller {
    /// `GET` of a path of the API.
    ///
    /// # Errors
    /// [`Error::NotAsked`] and its like.
    pub(crate) fn read(&self, path: &str) -> Result<String, Error> {
        self.text(self.get(path, DEFAULT_WAIT)?)
    }

    /// The result of a task that the controller keeps, as JSON text; `None` when there is none within
    /// `wait`.
    ///
    /// # Errors
    /// [`Error::NotAsked`] and its like.
    pub(crate) fn result(&self, host: &str, task: &str, wait: Duration) -> Result<Option<String>, Error> {
        let path = format!("hosts/{}/results/{}?wait={}", checked(host)?, segment(task), wait.as_secs());
        let answer = self.get(&path, wait)?;
        match answer.status() {
            StatusCode::NOT_FOUND => Ok(None),
            _ => self.text(answer).map(Some),
        }
    }

    /// The answer of a host to a request, as JSON text. `timeout` is the request's own.
    ///
    /// # Errors
    /// [`Error::NotAsked`] and its like.
    pub(crate) fn ask(&self, host: &str, request: &str, timeout: Option<Duration>) -> Result<String, Error> {
        self.text(self.post(host, request, timeout.unwrap_or(DEFAULT_WAIT))?)
    }

    /// The answer of a host to a request whose output is wanted as it comes, line by line.
    ///
    /// # Errors
    /// [`Error::NotAsked`] and its like.
    pub(crate) fn stream(&self, host: &str, request: &str, timeout: Duration) -> Result<Lines<'_>, Error> {
        let mut answer = self.post(host, request, timeout)?;
        if answer.status() != StatusCode::OK {
            return Err(self.refusal(&mut answer));
        }
        let body = answer.into_body().into_with_config().limit(u64::MAX).reader();
        Ok(Lines { controller: self, body: BufReader::new(body) })
    }

    fn get(&self, path: &str, wait: Duration) -> Result<Response<Body>, Error> {
        let url = self.url_of(path)?;
        let asked = agent(wait).get(url).header("Authorization", self.authorization()?).call();
        asked.map_err(|error| self.not_sent(&error))
    }

    fn post(&self, host: &str, request: &str, wait: Duration) -> Result<Response<Body>, Error> {
        let url = self.url_of(&format!("hosts/{}/requests", checked(host)?))?;
        let asked = agent(wait)
            .post(url)
            .header("Authorization", self.authorization()?)
            .header("Content-Type", "application/json")
            .send(request);
        asked.map_err(|error| self.not_sent(&error))
    }

    fn text(&self, mut answer: Response<Body>) -> Result<String, Error> {
        if answer.status() != StatusCode::OK {
            return Err(self.refusal(&mut answer));
        }
        self.body(&mut answer)
    }

    fn body(&self, answer: &mut Response<Body>) -> Result<String, Error> {
        let read = answer.body_mut().with_config().limit(MAX_ANSWER).read_to_string();
        read.map_err(|error| self.out_of_reach(&error))
    }

    fn refusal(&self, answer: &mut Response<Body>) -> Error {
        let text = match self.body(answer) {
            Ok(text) => text,
            Err(error) => return error,
        };
        let Ok(Refusal { error: why }) = serde_json::from_str(&text) else {
            let status = answer.status();
            return Error::NotAsked(format!("{} answers {status}: is it a controller's API?", self.url));
        };
        match answer.status() {
            StatusCode::NOT_FOUND | StatusCode::SERVICE_UNAVAILABLE => Error::Away(why),
            StatusCode::CONFLICT | StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT => {
                Error::Unanswered(why)
            }
            _ => Error::NotAsked(why),
        }
    }

    /// Without a connection nobody was asked; behind that nobody knows.
    fn not_sent(&self, error: &ureq::Error) -> Error {
        match error {
            ureq::Error::Io(why) if why.kind() != ErrorKind::ConnectionRefused => self.out_of_reach(error),
            ureq::Error::Io(_)
            | ureq::Error::ConnectionFailed
            | ureq::Error::HostNotFound
            | ureq::Error::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve) => {
                Error::Away(format!("controller {}: {error}", self.url))
            }
            _ => self.out_of_reach(error),
        }
    }

    fn out_of_reach(&self, error: &dyn Display) -> Error {
        Error::Unanswered(format!("controller {}: {error}", self.url))
    }

    fn url_of(&self, path: &str) -> Result<String, Error> {
        let wrong = |why: &str| Error::NotAsked(format!("--controller {}: {why}", quote(&self.url)));
        let uri: Uri = self.url.parse().map_err(|_| wrong("is no URL"))?;
        if uri.scheme_str() != Some("http") {
            return Err(wrong("must be an http:// URL on loopback"));
        }
        let authority = uri.authority().ok_or_else(|| wrong("names no host"))?;
        if authority.as_str().contains('@') || !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(wrong("must be http://ADDRESS:PORT and no more"));
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        let loopback = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
        if !loopback {
            return Err(wrong(
                "the token would travel in the clear: only loopback is allowed (ssh -L brings a far controller near)",
            ));
        }
        Ok(format!("http://{authority}/api/v1/{path}"))
    }

    fn authorization(&self) -> Result<String, Error> {
        let token = match &self.token_file {
            Some(path) => std::fs::read_to_string(path)
                .map_err(|error| Error::NotAsked(format!("{}: {error}", path.display())))?,
            None => std::env::var(TOKEN_VARIABLE).map_err(|_| {
                Error::NotAsked(format!(
                    "a token is needed: --token-file FILE, or the variable {TOKEN_VARIABLE}"
                ))
            })?,
        };
        let token = token.trim();
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::NotAsked("the token is empty or no single word".to_owned()));
        }
        Ok(format!("Bearer {token}"))
    }
}

/// An answer that comes line by line.
pub(crate) struct Lines<'a> {
    controller: &'a Controller,
    body: BufReader<BodyReader<'static>>,
}

impl Lines<'_> {
    /// The next line without its end; `None` behind the last.
    ///
    /// # Errors
    /// [`Error::Unanswered`] when the connection is lost, [`Error::NotAsked`] for what is no text or
    /// longer than any answer.
    pub(crate) fn next_line(&mut self) -> Result<Option<String>, Error> {
        let mut line = String::new();
        let read = self.body.by_ref().take(MAX_ANSWER).read_line(&mut line);
        match read.map_err(|error| self.controller.out_of_reach(&error))? {
            0 => Ok(None),
            _ if line.pop() == Some('\n') => Ok(Some(line)),
            _ => Err(Error::Unanswered("the controller's answer ends within a line".to_owned())),
        }
    }
}

fn checked(host: &str) -> Result<&str, Error> {
    if Init::is_hostname(host) {
        Ok(host)
    } else {
        Err(Error::NotAsked(format!("\"{}\" is no host id", quote(host))))
    }
}

/// A text as one segment of a path (RFC 3986 §3.3).
fn segment(text: &str) -> String {
    let mut segment = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'~') {
            segment.push(char::from(byte));
        } else {
            // Dots too: a segment of one or two would mean another path.
            segment.push_str(&format!("%{byte:02X}"));
        }
    }
    segment
}

fn agent(wait: Duration) -> Agent {
    Agent::config_builder()
        .proxy(None)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .timeout_global(Some(wait + MARGIN))
        .build()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_goes_to_loopback_only() {
        for (url, taken) in [
            ("http://127.0.0.1:7480", true),
            ("http://127.0.0.1:7480/", true),
            ("http://127.9.9.9", true),
            ("http://[::1]:7480", true),
            ("http://localhost:7480", true),
            ("http://10.0.0.1:7480", false),
            ("http://localhost.example.com", false),
            ("http://127.0.0.1.example.com", false),
            ("http://127.0.0.1@example.com", false),
            ("http://0.0.0.0:7480", false),
            ("https://127.0.0.1:7480", false),
            ("http://127.0.0.1:7480/api", false),
            ("127.0.0.1:7480", false),
            ("", false),
        ] {
            let controller = Controller { url: url.to_owned(), token_file: None };
            let found = controller.url_of("hosts");
            assert_eq!(found.is_ok(), taken, "{url}: {found:?}");
        }
    }
}
