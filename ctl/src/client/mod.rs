//! The client of the controller's HTTP API: HTTPS to any controller, plain HTTP over loopback only.
//! It sends the token nowhere else: it uses no proxy and follows no redirect.
//!
//! `address` parses the URL; `trust` finds the certificates that the controller must chain to, by
//! the algorithms of `crypto`; `connection` has the credentials and sends; `refusal` turns a refused
//! request into an error. `Controller` is the choice that the flags describe; it is resolved at the first request, so that
//! a command without one reads no file and sets up no TLS.

mod address;
mod connection;
mod crypto;
mod lines;
mod refusal;
mod trust;

pub(crate) use address::Address;
pub(crate) use connection::{Connection, Credentials};
pub(crate) use lines::Lines;
pub(crate) use trust::{Ca, anchors, ca, pem};

use crate::context;
use crate::error::Error;
use agent_wire::json::quote;
use agent_wire::message::Init;
use connection::JSON;
use controller_api::{IDEMPOTENCY_HEADER, path};
use serde::Serialize;
use std::cell::OnceCell;
use std::path::PathBuf;
use std::time::Duration;
use ureq::http::{Method, StatusCode};
use uuid::Uuid;

/// The connection timeout.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How much longer than the controller itself the client waits for a reply.
const MARGIN: Duration = Duration::from_secs(30);

/// How long the controller waits for a request without a timeout of its own.
pub(crate) const WAIT: Duration = Duration::from_secs(60);

/// How long a check of the whole audit log may take.
pub(crate) const LONG_WAIT: Duration = Duration::from_secs(600);

/// How long a stream of lines may take.
const STREAM_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

/// The longest reply, in bytes: an agent's longest, and a little more.
const MAX_REPLY: u64 = 65 << 20;

/// How often a request that creates something is sent before its reply counts as lost. The key that
/// it carries keeps it from creating twice.
const TRIES: u32 = 3;

/// The pause before the next try.
const PAUSE: Duration = Duration::from_secs(1);

/// The flag with the URL, for errors.
const FLAG: &str = "--controller";

/// The choice of a controller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// The flags name it.
    Flags { url: String, token_file: Option<PathBuf>, ca: Ca },
    /// A context has it: the named one, or without a name the current one.
    Context(Option<String>),
}

/// A controller. Its connection is made at the first request.
#[derive(Debug)]
pub(crate) struct Controller {
    choice: Choice,
    connection: OnceCell<Connection>,
}

impl Controller {
    pub(crate) fn new(choice: Choice) -> Self {
        Self { choice, connection: OnceCell::new() }
    }

    /// Returns the same controller for another thread, with a connection of its own.
    pub(crate) fn another(&self) -> Self {
        Self::new(self.choice.clone())
    }

    /// Returns the connection.
    ///
    /// # Errors
    /// [`Error::Usage`] for a wrong URL, or without a token or context.
    fn connection(&self) -> Result<&Connection, Error> {
        if let Some(connection) = self.connection.get() {
            return Ok(connection);
        }
        let made = match &self.choice {
            Choice::Flags { url, token_file, ca } => Connection::new(
                Address::parse(url, FLAG)?,
                ca,
                Credentials::of_flags(token_file.as_deref())?,
            )?,
            Choice::Context(name) => {
                let context = context::chosen(name.as_deref())?;
                Connection::of_context(context)?
            }
        };
        Ok(self.connection.get_or_init(|| made))
    }

    /// Returns the URL of a page of the console.
    ///
    /// # Errors
    /// As for [`Controller::read`], before anything is sent.
    pub(crate) fn page(&self, path: &str) -> Result<String, Error> {
        Ok(self.connection()?.url(path))
    }

    /// Gets a path of the API.
    ///
    /// # Errors
    /// Any [`Error`] but [`Error::Failed`].
    pub(crate) fn read(&self, path: &str) -> Result<String, Error> {
        self.read_within(path, WAIT)
    }

    /// Gets a path of the API that the controller answers within `wait`.
    ///
    /// # Errors
    /// As [`Controller::read`].
    pub(crate) fn read_within(&self, path: &str, wait: Duration) -> Result<String, Error> {
        let connection = self.connection()?;
        let reply = connection.send(&Method::GET, path, None, &[], wait)?;
        connection.text(reply)
    }

    /// Gets a path of the API that the controller answers within `wait`; `None` if there is nothing.
    ///
    /// # Errors
    /// As [`Controller::read`].
    pub(crate) fn read_if_any(&self, path: &str, wait: Duration) -> Result<Option<String>, Error> {
        let connection = self.connection()?;
        let reply = connection.send(&Method::GET, path, None, &[], wait)?;
        match reply.status() {
            StatusCode::NOT_FOUND => Ok(None),
            _ => connection.text(reply).map(Some),
        }
    }

    /// Gets a path of the API whose reply is a long stream of lines.
    ///
    /// # Errors
    /// As [`Controller::read`].
    pub(crate) fn lines(&self, path: &str) -> Result<Lines<'_>, Error> {
        let connection = self.connection()?;
        connection.lines(connection.send(&Method::GET, path, None, &[], STREAM_WAIT)?)
    }

    /// Sends a change and returns the reply, which may be empty.
    ///
    /// # Errors
    /// Any [`Error`].
    pub(crate) fn change<T: Serialize>(
        &self,
        method: &Method,
        path: &str,
        body: Option<&T>,
    ) -> Result<String, Error> {
        let connection = self.connection()?;
        let body = body.map(json);
        connection.text(connection.send(method, path, body.as_deref(), &[], WAIT)?)
    }

    /// Sends a request that creates something, and repeats it while its reply is lost.
    ///
    /// # Errors
    /// Any [`Error`].
    pub(crate) fn create<T: Serialize>(&self, path: &str, body: &T) -> Result<String, Error> {
        let connection = self.connection()?;
        let key = Uuid::new_v4().to_string();
        let (headers, body) = ([(IDEMPOTENCY_HEADER, key.as_str())], json(body));
        let mut tries = 1;
        loop {
            let sent = connection.send(&Method::POST, path, Some(&body), &headers, WAIT);
            match sent.and_then(|reply| connection.text(reply)) {
                Err(Error::NoReply(_)) if tries < TRIES => {
                    tries += 1;
                    std::thread::sleep(PAUSE);
                }
                done => return done,
            }
        }
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
        self.read_if_any(&path, wait)
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
        let path = path::requests(checked(host)?);
        let (connection, wait) = (self.connection()?, timeout.unwrap_or(WAIT));
        connection.text(connection.send(&Method::POST, &path, Some(request), &[JSON], wait)?)
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
        let path = path::requests(checked(host)?);
        let connection = self.connection()?;
        let reply = connection.send(&Method::POST, &path, Some(request), &[JSON], timeout)?;
        connection.lines(reply)
    }
}

fn json<T: Serialize>(body: &T) -> String {
    serde_json::to_string(body).expect("a body serializes to memory")
}

/// Returns a host id that is one.
///
/// # Errors
/// [`Error::Usage`] for any other text.
pub(crate) fn checked(host: &str) -> Result<&str, Error> {
    if Init::is_hostname(host) {
        Ok(host)
    } else {
        Err(Error::usage(format!("\"{}\" is not a host id", quote(host))))
    }
}
