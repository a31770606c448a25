//! The rule of a route, beside its handler: its permitted callers, and whether it changes
//! anything. The gate enforces it.
//!
//! A route that changes something names the function that reads its request: what it returns is
//! judged and written to the audit log before the handler runs. So no such route is without both.

use super::problem::ApiError;
use super::service::Api;
use crate::audit::shortened;
use crate::auth::{Principal, Secure};
use axum::extract::Query;
use axum::http::{Extensions, Uri};
use fleet::Action;
use fleet::role::Command;
use hyper::body::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::net::IpAddr;

/// What the table says of a route.
#[derive(Clone, Copy)]
pub(super) struct Rule {
    pub(super) who: Who,
    pub(super) effect: Effect,
}

/// Who may use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// Everybody, without proof.
    Everybody,
    /// Every operator; a route that changes something may ask for more.
    Operators,
    /// Operators with a role that allows this: on the host that the path names, if it names one.
    Allowed(Action),
}

/// What a route does.
#[derive(Clone, Copy)]
pub(super) enum Effect {
    /// It changes nothing.
    Reads,
    /// It changes something.
    Changes {
        /// Reads the request.
        read: Read,
        /// Whether it creates something, and takes an idempotency key.
        creates: bool,
        /// Whether it ends when its client disconnects, instead of being done all the same.
        attended: bool,
        /// Whether its body may be as large as a request to a host.
        large: bool,
    },
}

/// Reads a request for a change.
pub(super) type Read = fn(&mut Given<'_>) -> Result<Subject, ApiError>;

impl Rule {
    /// Everybody may read it.
    pub(super) const OPEN: Self = Self { who: Who::Everybody, effect: Effect::Reads };

    /// Every operator may read it.
    pub(super) const OPERATORS: Self = Self { who: Who::Operators, effect: Effect::Reads };

    /// Operators whose roles allow `action` may read it.
    pub(super) const fn reads(action: Action) -> Self {
        Self { who: Who::Allowed(action), effect: Effect::Reads }
    }

    /// Operators whose roles allow `action` may change it.
    pub(super) const fn changes(action: Action, read: Read) -> Self {
        Self::change(Who::Allowed(action), read)
    }

    /// Operators whose roles allow `action` may create it.
    pub(super) const fn creates(action: Action, read: Read) -> Self {
        Self::creation(Who::Allowed(action), read)
    }

    /// `who` may create it, if `read` does not ask for more.
    pub(super) const fn creation(who: Who, read: Read) -> Self {
        Self { who, effect: Effect::Changes { read, creates: true, attended: false, large: false } }
    }

    /// `who` may change it, if `read` does not ask for more.
    pub(super) const fn change(who: Who, read: Read) -> Self {
        Self {
            who,
            effect: Effect::Changes { read, creates: false, attended: false, large: false },
        }
    }

    /// Its body may be large.
    pub(super) const fn large(mut self) -> Self {
        if let Effect::Changes { large, .. } = &mut self.effect {
            *large = true;
        }
        self
    }

    /// Every operator may ask for it, as far as `read` finds that their roles allow it.
    pub(super) const fn asks(read: Read) -> Self {
        let effect = Effect::Changes { read, creates: false, attended: true, large: true };
        Self { who: Who::Operators, effect }
    }

    /// Every operator may plan it, as far as `read` finds that their roles allow it.
    pub(super) const fn plans(read: Read) -> Self {
        let effect = Effect::Changes { read, creates: true, attended: false, large: true };
        Self { who: Who::Operators, effect }
    }
}

/// A request for a change, as [`Read`] sees it.
pub(super) struct Given<'a> {
    pub(super) api: &'a Api,
    /// The caller; `None` on a route for everybody.
    pub(super) principal: Option<&'a Principal>,
    pub(super) address: IpAddr,
    pub(super) secure: Secure,
    /// The variable segments of the path by name, decoded.
    pub(super) segments: Vec<(String, String)>,
    pub(super) uri: Uri,
    pub(super) body: Bytes,
    /// What the handler takes over.
    pub(super) carried: Extensions,
}

/// What a request asks for.
#[derive(Debug)]
pub(super) struct Subject {
    /// The action's name in the event.
    pub(super) name: &'static str,
    /// What the caller's roles must allow; `None` where the route's rule says all.
    pub(super) action: Option<Action>,
    /// What they must allow on every host besides.
    pub(super) everywhere: Option<Action>,
    /// The host that it is about.
    pub(super) host: Option<String>,
    /// The command that it brings.
    pub(super) command: Option<CommandLine>,
    /// What the event says; never a secret.
    pub(super) detail: Map<String, Value>,
    /// The operator that somebody says they are, to log in.
    pub(super) claimed: Option<String>,
    /// Whether it changes nothing after all, and leaves no event.
    pub(super) only_reads: bool,
}

/// A command in a request.
#[derive(Debug)]
pub(super) struct CommandLine {
    pub(super) text: String,
    pub(super) user: Option<String>,
    pub(super) group: Option<String>,
    pub(super) brings_more: bool,
}

impl CommandLine {
    /// Returns the command as roles judge it.
    pub(super) fn judged(&self) -> Command<'_> {
        Command {
            user: self.user.as_deref(),
            group: self.group.as_deref(),
            text: &self.text,
            brings_more: self.brings_more,
        }
    }
}

impl Subject {
    /// Starts with an action on the host that the path names, if it names one.
    pub(super) fn new(given: &Given<'_>, action: Action) -> Self {
        Self { action: Some(action), ..Self::named(given, action.name()) }
    }

    /// Starts with something that no role has to allow.
    pub(super) fn named(given: &Given<'_>, name: &'static str) -> Self {
        Self {
            name,
            action: None,
            everywhere: None,
            host: given.segment("host").map(str::to_owned),
            command: None,
            detail: Map::new(),
            claimed: None,
            only_reads: false,
        }
    }

    /// Adds something to the event.
    #[must_use]
    pub(super) fn with(mut self, name: &str, value: impl Serialize) -> Self {
        let value = match serde_json::to_value(value) {
            Ok(Value::String(text)) => Value::String(shortened(&text)),
            Ok(value) => value,
            Err(_) => Value::Null,
        };
        self.detail.insert(name.to_owned(), value);
        self
    }

    /// Adds a segment of the path to the event.
    #[must_use]
    pub(super) fn with_segment(self, given: &Given<'_>, name: &str) -> Self {
        match given.segment(name) {
            Some(value) => self.with(name, value),
            None => self,
        }
    }
}

impl Given<'_> {
    /// Returns a segment of the path.
    pub(super) fn segment(&self, name: &str) -> Option<&str> {
        self.segments.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Reads the body as one of the API's types, and hands it to the handler too.
    ///
    /// # Errors
    /// When it is not one.
    pub(super) fn body<T>(&mut self) -> Result<T, ApiError>
    where
        T: DeserializeOwned + Clone + Send + Sync + 'static,
    {
        // serde would take an array for a type, its fields in their order.
        if !self.body.trim_ascii_start().starts_with(b"{") {
            let why = "the body must be a JSON object".to_owned();
            return Err(ApiError::InvalidRequest(why));
        }
        let mut text = serde_json::Deserializer::from_slice(&self.body);
        let body: T = serde_path_to_error::deserialize(&mut text).map_err(wrong_body)?;
        text.end().map_err(|error| ApiError::InvalidRequest(format!("the body: {error}")))?;
        self.carried.insert(body.clone());
        Ok(body)
    }

    /// Reads the query as one of the API's types, and hands it to the handler too.
    ///
    /// # Errors
    /// When it is not one.
    pub(super) fn query<T>(&mut self) -> Result<T, ApiError>
    where
        T: DeserializeOwned + Clone + Send + Sync + 'static,
    {
        let query: Query<T> = Query::try_from_uri(&self.uri)
            .map_err(|error| ApiError::InvalidRequest(error.body_text()))?;
        self.carried.insert(query.0.clone());
        Ok(query.0)
    }

    /// Reads a body that may be missing.
    ///
    /// # Errors
    /// When it is there and not of the type.
    pub(super) fn optional_body<T>(&mut self) -> Result<T, ApiError>
    where
        T: DeserializeOwned + Default + Clone + Send + Sync + 'static,
    {
        if self.body.is_empty() {
            self.carried.insert(T::default());
            return Ok(T::default());
        }
        self.body()
    }
}

/// Names the field that is wrong, if it is one.
fn wrong_body(error: serde_path_to_error::Error<serde_json::Error>) -> ApiError {
    let path = error.path().to_string();
    let error = error.into_inner();
    ApiError::InvalidRequest(match path.as_str() {
        "." => format!("the body: {error}"),
        path => format!("the body: {path}: {error}"),
    })
}
