//! How runs and their targets go on, whichever database keeps them: what a call does to a `run`, what
//! a move or a result does to a `target`, and the `books` of one transaction. No I/O: a store reads the
//! rows, asks here, and writes the answer.

mod books;
mod run;
mod target;

pub(super) use books::{Books, minute};
pub(super) use run::{ApplyStep, StopStep, apply, end, has_room, stop, taken};
pub(super) use target::{OutputDigest, REPLY, ResultEnd, Step, digest_in_hex, digest_of_hex};
