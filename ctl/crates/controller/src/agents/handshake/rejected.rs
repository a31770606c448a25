//! Why a connection did not become a session, and the last line that its peer gets.

use crate::agents::listener::CROWDED;
use crate::agents::socket;
use crate::metrics::Handshake;
use crate::proxy::ProxyError;
use agent_wire::Retcode;
use agent_wire::message::{InitReply, Response};
use std::fmt;
use std::io;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

/// Why a connection did not become a session.
#[derive(Debug)]
pub(super) enum Rejected {
    /// The step took too long.
    TooSlow(&'static str),
    /// The step failed.
    Io(&'static str, io::Error),
    /// Its PROXY header is missing, cannot be used, or is not this source's to send.
    Proxy(ProxyError),
    /// Its address has too many connections that are not sessions yet.
    Crowded,
    /// Its turn for a handshake is too far away, and it cannot be told so before TLS.
    Busy,
    /// The peer's message was answered with this.
    Refused(Retcode, String),
    /// The connection sent nothing, and another one needed its place.
    Evicted,
    /// The host's record cannot be read: the agent is to come later.
    Away,
    /// Another agent with this identity is connected to another node: these are its addresses.
    Beside(String),
    /// The controller is shutting down.
    Stopped,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooSlow(step) => {
                write!(f, "{step}: took longer than {} s", super::STEP.as_secs())
            }
            Self::Io(step, error) => write!(f, "{step}: {error}"),
            Self::Proxy(error) => write!(f, "{error}"),
            Self::Crowded => f.write_str(CROWDED),
            Self::Busy => f.write_str("too many handshakes wait already (--handshake-rate)"),
            Self::Refused(_, why) => f.write_str(why),
            Self::Evicted => f.write_str("sent nothing, and others needed its place"),
            Self::Away => f.write_str("the host's record cannot be read"),
            Self::Beside(server) => {
                write!(f, "another agent with this identity is connected to the node at {server}")
            }
            Self::Stopped => f.write_str("the controller is shutting down"),
        }
    }
}

impl Rejected {
    /// Returns what is counted.
    pub(super) fn outcome(&self) -> Handshake {
        match self {
            Self::TooSlow(_) => Handshake::TooSlow,
            Self::Io(super::secure::STEP, _) => Handshake::Tls,
            Self::Io(..) | Self::Stopped => Handshake::Lost,
            Self::Proxy(_) => Handshake::Proxy,
            Self::Crowded => Handshake::Crowded,
            Self::Busy => Handshake::Busy,
            Self::Away => Handshake::Failed,
            Self::Beside(_) => Handshake::Redirected,
            Self::Refused(Retcode::Refused, _) => Handshake::Certificate,
            Self::Refused(Retcode::IdentityRefused | Retcode::ApprovalRefused, _) => {
                Handshake::Identity
            }
            Self::Refused(..) => Handshake::Init,
            Self::Evicted => Handshake::Evicted,
        }
    }

    /// Tells the peer why it is rejected, if it sent a message, and ends the stream.
    pub(super) async fn tell(self, stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> Self {
        if let Self::Refused(retcode, message) = &self {
            let reply = InitReply::Refused(Response::failed(None, *retcode, message)).to_line();
            if let Ok(Ok(())) = timeout(socket::GOODBYE, super::init::write(stream, &reply)).await {
                socket::close_gracefully(stream).await;
            }
        }
        self
    }
}
