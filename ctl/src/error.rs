//! The errors of BasicAgentCtl. The variant determines the exit status, see [`exit`](crate::exit).

use std::error::Error as StdError;
use std::fmt;
use std::io;

/// Why there is nothing to print.
#[derive(Debug)]
#[non_exhaustive]
pub(crate) enum Error {
    /// The agent, the plugin or the controller reported a failure, or the input is invalid.
    Failed(Reason),
    /// A value on the command line is wrong; nothing was sent.
    Usage(Reason),
    /// The plugin or the agent rejected the arguments.
    Rejected(Reason),
    /// No request was possible: no such plugin, wrong token, unknown host, unreadable reply.
    Unavailable(Reason),
    /// The host cannot take the request now: it is not connected, or too busy.
    Unreachable(Reason),
    /// The host may have received the request, but its reply is lost.
    NoReply(Reason),
    /// Standard output cannot be written.
    Output(io::Error),
}

/// What failed, and the error below it.
#[derive(Debug)]
pub(crate) struct Reason {
    text: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Reason {
    fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), source: None }
    }

    fn with(text: impl Into<String>, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { text: text.into(), source: Some(source.into()) }
    }
}

impl Error {
    pub(crate) fn failed(text: impl Into<String>) -> Self {
        Self::Failed(Reason::new(text))
    }

    /// As [`Error::failed`], because of `source`.
    pub(crate) fn failed_by(
        text: impl Into<String>,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self::Failed(Reason::with(text, source))
    }

    pub(crate) fn usage(text: impl Into<String>) -> Self {
        Self::Usage(Reason::new(text))
    }

    pub(crate) fn rejected(text: impl Into<String>) -> Self {
        Self::Rejected(Reason::new(text))
    }

    pub(crate) fn unavailable(text: impl Into<String>) -> Self {
        Self::Unavailable(Reason::new(text))
    }

    /// As [`Error::unavailable`], because of `source`.
    pub(crate) fn unavailable_by(
        text: impl Into<String>,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self::Unavailable(Reason::with(text, source))
    }

    pub(crate) fn unreachable(text: impl Into<String>) -> Self {
        Self::Unreachable(Reason::new(text))
    }

    pub(crate) fn no_reply(text: impl Into<String>) -> Self {
        Self::NoReply(Reason::new(text))
    }

    /// As [`Error::no_reply`], because of `source`.
    pub(crate) fn no_reply_by(
        text: impl Into<String>,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self::NoReply(Reason::with(text, source))
    }

    /// Returns the same error with more text behind it.
    pub(crate) fn with_hint(mut self, hint: &str) -> Self {
        match &mut self {
            Self::Failed(reason)
            | Self::Usage(reason)
            | Self::Rejected(reason)
            | Self::Unavailable(reason)
            | Self::Unreachable(reason)
            | Self::NoReply(reason) => reason.text.push_str(hint),
            Self::Output(_) => {}
        }
        self
    }

    /// Returns a display of this error and every error below it, in one line.
    pub(crate) fn chain(&self) -> impl fmt::Display {
        Chain(self)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(reason)
            | Self::Usage(reason)
            | Self::Rejected(reason)
            | Self::Unavailable(reason)
            | Self::Unreachable(reason)
            | Self::NoReply(reason) => f.write_str(&reason.text),
            Self::Output(_) => f.write_str("cannot write standard output"),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Failed(reason)
            | Self::Usage(reason)
            | Self::Rejected(reason)
            | Self::Unavailable(reason)
            | Self::Unreachable(reason)
            | Self::NoReply(reason) => reason.source.as_deref().map(|source| source as _),
            Self::Output(error) => Some(error),
        }
    }
}

/// An error and its sources, separated by colons.
struct Chain<'a>(&'a Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_names_every_source() {
        let error = Error::unavailable_by("/x", io::Error::other("denied"));
        assert_eq!(error.to_string(), "/x");
        assert_eq!(error.chain().to_string(), "/x: denied");
        assert!(error.source().is_some());
    }
}
