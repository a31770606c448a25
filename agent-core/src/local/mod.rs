//! The local socket: this host's root sends its own agent the requests of the channel (§4 to §8),
//! also without a reachable controller.
//!
//! [`crate::session`] serves each connection as it does the channel. The policy does not apply,
//! since anybody who may connect may also edit it. There is no `init`, and no results of tasks are
//! sent: those are for the controller. The socket rejects everybody but root and the agent's own
//! user.

mod listener;
mod socket;

pub(crate) use listener::Local;
pub(crate) use socket::{Socket, fits};
