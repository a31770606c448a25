//! A bounded output file, written as the output comes and readable meanwhile.
//!
//! It holds the head of a stream and its tail: the first half of the bound is filled once, the
//! other half is a ring over which the newest output goes. The byte at stream offset `o` is at `o`
//! in the head, and at `half + (o - half) % (max - half)` in the ring. What of it is there is said
//! by an [`Extent`], kept in the task's slot.
//!
//! A supervisor writes; a disk that takes no more costs the output that came after, never the
//! command. The agent reads, and asks for the extent again after each reading, since the ring may
//! have gone round under it.

mod extent;
mod read;
mod write;

pub use extent::{Extent, Stream};
pub use read::{Kept, Part, Source};
pub(crate) use write::Spool;
