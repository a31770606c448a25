//! The agent that gets the requests: this machine's, or a host's behind a controller.

use crate::cli::Remote;
use crate::error::Error;
use crate::{query, socket};
use agent_wire::message::Resp;
use serde_json::Value;
use std::path::Path;
use uuid::Uuid;

/// The way to the agent.
#[derive(Clone, Copy)]
pub(crate) enum Agent<'a> {
    Local(&'a Path),
    Remote(&'a Remote),
}

impl<'a> Agent<'a> {
    /// Returns the way to the host, or without one to this machine's agent, at `socket` if given.
    pub(crate) fn new(remote: Option<&'a Remote>, socket: Option<&'a Path>) -> Self {
        match (remote, socket) {
            (Some(remote), _) => Self::Remote(remote),
            (None, Some(path)) => Self::Local(path),
            (None, None) => Self::Local(Path::new(socket::DEFAULT)),
        }
    }

    /// Sends a request and returns the whole reply, which reports success. A local request without
    /// an id gets one.
    ///
    /// # Errors
    /// As [`query::failed`] for a failed reply; any other [`Error`] without a reply.
    pub(crate) fn request(&self, mut request: Value) -> Result<String, Error> {
        let text = match self {
            Self::Local(path) => {
                if request.get("id").is_none() {
                    request["id"] = Uuid::new_v4().to_string().into();
                }
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
