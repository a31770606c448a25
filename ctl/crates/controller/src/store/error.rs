//! Why a store cannot be read.

use std::error::Error;
use std::fmt;

/// A failed query. The cause is the database's own error.
#[derive(Debug)]
pub(crate) struct StoreError {
    /// The query, as in "cannot read …".
    subject: &'static str,
    source: Box<dyn Error + Send + Sync>,
}

impl StoreError {
    /// For `map_err`: wraps the error of reading `subject`.
    pub(super) fn reading<E>(subject: &'static str) -> impl FnOnce(E) -> Self
    where
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        move |source| Self { subject, source: source.into() }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot read {}: {}", self.subject, self.source)
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}
