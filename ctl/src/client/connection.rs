//! One controller, reachable: its address, its trusted certificates and the caller's token.

use super::crypto;
use super::trust::{self, Ca};
use super::{Address, CONNECT_TIMEOUT, Lines, MARGIN, MAX_REPLY, refusal};
use crate::context::{Context, Secret};
use crate::error::Error;
use crate::terminal::Progress;
use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;
use ureq::http::{Method, Request, Response};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, AsSendBody, Body};

/// The variable with the token, used without a token file.
const TOKEN_VARIABLE: &str = "BASICAGENT_TOKEN";

/// The media type of requests.
pub(super) const JSON: (&str, &str) = ("content-type", "application/json");

/// The caller's token and its origin, for errors.
pub(crate) struct Credentials {
    /// `None`: the request needs none, such as a log-in.
    token: Option<Secret>,
    source: Source,
}

enum Source {
    File(PathBuf),
    Variable,
    Context(String),
    Nowhere,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Variable => write!(f, "the variable {TOKEN_VARIABLE}"),
            Self::Context(name) => {
                write!(f, "context {name}: it may have expired; log in again with login")
            }
            Self::Nowhere => f.write_str("nowhere"),
        }
    }
}

impl Credentials {
    /// Reads the token of `--token-file`, or of the variable.
    ///
    /// # Errors
    /// [`Error::Usage`] without a token, [`Error::Unavailable`] for one that cannot be read.
    pub(crate) fn of_flags(token_file: Option<&Path>) -> Result<Self, Error> {
        let (text, source) = match token_file {
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .map_err(|error| Error::unavailable_by(path.display().to_string(), error))?;
                (text, Source::File(path.to_owned()))
            }
            None => {
                let text = std::env::var(TOKEN_VARIABLE).map_err(|_| {
                    Error::usage(format!(
                        "a token is required: use --token-file FILE or the variable {TOKEN_VARIABLE}"
                    ))
                })?;
                (text, Source::Variable)
            }
        };
        let token = text.trim();
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::unavailable(format!(
                "the token from {source} is empty or contains spaces"
            )));
        }
        Ok(Self { token: Some(Secret::new(token)), source })
    }

    /// Returns the credentials of a request that needs none.
    pub(crate) fn none() -> Self {
        Self { token: None, source: Source::Nowhere }
    }

    /// Returns the token of `--token-file`, to keep it.
    pub(crate) fn into_token(self) -> Option<Secret> {
        self.token
    }
}

/// A controller that requests can be sent to.
pub(crate) struct Connection {
    address: Address,
    credentials: Credentials,
    agent: Agent,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Connection {
    /// Prepares the connection. It connects only for a pinned certificate.
    ///
    /// # Errors
    /// As [`Ca::check_for`] and [`trust::anchors`].
    pub(crate) fn new(address: Address, ca: &Ca, credentials: Credentials) -> Result<Self, Error> {
        ca.check_for(&address)?;
        let config = Agent::config_builder()
            .proxy(None)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT_TIMEOUT));
        let config = if address.is_tls {
            let anchors = trust::anchors(ca, &address)?;
            let anchors: Vec<Certificate<'static>> =
                anchors.iter().map(|der| Certificate::from_der(der).to_owned()).collect();
            let tls = TlsConfig::builder()
                .root_certs(RootCerts::new_with_certs(&anchors))
                .unversioned_rustls_crypto_provider(crypto::provider());
            config.tls_config(tls.build())
        } else {
            config
        };
        Ok(Self { address, credentials, agent: config.build().into() })
    }

    /// Prepares the connection of a context.
    ///
    /// # Errors
    /// [`Error::Usage`] if the context has no token; as [`Connection::new`].
    pub(crate) fn of_context(context: Context) -> Result<Self, Error> {
        let Context { name, entry } = context;
        let address = Address::parse(&entry.url, "the context's URL")?;
        let Some(token) = entry.token else {
            return Err(Error::usage(format!(
                "context {name} is logged out: use BasicAgentCtl login {}",
                address.base
            )));
        };
        let credentials = Credentials { token: Some(token), source: Source::Context(name) };
        Self::new(address, &entry.ca.map_or(Ca::System, Ca::Pem), credentials)
    }

    /// Returns the URL of a path.
    pub(super) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.address.base)
    }

    /// Sends a request. The reply may report any status.
    ///
    /// # Errors
    /// [`Error::Unreachable`] if it cannot be sent, [`Error::NoReply`] if its reply is lost.
    pub(crate) fn send(
        &self,
        method: &Method,
        path: &str,
        body: Option<&str>,
        headers: &[(&str, &str)],
        wait: Duration,
    ) -> Result<Response<Body>, Error> {
        let mut request = Request::builder().method(method).uri(self.url(path));
        if let Some(token) = &self.credentials.token {
            request = request.header("authorization", format!("Bearer {}", token.text()));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let _progress = Progress::new("the controller");
        let wait = Some(wait + MARGIN);
        // A change without a body has an empty one: without its length it would be sent in chunks.
        let takes_a_body = [Method::POST, Method::PUT, Method::PATCH].contains(method);
        let sent = match body.or(takes_a_body.then_some("")) {
            Some(body) => {
                if !body.is_empty() && !headers.contains(&JSON) {
                    request = request.header(JSON.0, JSON.1);
                }
                self.run(request.body(body), wait)
            }
            None => self.run(request.body(()), wait),
        };
        sent.map_err(|error| self.not_sent(error))
    }

    fn run<B: AsSendBody>(
        &self,
        request: ureq::http::Result<Request<B>>,
        wait: Option<Duration>,
    ) -> Result<Response<Body>, ureq::Error> {
        let request = self.agent.configure_request(request?);
        self.agent.run(request.timeout_global(wait).build())
    }

    /// Returns the body of a reply that reports success.
    ///
    /// # Errors
    /// As [`refusal::of`] for any other; [`Error::NoReply`] if the body is lost.
    pub(crate) fn text(&self, mut reply: Response<Body>) -> Result<String, Error> {
        let status = reply.status();
        let text = self.body(&mut reply)?;
        if status.is_success() {
            return Ok(text);
        }
        let Credentials { source, .. } = &self.credentials;
        Err(refusal::of(status, &text, &self.address.base, source))
    }

    /// Returns the lines of a reply that reports success.
    ///
    /// # Errors
    /// As [`Connection::text`].
    pub(crate) fn lines(&self, reply: Response<Body>) -> Result<Lines<'_>, Error> {
        if !reply.status().is_success() {
            return Err(match self.text(reply) {
                Ok(_) => Error::no_reply("the controller's reply changed its mind"),
                Err(error) => error,
            });
        }
        Ok(Lines::new(self, reply.into_body()))
    }

    fn body(&self, reply: &mut Response<Body>) -> Result<String, Error> {
        let read = reply.body_mut().with_config().limit(MAX_REPLY).read_to_string();
        read.map_err(|error| self.lost(error))
    }

    /// Classifies an error of sending. Without a connection the host got nothing; after that it may
    /// have.
    fn not_sent(&self, error: ureq::Error) -> Error {
        let base = &self.address.base;
        match error {
            ureq::Error::Rustls(ref why) => {
                Error::unavailable(format!("controller {base}: {}", self.untrusted(why)))
            }
            ureq::Error::Io(ref why) => match rustls_error(why) {
                Some(why) => {
                    Error::unavailable(format!("controller {base}: {}", self.untrusted(why)))
                }
                None if why.kind() == ErrorKind::ConnectionRefused => {
                    Error::unreachable(format!("controller {base}: {error}"))
                }
                None => self.lost(error),
            },
            ureq::Error::ConnectionFailed
            | ureq::Error::HostNotFound
            | ureq::Error::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve) => {
                Error::unreachable(format!("controller {base}: {error}"))
            }
            _ => self.lost(error),
        }
    }

    /// Describes a failed handshake.
    fn untrusted(&self, why: &rustls::Error) -> String {
        use rustls::{CertificateError, Error as Tls};
        match why {
            Tls::InvalidCertificate(
                CertificateError::UnknownIssuer | CertificateError::BadSignature,
            ) => format!("its certificate is of no trusted CA{}", trust::presented(&self.address)),
            Tls::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            ) => format!("{why}; use such a name, or start the controller with --name"),
            Tls::InvalidMessage(_) => format!("{why}: does it speak HTTPS on this port?"),
            _ => why.to_string(),
        }
    }

    pub(super) fn lost(&self, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
        Error::no_reply_by(format!("controller {}", self.address.base), error)
    }
}

/// Returns the TLS error inside an I/O error.
fn rustls_error(error: &std::io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}
