//! The wire protocol of BasicAgent as types: framing, messages, retcodes, addresses.
//!
//! Both ends of the channel use this crate. It does no I/O and reads no clock: bytes and text come
//! in, values and text go out. PROTOCOL.md at the repository's root is the protocol in words; §
//! names its sections.
//!
//! A peer's bytes go through three steps, each with its own bounds: [`Decoder`] (bytes → the text
//! of one JSON object), [`json::parse_object`] (text → map; duplicate keys are rejected), and a
//! message's own `parse` (map → typed message; every field is checked). [`Method`] lists the
//! methods, [`reply`] the data of their replies.

mod address;
mod frame;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
pub mod json;
pub mod message;
mod method;
mod params;
pub mod pem;
pub mod reply;
mod retcode;

pub use address::{AddressError, Endpoint, MAX_ADDRESSES, parse_list};
pub use frame::{DEFAULT_MAX_DEPTH, DEFAULT_MAX_MESSAGE, Decoder, Limits};
pub use json::Malformed;
pub use method::{Family, Method};
pub use params::{InvalidParams, Params};
pub use retcode::Retcode;

/// The version of the protocol that this crate speaks, as `init` carries it (§2).
pub const PROTOCOL_VERSION: u32 = 1;

/// The ALPN name that both ends offer inside TLS (§3).
pub const ALPN: &[u8] = b"basicagent/1";

/// The ALPN name of a connection by which a host joins or recovers (§9).
pub const ENROLL_ALPN: &[u8] = b"basicagent-enroll/1";

/// The one TCP port for everything, unless an address or a setting says otherwise (§1).
pub const DEFAULT_PORT: u16 = 7443;
