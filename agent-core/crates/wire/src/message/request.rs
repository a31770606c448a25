//! What a controller asks: an id, a method, and the method's own fields (§3, §4, §8).

use super::Response;
use crate::{InvalidParams, Method, Params, Retcode};
use serde_json::{Map, Value};
use std::fmt;

/// Bytes of a request's id.
pub const MAX_ID: usize = 128;

/// Bytes of a method's name; longer ones exist nowhere and are not looked up.
const MAX_METHOD: usize = 128;

/// One request; its fields wait in [`Request::params`] until the method's own type reads them.
#[derive(Clone)]
pub struct Request {
    /// Names the answer; unique among the requests that are running.
    pub id: String,
    /// What it asks for.
    pub method: Method,
    fields: Map<String, Value>,
}

/// A message that can't be a request; [`Unusable::answer`] is what the peer gets.
#[derive(Clone, Debug)]
pub struct Unusable {
    id: Option<String>,
    why: InvalidParams,
}

impl Unusable {
    /// The failed response, with the id where there was one.
    pub fn answer(&self) -> Response {
        Response::failed(self.id.as_deref(), Retcode::InvalidParams, &self.why)
    }
}

impl Request {
    /// Reads the envelope of a request.
    ///
    /// # Errors
    /// When `id` is no string of 1 to [`MAX_ID`] bytes or `method` is missing.
    pub fn parse(fields: Map<String, Value>) -> Result<Self, Unusable> {
        let params = Params::new(&fields);
        let id = match params.short_text("id", MAX_ID) {
            Ok(Some(id)) => id.to_owned(),
            Ok(None) => return Err(Unusable { id: None, why: InvalidParams("id is missing".to_owned()) }),
            Err(why) => return Err(Unusable { id: None, why }),
        };
        match params.short_text("method", MAX_METHOD) {
            Ok(Some(method)) => Ok(Self { method: Method::parse(method), id, fields }),
            Ok(None) => Err(Unusable { id: Some(id), why: InvalidParams("method is missing".to_owned()) }),
            Err(why) => Err(Unusable { id: Some(id), why }),
        }
    }

    /// The method's own fields.
    pub fn params(&self) -> Params<'_> {
        Params::new(&self.fields)
    }
}

impl fmt::Debug for Request {
    /// The id and method only: commands, environments and inputs may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("id", &self.id).field("method", &self.method).finish_non_exhaustive()
    }
}

/// `getinfo.*` (§8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetInfo {
    /// One string, split by the provider's side as a shell splits words; empty when absent.
    pub args: String,
    /// Of `getinfo.all`: methods, each with its arguments after it.
    pub methods: Vec<String>,
}

impl GetInfo {
    /// Reads the fields of a `getinfo.*` request.
    ///
    /// # Errors
    /// When `args` is no string, or `methods` no list of strings.
    pub fn parse(params: Params<'_>) -> Result<Self, InvalidParams> {
        let methods = params.texts("methods")?;
        Ok(Self { args: params.text("args")?.unwrap_or_default().to_owned(), methods })
    }
}

/// `sync.cancel` and `async.cancel`: end another request's command (§5, §6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cancel {
    /// The id of the request to end.
    pub target: String,
}

impl Cancel {
    /// Reads the fields of a cancel request.
    ///
    /// # Errors
    /// When `target` is no id.
    pub fn parse(params: Params<'_>) -> Result<Self, InvalidParams> {
        match params.short_text("target", MAX_ID)? {
            Some(target) => Ok(Self { target: target.to_owned() }),
            None => Err(InvalidParams("target is missing".to_owned())),
        }
    }
}
