//! The host's end: finds a method's file, checks it, loads it and calls it.
//!
//! The agent's plugin worker and `BasicAgentCtl` use it. It refuses every file that it cannot
//! vouch for, and says why.
//!
//! [`open`] does everything in one call. The single steps: [`find`] looks for one file name in each
//! folder, in order; [`check`] opens it without following a link, checks the owner of the file and
//! of every folder above it, and reads its ELF headers; [`Trust::vouch`] requires a listed sum or a
//! signature; [`load`] maps *the opened descriptor*, so nothing can be swapped in between. A loaded
//! library is never unloaded.

mod call_c;
mod check;
mod confine;
mod elf;
mod error;
mod find;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod load;
mod vouch;
pub mod worker;

pub use check::{CheckedFile, FileIdentity, check, check_folder};
pub use confine::confine;
pub use error::HostError;
pub use find::{find, list};
pub use load::{Json, LoadedProvider, load};
pub use vouch::{Trust, signature_of};

use std::path::PathBuf;

use crate::MethodName;

/// Finds, checks and loads the plugin of `method` in the folders `dirs`.
///
/// # Errors
/// Those of [`find`], [`check`] and [`load`].
pub fn open(dirs: &[PathBuf], method: &MethodName) -> Result<LoadedProvider, HostError> {
    load(check(&find(dirs, method)?.0)?, method)
}
