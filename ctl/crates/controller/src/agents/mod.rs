//! The agents' side: ports, handshakes, and one session per connected host.
//!
//! `listener` accepts connections; `handshake` takes each through the bootstrap, TLS and `init`
//! (PROTOCOL §2, §3); a [`Session`] is then entered in the [`Registry`], and its `channel` serves
//! the TLS stream until it ends.
//!
//! [`Session`] is the end that callers hold: they put requests in and wait for replies. The channel
//! is the end that owns the stream. Between them stands one mailbox, which both bounds and
//! coalesces: requests that come while the stream is busy leave as one TLS record. A
//! [`PendingReply`] is one request's wait for its reply alone, an [`OutputStream`] for its output
//! too. Results go to the store (`results`). Nothing here knows HTTP.

mod channel;
mod handshake;
mod listener;
mod redirect;
mod registry;
mod reply;
mod results;
mod session;
mod socket;
mod stream;
mod tls;

pub(crate) use handshake::Services;
pub(crate) use listener::{Permits, bind, serve};
pub(crate) use redirect::Redirect;
pub(crate) use registry::Registry;
pub(crate) use reply::NoReply;
pub(crate) use session::{AgentRequest, Session};
pub(crate) use stream::OutputStream;
pub(crate) use tls::{TlsFiles, acceptor, can_name_a_host, key_matches};
