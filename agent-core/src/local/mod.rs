//! The local socket: this host's root asks its own agent, in the words of the channel (§4 to §8), also with no
//! controller in reach.
//!
//! What comes in here goes to [`crate::dispatch`] as what comes in by the channel does. The policy is not asked, since
//! whoever may connect may also edit it. No `init`, and no results of tasks: those are the controller's. It refuses
//! everybody but root and the user the agent runs as.

mod listener;
mod socket;

pub(crate) use listener::Local;
pub(crate) use socket::Socket;
