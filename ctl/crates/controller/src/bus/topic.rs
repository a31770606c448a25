//! What messages are about.

use std::fmt;
use uuid::Uuid;

/// What a message is about; who listens to it gets it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Topic {
    /// Something has changed that nodes know by heart.
    News,
    /// A node, by its number, has mail.
    Mail(i32),
    /// The output of one request.
    Output(Uuid),
}

impl fmt::Display for Topic {
    /// Writes the end of a NATS subject.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::News => f.write_str("news"),
            Self::Mail(node) => write!(f, "mail.{node}"),
            Self::Output(request) => write!(f, "output.{}", request.simple()),
        }
    }
}
