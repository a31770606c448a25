//! A request: an id, a method, and the method's own fields (§3, §4, §8).

use super::Response;
use crate::{InvalidParams, Method, Params, Retcode};
use serde_json::{Map, Value};
use std::fmt;

/// The most bytes of a request's id.
pub const MAX_ID: usize = 128;

/// The most bytes of a method's name; longer names are rejected without a look-up.
const MAX_METHOD: usize = 128;

/// One request. The method's own type reads its fields from [`Request::params`].
#[derive(Clone)]
pub struct Request {
    /// Names the reply; unique among the running requests.
    pub id: String,
    /// The method.
    pub method: Method,
    fields: Map<String, Value>,
}

/// A message that can't be a request; the peer gets [`Unusable::answer`].
#[derive(Clone, Debug)]
pub struct Unusable {
    id: Option<String>,
    why: InvalidParams,
}

impl Unusable {
    /// Returns the failed reply, with the id if there was one.
    pub fn answer(&self) -> Response {
        Response::failed(self.id.as_deref(), Retcode::InvalidParams, &self.why)
    }
}

impl Request {
    /// Reads the envelope of a request.
    ///
    /// # Errors
    /// When `id` is not a string of 1 to [`MAX_ID`] bytes or `method` is missing.
    pub fn parse(fields: Map<String, Value>) -> Result<Self, Unusable> {
        let params = Params::new(&fields);
        let id = match params.short_text("id", MAX_ID) {
            Ok(Some(id)) => id.to_owned(),
            Ok(None) => {
                return Err(Unusable { id: None, why: InvalidParams("id is missing".to_owned()) });
            }
            Err(why) => return Err(Unusable { id: None, why }),
        };
        match params.short_text("method", MAX_METHOD) {
            Ok(Some(method)) => Ok(Self { method: Method::parse(method), id, fields }),
            Ok(None) => {
                Err(Unusable { id: Some(id), why: InvalidParams("method is missing".to_owned()) })
            }
            Err(why) => Err(Unusable { id: Some(id), why }),
        }
    }

    /// Returns the method's own fields.
    pub fn params(&self) -> Params<'_> {
        Params::new(&self.fields)
    }
}

impl fmt::Debug for Request {
    /// Writes only the id and the method: commands, environments and inputs may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("id", &self.id)
            .field("method", &self.method)
            .finish_non_exhaustive()
    }
}

/// `getinfo.*` (§8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetInfo {
    /// One string, which the provider splits into words as a shell does; empty when absent.
    pub args: String,
    /// For `getinfo.all`: methods, each followed by its arguments.
    pub methods: Vec<String>,
    /// By method, for `getinfo.all`, or for the request's own (the empty key): the SHA-256 of the
    /// data that the caller has, in hex.
    pub known: Vec<(String, String)>,
}

impl GetInfo {
    /// Reads the fields of a `getinfo.*` request.
    ///
    /// # Errors
    /// When `args` is not a string, `methods` is not a list of strings, or `known` is neither a
    /// string nor an object of strings.
    pub fn parse(params: Params<'_>) -> Result<Self, InvalidParams> {
        let known = match params.text("known") {
            Ok(known) => known.map(|known| (String::new(), known.to_owned())).into_iter().collect(),
            Err(_) => params.text_map("known")?,
        };
        let methods = params.texts("methods")?;
        Ok(Self { args: params.text("args")?.unwrap_or_default().to_owned(), methods, known })
    }

    /// Returns the digest of the data that the caller has of a method.
    pub fn known(&self, method: &str) -> &str {
        self.known.iter().find(|(name, _)| name == method).map_or("", |(_, known)| known)
    }
}

/// `sync.cancel`: cancels another request's command (§5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cancel {
    /// The id of the request to cancel.
    pub target: String,
}

impl Cancel {
    /// Reads `target`.
    ///
    /// # Errors
    /// When `target` is not an id.
    pub fn parse(params: Params<'_>) -> Result<Self, InvalidParams> {
        match params.short_text("target", MAX_ID)? {
            Some(target) => Ok(Self { target: target.to_owned() }),
            None => Err(InvalidParams("target is missing".to_owned())),
        }
    }
}
