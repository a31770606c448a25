//! The plugin ABI of BasicAgent, both ends of it.
//!
//! A plugin is one shared library that answers one `getinfo.*` method. Its author implements
//! [`Provider`], writes [`export_provider!`], and needs nothing else:
//!
//! ```
//! use plugin_api::{Args, Context, Meta, Provider, ProviderError, Reply, export_provider};
//!
//! struct Greeting;
//!
//! impl Provider for Greeting {
//!     fn describe() -> Meta {
//!         Meta::new("getinfo.greeting", "1.0.0", "says hello").arg("NAME", "whom to greet")
//!     }
//!
//!     fn call(args: &Args, _ctx: &Context) -> Result<Reply, ProviderError> {
//!         let name = args.words().next().ok_or_else(|| ProviderError::usage("a NAME is needed"))?;
//!         Reply::json(&format!("hello, {name}"))
//!     }
//! }
//!
//! export_provider!(Greeting);
//! ```
//!
//! `BasicAgentCtl new` writes a plugin to begin with; the module `guide` of this documentation leads from there to an installed one.
//!
//! Built as a `cdylib` and named after its method (`getinfo.greeting` is `libgetinfo_greeting.so`),
//! it is found in the plugin folders, checked, loaded and called by the `host` module (feature
//! `host`), which the agent's worker and `BasicAgentCtl` share.
//!
//! What crosses the boundary is frozen: two functions whose arguments are JSON text. Everything
//! that grows, grows inside that JSON, where unknown keys are ignored. A plugin in C, or in any
//! language with a C ABI, uses `include/getinfo_provider.h` instead.
//!
//! An `abort`, an endless loop or a segmentation fault in a plugin is *not* contained here: the
//! agent runs plugins in worker processes for that.

mod args;
mod context;
#[cfg(feature = "host")]
mod entry_c;
#[cfg_attr(not(feature = "host"), expect(dead_code, reason = "a plugin never calls its own root module"))]
mod entry_rust;
mod error;
#[cfg(any(doc, doctest))]
#[doc = include_str!("guide.md")]
pub mod guide {}
#[cfg(feature = "host")]
pub mod host;
mod meta;
mod method;
mod options;
mod provider;
#[cfg(feature = "testing")]
pub mod testing;

pub use args::Args;
pub use context::Context;
pub use error::ProviderError;
pub use meta::{Argument, Example, Meta};
pub use method::{InvalidMethodName, MethodName};
pub use options::{Opt, OptValue, Options};
pub use provider::{Provider, Reply};

/// The version of the interface this crate speaks; it changes only if a frozen part has to.
pub const API_VERSION: u32 = 1;

#[doc(hidden)]
pub mod __private {
    //! What [`export_provider!`](crate::export_provider) expands to; no part of the interface.
    pub use crate::entry_rust::{SYMBOL, header, is_symbol};
    pub use abi_stable::library::LibHeader;
}
