//! A process that hosts one plugin, so that the plugin's crash, hang or leak stays in it.
//!
//! A host prepares the process with [`prepare`]: standard input is one end of a socket pair, and
//! both output streams are a pipe. The two ends exchange [`Frames`]; the frames' content is the
//! host's own. In the worker, [`take_channel`] takes the socket, and [`Load::open`] checks the
//! plugin, drops root and maps the plugin, in this order.

mod frame;
mod load;
mod process;

pub use frame::{Frames, PREFIX, encode, finish, length};
pub use load::Load;
pub use process::{Prepared, how_ended, kill_group, prepare, take_channel};
