//! The host's end: find a method's file, check it, load it, call it. The agent's plugin worker and
//! `BasicAgentCtl` use it; it refuses whatever it can't vouch for, with a sentence saying why.
//!
//! [`open`] does the whole. The steps apart: [`find`] looks for one file name in each folder, in
//! order; [`check`] opens it without following a link, checks who owns it and every folder above it,
//! and reads its ELF headers; [`Trust::vouch`] asks for a listed sum or a signature; [`load`] maps *the opened descriptor*, so nothing can be swapped in
//! between. A loaded library is never unloaded.

mod call_c;
mod check;
mod confine;
mod elf;
mod error;
mod find;
mod load;
mod minisign;
mod vouch;

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
