//! The C entry as in `include/getinfo_provider.h`; the host's loader calls through it.

use std::ffi::{c_char, c_int, c_void};

/// The data symbol that a plugin with a C ABI exports.
pub(crate) const SYMBOL: &str = "getinfo_provider_v1";

/// Receives the next piece of a reply. Returns 0 to continue, or another value to stop.
pub(crate) type Emit =
    unsafe extern "C" fn(sink: *mut c_void, piece: *const c_char, len: usize) -> c_int;

/// `struct getinfo_provider_v1`. Frozen: new fields go to the end, and `size` reveals them.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(crate) struct ProviderV1 {
    /// `sizeof` the struct that the plugin was built with.
    pub(crate) size: u32,
    /// 1.
    pub(crate) abi_major: u16,
    /// Incremented when fields are added at the end.
    pub(crate) abi_minor: u16,
    /// 0: no flags are defined.
    pub(crate) flags: u32,
    /// Emits a description in JSON; returns 0.
    pub(crate) describe: Option<unsafe extern "C" fn(emit: Emit, sink: *mut c_void) -> c_int>,
    /// Emits a JSON value and returns 0, or emits `{"code","message"}` and returns 1.
    pub(crate) call: Option<
        unsafe extern "C" fn(
            request: *const c_char,
            len: usize,
            emit: Emit,
            sink: *mut c_void,
        ) -> c_int,
    >,
}
