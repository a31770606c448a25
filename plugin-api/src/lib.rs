//! The plugin ABI of BasicAgent, for plugins and for hosts.
//!
//! A plugin is a shared library that provides one `getinfo.*` method. Its author implements
//! [`Provider`] and exports it with [`export_provider!`]:
//!
//! ```
//! use plugin_api::{Args, Context, Meta, Provider, ProviderError, Reply, export_provider};
//!
//! struct Greeting;
//!
//! impl Provider for Greeting {
//!     fn describe() -> Meta {
//!         Meta::new("getinfo.greeting", "1.0.0", "says hello").arg("NAME", "the name to greet")
//!     }
//!
//!     fn call(args: &Args, _ctx: &Context) -> Result<Reply, ProviderError> {
//!         let name = args.words().next().ok_or_else(|| ProviderError::usage("NAME is required"))?;
//!         Reply::json(&format!("hello, {name}"))
//!     }
//! }
//!
//! export_provider!(Greeting);
//! ```
//!
//! A provider with options declares them once, as [`Options`]; the help and the parser both come
//! from that table. `BasicAgentCtl new` writes a complete plugin to start from, and the module
//! `guide` of this documentation leads from there to an installed plugin.
//!
//! The library is a `cdylib` named after its method: `getinfo.greeting` is
//! `libgetinfo_greeting.so`. The `host` module (feature `host`), which the agent's worker and
//! `BasicAgentCtl` share, finds it in the plugin folders, checks it, loads it and calls it.
//!
//! The boundary is frozen: two functions whose arguments are JSON text. Additions go into that
//! JSON, where unknown keys are ignored. A plugin in C, or in any other language with a C ABI, uses
//! `include/getinfo_provider.h` instead.
//!
//! An `abort`, an endless loop or a segmentation fault in a plugin is *not* contained here: that is
//! why the agent runs plugins in worker processes.

#[cfg(feature = "apart")]
pub mod apart;
mod args;
mod context;
#[cfg(feature = "host")]
mod entry_c;
#[cfg_attr(
    not(feature = "host"),
    expect(dead_code, reason = "a plugin does not call its own root module")
)]
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

/// The version of the interface; it changes only if a frozen part must change.
pub const API_VERSION: u32 = 1;

#[doc(hidden)]
pub mod __private {
    //! Used by the expansion of [`export_provider!`](crate::export_provider); not part of the
    //! interface.
    pub use crate::entry_rust::{SYMBOL, header, is_symbol};
    pub use abi_stable::library::LibHeader;
}
