//! The agent that gets the requests: this machine's, or a host's behind a controller.

use crate::cli::Remote;
use crate::error::Error;
use crate::{query, socket};
use agent_wire::message::Resp;
use serde_json::Value;
use std::path::Path;
use uuid::Uuid;

/// The way to the agent.
pub(super) enum Agent<'a> {
    Local(&'a Path),
    Remote(&'a Remote),
}

impl Agent<'_> {
    /// Sends a request and returns the whole reply, which reports success.
    ///
    /// # Errors
    /// [`Error::Failed`] with the agent's retcode and message; any other [`Error`] without a reply.
    pub(super) fn request(&self, mut request: Value) -> Result<String, Error> {
        let text = match self {
            Self::Local(path) => {
                request["id"] = Uuid::new_v4().to_string().into();
                socket::request(path, &request.to_string())?
            }
            Self::Remote(remote) => {
                remote.controller.request(&remote.host, &request.to_string(), None)?
            }
        };
        let response = query::response(&text)?;
        if response.resp == Resp::Failed { Err(query::failed(&response)) } else { Ok(text) }
    }
}
