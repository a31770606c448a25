//! Why the channel of a host ended, for the log and for the host's record.

use agent_wire::Malformed;
use controller_api::Departure;
use std::{fmt, io};

/// Why a channel ended.
#[derive(Debug)]
pub(super) enum DisconnectReason {
    ClosedByAgent,
    Lost(io::Error),
    Malformed(Malformed),
    Certificate(rustls::Error),
    NoRoom,
    Replaced,
    Redelivery,
    Revoked,
    Renewed,
    Moved,
    Stopped,
}

impl DisconnectReason {
    /// Returns the reason as the host's record keeps it.
    pub(super) const fn departure(&self) -> Departure {
        match self {
            Self::ClosedByAgent => Departure::Closed,
            Self::Lost(_) => Departure::Lost,
            Self::Malformed(_) => Departure::ProtocolError,
            Self::Certificate(_) => Departure::CertificateExpired,
            Self::NoRoom => Departure::NoRoom,
            Self::Replaced => Departure::Replaced,
            Self::Redelivery => Departure::Redelivery,
            Self::Revoked => Departure::Revoked,
            Self::Renewed => Departure::Renewed,
            Self::Moved => Departure::Moved,
            Self::Stopped => Departure::ControllerStopped,
        }
    }
}

impl fmt::Display for DisconnectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ClosedByAgent => f.write_str("closed by the agent"),
            // rustls has more to say about it, to programmers.
            Self::Lost(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                f.write_str("the agent ended without a word")
            }
            Self::Lost(error) => write!(f, "{error}"),
            Self::Malformed(error) => write!(f, "{error}"),
            Self::Certificate(error) => {
                write!(f, "the agent's certificate is not valid anymore: {error}")
            }
            Self::NoRoom => f.write_str("no room for its large message: other agents' fill it"),
            Self::Replaced => f.write_str("replaced by a newer session of the same host"),
            Self::Redelivery => f.write_str("so that the agent redelivers what was not stored"),
            Self::Revoked => f.write_str("the host may not be connected anymore"),
            Self::Renewed => f.write_str("so that the agent comes back with its new certificate"),
            Self::Moved => f.write_str("so that the agent goes to another node"),
            Self::Stopped => f.write_str("the controller is shutting down"),
        }
    }
}
