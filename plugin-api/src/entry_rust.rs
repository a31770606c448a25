//! The Rust entry: abi_stable's root module, frozen at two functions, and the code that fills it
//! from a [`Provider`]. Only this file and the host's loader use abi_stable.
//!
//! If the root module gained a field, hosts would refuse every plugin built before, so it never
//! grows: additions go into the JSON.

#![expect(unsafe_code, reason = "abi_stable requires it to create a library's header")]

use std::panic::{AssertUnwindSafe, catch_unwind};

use abi_stable::StableAbi;
use abi_stable::library::{
    __call_root_module_loader, CheckTypeLayout, LibHeader, ROOT_MODULE_LOADER_NAME, RootModule,
    RootModuleResult,
};
use abi_stable::prefix_type::PrefixTypeTrait;
use abi_stable::sabi_types::VersionStrings;
use abi_stable::std_types::{RResult, RStr, RString};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::context::Request;
use crate::{Args, Meta, Provider, ProviderError, Reply};

/// The frozen root module.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = ProviderModuleRef, prefix_fields = ProviderModulePrefix)))]
pub(crate) struct ProviderModule {
    /// Returns a [`Meta`] as JSON, or an empty text after a panic.
    pub(crate) describe: extern "C" fn() -> RString,
    /// Takes a request as JSON; returns a JSON value, or a [`ProviderError`] as JSON.
    #[sabi(last_prefix_field)]
    pub(crate) call: extern "C" fn(RStr<'_>) -> RResult<RString, RString>,
}

impl RootModule for ProviderModuleRef {
    abi_stable::declare_root_module_statics! {ProviderModuleRef}
    const BASE_NAME: &'static str = "getinfo";
    const NAME: &'static str = "getinfo";
    const VERSION_STRINGS: VersionStrings = abi_stable::package_version_strings!();
}

/// The name of the exported header; `export_provider!` needs it as a literal.
#[doc(hidden)]
pub const SYMBOL: &str = ROOT_MODULE_LOADER_NAME;

/// Returns whether `name` is [`SYMBOL`]; runs at compile time.
#[doc(hidden)]
pub const fn is_symbol(name: &str) -> bool {
    let (a, b) = (name.as_bytes(), SYMBOL.as_bytes());
    let mut i = 0;
    while i < a.len() && i < b.len() && a[i] == b[i] {
        i += 1;
    }
    i == a.len() && i == b.len()
}

/// Creates the header that a plugin exports for provider `P`.
#[doc(hidden)]
pub const fn header<P: Provider>() -> LibHeader {
    // SAFETY: the constructor must return a `PrefixRef` of the named module: `constructor::<P>`
    // passes `module::<P>`, which returns `ProviderModuleRef`, to abi_stable's own wrapper.
    unsafe {
        LibHeader::from_constructor::<ProviderModuleRef>(constructor::<P>, CheckTypeLayout::Yes)
    }
}

extern "C" fn constructor<P: Provider>() -> RootModuleResult {
    __call_root_module_loader(module::<P>)
}

fn module<P: Provider>() -> ProviderModuleRef {
    ProviderModule { describe: describe::<P>, call: call::<P> }.leak_into_prefix()
}

extern "C" fn describe<P: Provider>() -> RString {
    let text = catch_unwind(|| serde_json::to_string(&P::describe()));
    text.ok().and_then(Result::ok).unwrap_or_default().into()
}

extern "C" fn call<P: Provider>(request: RStr<'_>) -> RResult<RString, RString> {
    let answer = catch_unwind(AssertUnwindSafe(|| answer::<P>(request.as_str())));
    let answer = answer.unwrap_or_else(|payload| {
        let what = payload.downcast_ref::<&str>().copied();
        let what = what.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        let message = format!("the plugin panicked: {}", what.unwrap_or("no message"));
        Err(ProviderError::new(ProviderError::PANIC, message))
    });
    match answer {
        Ok(reply) => RResult::ROk(reply.into_string().into()),
        Err(error) => RResult::RErr(serde_json::to_string(&error).unwrap_or_default().into()),
    }
}

fn answer<P: Provider>(request: &str) -> Result<Reply, ProviderError> {
    let request: Request = serde_json::from_str(request).map_err(|err| {
        ProviderError::new("bad_request", format!("the host sent an invalid request: {err}"))
    })?;
    let args = Args::parse(&request.args)?;
    if args.wants_help() {
        return usage_reply(&P::describe());
    }
    if args.wants_schema() {
        return schema_reply(&P::describe());
    }
    let reply = P::call(&args, &request.ctx)?;
    let (len, max) = (reply.as_str().len(), request.ctx.max_reply);
    if len > max {
        let message = format!("the reply has {len} bytes; the caller's limit is {max}");
        return Err(ProviderError::new(ProviderError::REPLY_TOO_LARGE, message));
    }
    Ok(reply)
}

/// Returns the reply to `-h`.
pub(crate) fn usage_reply(meta: &Meta) -> Result<Reply, ProviderError> {
    #[derive(Serialize)]
    struct Usage {
        usage: String,
    }
    Reply::json(&Usage { usage: meta.usage_text() })
}

/// Returns the reply to `--schema`.
pub(crate) fn schema_reply(meta: &Meta) -> Result<Reply, ProviderError> {
    #[derive(Serialize)]
    struct Schema<'a> {
        schema: Option<&'a RawValue>,
    }
    Reply::json(&Schema { schema: meta.output_schema.as_deref() })
}

/// Exports `$provider`, a type that implements [`Provider`](crate::Provider), as the method of this
/// library. The crate must be a `cdylib` and must unwind on panic: with `panic = "abort"` a panic
/// in a call would end the host, so such a build fails to compile.
#[macro_export]
macro_rules! export_provider {
    ($provider:ty) => {
        #[cfg(panic = "abort")]
        ::core::compile_error!(
            "a plugin must unwind on panic: remove `panic = \"abort\"` from the profile it is built with"
        );

        const _: () = {
            ::core::assert!($crate::__private::is_symbol("_1as_0lib_1header_0root_bmodule_bloader"));
            #[unsafe(export_name = "_1as_0lib_1header_0root_bmodule_bloader")]
            static HEADER: $crate::__private::LibHeader = $crate::__private::header::<$provider>();
        };
    };
}
