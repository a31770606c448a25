//! A spool: a bounded output file, written as the output comes and readable meanwhile.
//!
//! It has the head of a stream and its tail: the first half of the bound is filled once, the other
//! half is a ring with the newest output. The byte at stream offset `o` is at `o` in the head, and
//! at `half + (o - half) % (max - half)` in the ring. An [`Extent`], kept in the task's slot, tells
//! which bytes are there.
//!
//! A supervisor writes; when the disk is full, later output is lost, but the command goes on. The
//! agent reads, and checks the extent again after each reading, since the ring may have overwritten
//! the bytes during it.

mod extent;
mod read;
mod write;

pub use extent::{Extent, Stream};
pub use read::{Part, Source, StoredOutput};
pub(crate) use write::Spool;
