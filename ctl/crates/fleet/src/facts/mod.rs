//! Facts: what hosts answer to `getinfo.*`, as documents that can be shared, compared and searched.
//!
//! | step | the rule |
//! |---|---|
//! | a host answers | [`volatile`] takes out what differs in every answer; the rest is the *document*, known by its [`crate::Digest`] |
//! | a document is new | [`index`] says under which names people look for it |
//! | the host's labels | [`FactLabel`] reads them from documents |
//! | two documents | [`diff`]: RFC 6902 for programs, lines for people |
//! | a search by content | [`Question`]: a provider and a JSONPath (RFC 9535), which the controller evaluates |
//! | a search by package | [`version`]: which version is the older one, as dpkg and rpm see it |

pub mod diff;
pub mod index;
mod label;
mod question;
pub mod version;
pub mod volatile;

pub use label::{FactLabel, FactLabelError};
pub use question::{Question, QuestionError};

/// The providers that each host is asked for, where the operator chose none. Processes, sockets and
/// the like differ in every answer; users may be many, and are nobody's business by default.
pub const DEFAULT_METHODS: [&str; 12] = [
    "getinfo.os",
    "getinfo.kernel",
    "getinfo.cpu",
    "getinfo.memory",
    "getinfo.disks",
    "getinfo.mounts",
    "getinfo.network",
    "getinfo.hardware",
    "getinfo.time",
    "getinfo.services",
    "getinfo.packages",
    "getinfo.certificates",
];

/// The arguments that ask a provider for the JSON Schema of its answer.
pub const SCHEMA_ARGS: &str = "--schema";

/// Begins the name of each provider's method.
const PREFIX: &str = "getinfo.";

/// The most bytes of a provider's name, without the prefix.
const MAX_NAME: usize = 64;

/// Returns the whole name of a provider's method, which may be given without its prefix; `None` for
/// a text that cannot be one.
pub fn method_name(text: &str) -> Option<String> {
    let name = text.strip_prefix(PREFIX).unwrap_or(text);
    let fits = (1..=MAX_NAME).contains(&name.len()) && name != "all";
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let starts = name.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
    (fits && starts && name.bytes().all(plain)).then(|| format!("{PREFIX}{name}"))
}

/// Returns the call that asks a provider for its schema. Its answer is kept like a fact, under this
/// name, which is no provider's.
pub fn schema_call(method: &str) -> String {
    format!("{method} {SCHEMA_ARGS}")
}

/// Returns whether a kept answer is a provider's schema, and no fact.
pub fn is_schema_call(name: &str) -> bool {
    name.strip_suffix(SCHEMA_ARGS).is_some_and(|method| method.ends_with(' '))
}

/// Returns a method's name without its prefix.
pub fn short_name(method: &str) -> &str {
    method.strip_prefix(PREFIX).unwrap_or(method)
}
