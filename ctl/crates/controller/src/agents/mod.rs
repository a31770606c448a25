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
//!
//! `places` bounds the connections before they are sessions, `admission` their handshakes a second,
//! `room` the memory of large messages. Hosts that wait for an operator's approval are in
//! `approvals`.

mod admission;
mod approvals;
mod balance;
mod certificate;
mod channel;
mod disconnect;
mod elsewhere;
mod handshake;
mod listener;
mod peer;
mod places;
mod post;
mod reach;
mod redirect;
mod registry;
mod renewal;
mod reply;
mod results;
mod room;
mod salvage;
mod session;
mod settle;
mod socket;
mod standings;
mod stream;
mod tls;
mod trust;
mod validity;

pub(crate) use admission::Admission;
pub(crate) use approvals::Approvals;
pub(crate) use balance::balance;
pub(crate) use certificate::key_matches;
pub(crate) use handshake::Services;
pub(crate) use listener::{Permits, bind, serve};
pub(crate) use peer::Restriction;
pub(crate) use places::{Place, PlaceBounds, Places};
pub(crate) use post::{Answers, Clerk, Post, Query};
pub(crate) use reach::{Asked, Reach};
pub(crate) use redirect::{Redirect, Rule as RedirectRule};
pub(crate) use registry::{Notice, Registry};
pub(crate) use reply::NoReply;
pub(crate) use room::Room;
pub(crate) use session::{AgentRequest, Session};
pub(crate) use settle::{settled, settled_here};
pub(crate) use standings::follow as follow_standings;
pub(crate) use stream::OutputStream;
pub(crate) use tls::{ServerFiles, ServerSide, Tls, TlsFiles, server_side};
pub(crate) use trust::{TrustParts, renew_own, trust_queue};
