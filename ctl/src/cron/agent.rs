//! The agent whose jobs are meant: this machine's, or one that a controller reaches.

use crate::cli::Remote;
use crate::error::Error;
use crate::{query, socket};
use agent_wire::message::Resp;
use serde_json::Value;
use std::path::Path;
use uuid::Uuid;

/// How to reach it.
pub(super) enum Agent<'a> {
    Local(&'a Path),
    Remote(&'a Remote),
}

impl Agent<'_> {
    /// The whole answer to a request, which is a success.
    ///
    /// # Errors
    /// [`Error::NotAsked`] and its like, or [`Error::Failed`] with the agent's retcode and message.
    pub(super) fn ask(&self, mut request: Value) -> Result<String, Error> {
        let text = match self {
            Self::Local(path) => {
                request["id"] = Uuid::new_v4().to_string().into();
                socket::ask(path, &request.to_string())?
            }
            Self::Remote(remote) => remote.controller.ask(&remote.host, &request.to_string(), None)?,
        };
        let response = query::response(&text)?;
        if response.resp == Resp::Failed { Err(query::failed(&response)) } else { Ok(text) }
    }
}
