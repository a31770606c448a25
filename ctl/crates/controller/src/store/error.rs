//! Why a store did not do what it was asked.

use std::error::Error;
use std::fmt;

/// An operation that came to nothing. Nothing of it is stored.
#[derive(Debug)]
pub(crate) enum StoreError {
    /// The row does not exist. A sentence that names it.
    NotFound(String),
    /// The state of the store does not allow the operation, or a bound is reached. A sentence that
    /// says what to do instead.
    Conflict(String),
    /// There is no room on the disk.
    Full(String),
    /// The database cannot be read or written at present.
    Unavailable {
        /// The operation, as in "cannot read a page of results".
        operation: String,
        /// The database's own error.
        source: Box<dyn Error + Send + Sync>,
    },
}

impl StoreError {
    /// For `map_err`: wraps the error of reading `subject`.
    pub(crate) fn reading<E>(subject: &'static str) -> impl FnOnce(E) -> Self
    where
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        move |source| Self::Unavailable {
            operation: format!("cannot read {subject}"),
            source: source.into(),
        }
    }

    /// Returns the same error for another caller; the database's own error is its text alone.
    pub(crate) fn again(&self) -> Self {
        match self {
            Self::NotFound(why) => Self::NotFound(why.clone()),
            Self::Conflict(why) => Self::Conflict(why.clone()),
            Self::Full(why) => Self::Full(why.clone()),
            Self::Unavailable { operation, source } => Self::Unavailable {
                operation: operation.clone(),
                source: source.to_string().into(),
            },
        }
    }

    /// Makes the error of an operation on a row that does not exist: `kind` "NAME" does not exist.
    pub(super) fn missing(kind: &str, name: &str) -> Self {
        Self::NotFound(format!("{kind} \"{name}\" does not exist"))
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound(why) | Self::Conflict(why) | Self::Full(why) => f.write_str(why),
            Self::Unavailable { operation, source } => write!(f, "{operation}: {source}"),
        }
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NotFound(_) | Self::Conflict(_) | Self::Full(_) => None,
            Self::Unavailable { source, .. } => Some(&**source),
        }
    }
}
