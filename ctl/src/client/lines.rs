//! A reply that arrives line by line.

use super::{Connection, MAX_REPLY};
use crate::error::Error;
use std::io::{BufRead as _, BufReader, Read as _};
use ureq::{Body, BodyReader};

/// A reply that arrives line by line.
pub(crate) struct Lines<'a> {
    connection: &'a Connection,
    body: BufReader<BodyReader<'static>>,
}

impl<'a> Lines<'a> {
    pub(super) fn new(connection: &'a Connection, body: Body) -> Self {
        let body = body.into_with_config().limit(u64::MAX).reader();
        Self { connection, body: BufReader::new(body) }
    }

    /// Returns the next line without its end; `None` after the last.
    ///
    /// # Errors
    /// [`Error::NoReply`] if the connection is lost or the line is not complete.
    pub(crate) fn next_line(&mut self) -> Result<Option<String>, Error> {
        let mut line = String::new();
        let read = self.body.by_ref().take(MAX_REPLY).read_line(&mut line);
        match read.map_err(|error| self.connection.lost(error))? {
            0 => Ok(None),
            _ if line.pop() == Some('\n') => Ok(Some(line)),
            _ => Err(Error::no_reply("the controller's reply ends within a line")),
        }
    }
}
