//! The client of the controller's HTTP API, over loopback only. It sends the token nowhere else: it
//! uses no proxy and follows no redirect.

use crate::error::Error;
use agent_wire::json::quote;
use agent_wire::message::Init;
use controller_api::{Problem, path};
use std::io::{BufRead as _, BufReader, ErrorKind, Read as _};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;
use ureq::http::{Response, StatusCode, Uri};
use ureq::{Agent, Body, BodyReader};

/// The connection timeout; the controller is on this machine.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How much longer than the controller itself the client waits for a reply.
const MARGIN: Duration = Duration::from_secs(30);

/// How long the controller waits for a request without a timeout of its own.
const DEFAULT_WAIT: Duration = Duration::from_secs(60);

/// The longest reply, in bytes: an agent's longest, and a little more.
const MAX_REPLY: u64 = 65 << 20;

/// The variable with the token, used without a token file.
const TOKEN_VARIABLE: &str = "BASICAGENT_TOKEN";

/// A controller and the credentials for it.
#[derive(Debug)]
pub(crate) struct Controller {
    /// The address of its API, `http://127.0.0.1:7480`.
    pub(crate) url: String,
    /// The file with the token.
    pub(crate) token_file: Option<PathBuf>,
}

impl Controller {
    /// Gets a path of the API.
    ///
    /// # Errors
    /// Any [`Error`] but [`Error::Failed`].
    pub(crate) fn read(&self, path: &str) -> Result<String, Error> {
        self.text(self.get(path, DEFAULT_WAIT)?)
    }

    /// Returns the stored result of a task as JSON text; `None` if there is none within `wait`.
    ///
    /// # Errors
    /// Any [`Error`] but [`Error::Failed`].
    pub(crate) fn result(
        &self,
        host: &str,
        task: &str,
        wait: Duration,
    ) -> Result<Option<String>, Error> {
        let path = format!("{}?wait={}", path::result(checked(host)?, task), wait.as_secs());
        let reply = self.get(&path, wait)?;
        match reply.status() {
            StatusCode::NOT_FOUND => Ok(None),
            _ => self.text(reply).map(Some),
        }
    }

    /// Sends a request to a host and returns the reply as JSON text. `timeout` is the request's
    /// own.
    ///
    /// # Errors
    /// Any [`Error`] but [`Error::Failed`].
    pub(crate) fn request(
        &self,
        host: &str,
        request: &str,
        timeout: Option<Duration>,
    ) -> Result<String, Error> {
        self.text(self.post(host, request, timeout.unwrap_or(DEFAULT_WAIT))?)
    }

    /// Sends a request to a host and returns the lines of the reply as they arrive.
    ///
    /// # Errors
    /// Any [`Error`] but [`Error::Failed`].
    pub(crate) fn stream(
        &self,
        host: &str,
        request: &str,
        timeout: Duration,
    ) -> Result<Lines<'_>, Error> {
        let mut reply = self.post(host, request, timeout)?;
        if reply.status() != StatusCode::OK {
            return Err(self.refusal(&mut reply));
        }
        let body = reply.into_body().into_with_config().limit(u64::MAX).reader();
        Ok(Lines { controller: self, body: BufReader::new(body) })
    }

    fn get(&self, path: &str, wait: Duration) -> Result<Response<Body>, Error> {
        let url = self.url_of(path)?;
        let sent = agent(wait).get(url).header("Authorization", self.authorization()?).call();
        sent.map_err(|error| self.not_sent(error))
    }

    fn post(&self, host: &str, request: &str, wait: Duration) -> Result<Response<Body>, Error> {
        let url = self.url_of(&path::requests(checked(host)?))?;
        let sent = agent(wait)
            .post(url)
            .header("Authorization", self.authorization()?)
            .header("Content-Type", "application/json")
            .send(request);
        sent.map_err(|error| self.not_sent(error))
    }

    fn text(&self, mut reply: Response<Body>) -> Result<String, Error> {
        if reply.status() != StatusCode::OK {
            return Err(self.refusal(&mut reply));
        }
        self.body(&mut reply)
    }

    fn body(&self, reply: &mut Response<Body>) -> Result<String, Error> {
        let read = reply.body_mut().with_config().limit(MAX_REPLY).read_to_string();
        read.map_err(|error| self.lost(error))
    }

    fn refusal(&self, reply: &mut Response<Body>) -> Error {
        let text = match self.body(reply) {
            Ok(text) => text,
            Err(error) => return error,
        };
        let Ok(Problem { detail, .. }) = serde_json::from_str(&text) else {
            let status = reply.status();
            return Error::unavailable(format!(
                "{} replied {status} without a reason; is it the API of a controller?",
                self.url
            ));
        };
        match reply.status() {
            StatusCode::UNAUTHORIZED => Error::unavailable(format!(
                "the controller rejected the token from {}",
                self.token_source()
            )),
            StatusCode::NOT_FOUND | StatusCode::SERVICE_UNAVAILABLE => Error::unreachable(detail),
            StatusCode::CONFLICT | StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT => {
                Error::no_reply(detail)
            }
            _ => Error::unavailable(detail),
        }
    }

    /// Classifies an error of sending. Without a connection the host got nothing; after that it may
    /// have.
    fn not_sent(&self, error: ureq::Error) -> Error {
        match error {
            ureq::Error::Io(ref why) if why.kind() != ErrorKind::ConnectionRefused => {
                self.lost(error)
            }
            ureq::Error::Io(_)
            | ureq::Error::ConnectionFailed
            | ureq::Error::HostNotFound
            | ureq::Error::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve) => {
                Error::unreachable(format!("controller {}: {error}", self.url))
            }
            _ => self.lost(error),
        }
    }

    fn lost(&self, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
        Error::no_reply_by(format!("controller {}", self.url), error)
    }

    /// Returns the URL of a path, after checking that the API is on loopback.
    fn url_of(&self, path: &str) -> Result<String, Error> {
        let wrong = |why: &str| Error::usage(format!("--controller {}: {why}", quote(&self.url)));
        const EXPECTED: &str = "expected http://127.0.0.1:PORT";
        let uri: Uri = self.url.parse().map_err(|_| wrong(EXPECTED))?;
        let (Some("http"), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(wrong(EXPECTED));
        };
        if authority.as_str().contains('@')
            || !matches!(uri.path(), "" | "/")
            || uri.query().is_some()
        {
            return Err(wrong(EXPECTED));
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        let is_loopback =
            host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
        if !is_loopback {
            return Err(wrong(
                "refused: plain HTTP would expose the token; for a remote controller use \
                 ssh -L 7480:127.0.0.1:7480 HOST",
            ));
        }
        Ok(format!("http://{authority}{path}"))
    }

    fn authorization(&self) -> Result<String, Error> {
        let token = match &self.token_file {
            Some(path) => std::fs::read_to_string(path)
                .map_err(|error| Error::unavailable_by(path.display().to_string(), error))?,
            None => std::env::var(TOKEN_VARIABLE).map_err(|_| {
                Error::usage(format!(
                    "a token is required: use --token-file FILE or the variable {TOKEN_VARIABLE}"
                ))
            })?,
        };
        let token = token.trim();
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            let source = self.token_source();
            return Err(Error::unavailable(format!(
                "the token from {source} is empty or contains spaces"
            )));
        }
        Ok(format!("Bearer {token}"))
    }

    fn token_source(&self) -> String {
        match &self.token_file {
            Some(path) => path.display().to_string(),
            None => format!("the variable {TOKEN_VARIABLE}"),
        }
    }
}

/// A reply that arrives line by line.
pub(crate) struct Lines<'a> {
    controller: &'a Controller,
    body: BufReader<BodyReader<'static>>,
}

impl Lines<'_> {
    /// Returns the next line without its end; `None` after the last.
    ///
    /// # Errors
    /// [`Error::NoReply`] if the connection is lost or the line is not complete.
    pub(crate) fn next_line(&mut self) -> Result<Option<String>, Error> {
        let mut line = String::new();
        let read = self.body.by_ref().take(MAX_REPLY).read_line(&mut line);
        match read.map_err(|error| self.controller.lost(error))? {
            0 => Ok(None),
            _ if line.pop() == Some('\n') => Ok(Some(line)),
            _ => Err(Error::no_reply("the controller's reply ends within a line")),
        }
    }
}

fn checked(host: &str) -> Result<&str, Error> {
    if Init::is_hostname(host) {
        Ok(host)
    } else {
        Err(Error::usage(format!("\"{}\" is not a host id", quote(host))))
    }
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
        for (url, accepted) in [
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
            let found = controller.url_of(path::HOSTS);
            assert_eq!(found.is_ok(), accepted, "{url}: {found:?}");
        }
    }
}
