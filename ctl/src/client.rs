//! The controller's HTTP API, asked over loopback. The token goes to nobody else: no proxy, no
//! redirect, no other machine.

use crate::error::Error;
use serde::Deserialize;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;
use ureq::http::{Response, StatusCode, Uri};
use ureq::{Agent, Body};

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
    error: String,
}

impl Controller {
    /// `GET` of a path of the API.
    ///
    /// # Errors
    /// [`Error::NotAsked`].
    pub(crate) fn read(&self, path: &str) -> Result<String, Error> {
        let url = self.url_of(path)?;
        let request = agent(DEFAULT_WAIT).get(url).header("Authorization", self.authorization()?);
        self.text(request.call())
    }

    /// The answer of a host to a request, as JSON text. `timeout` is the request's own.
    ///
    /// # Errors
    /// [`Error::NotAsked`].
    pub(crate) fn ask(&self, host: &str, request: &str, timeout: Option<Duration>) -> Result<String, Error> {
        if !agent_wire::message::Init::is_hostname(host) {
            return Err(Error::NotAsked(format!("\"{}\" is no host id", agent_wire::json::quote(host))));
        }
        let url = self.url_of(&format!("hosts/{host}/requests"))?;
        let asked = agent(timeout.unwrap_or(DEFAULT_WAIT))
            .post(url)
            .header("Authorization", self.authorization()?)
            .header("Content-Type", "application/json")
            .send(request);
        self.text(asked)
    }

    fn text(&self, answer: Result<Response<Body>, ureq::Error>) -> Result<String, Error> {
        let mut answer = answer.map_err(|error| self.out_of_reach(&error))?;
        let text = answer
            .body_mut()
            .with_config()
            .limit(MAX_ANSWER)
            .read_to_string()
            .map_err(|error| self.out_of_reach(&error))?;
        if answer.status() == StatusCode::OK {
            return Ok(text);
        }
        let why = match serde_json::from_str::<Refusal>(&text) {
            Ok(refusal) => refusal.error,
            Err(_) => format!("{} answers {}: is it a controller's API?", self.url, answer.status()),
        };
        Err(Error::NotAsked(why))
    }

    fn out_of_reach(&self, error: &ureq::Error) -> Error {
        Error::NotAsked(format!("controller {}: {error}", self.url))
    }

    fn url_of(&self, path: &str) -> Result<String, Error> {
        let wrong = |why: &str| {
            Error::NotAsked(format!("--controller {}: {why}", agent_wire::json::quote(&self.url)))
        };
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
