//! A plugin with a C ABI that emits the fuzzer's bytes in pieces, and the host's end of the call.

#![expect(unsafe_code, reason = "plays the foreign end of a C ABI")]

use std::cell::RefCell;
use std::ffi::{c_char, c_int, c_void};

use crate::entry_c::{Emit, ProviderV1};
use crate::host::call_c;

/// The longest piece emitted, in bytes.
const MAX_PIECE: usize = 64;

/// The plugin's behavior at its next call.
#[derive(Clone, Default)]
pub(super) struct Script {
    /// The bytes it emits; the first byte of each piece says how long the piece is.
    pub(super) text: Vec<u8>,
    /// The status it returns.
    pub(super) status: c_int,
    /// Whether it goes on when the host takes no more.
    pub(super) deaf: bool,
}

thread_local! {
    static SCRIPT: RefCell<Script> = RefCell::default();
}

const PLUGIN: ProviderV1 = ProviderV1 {
    size: 0,
    abi_major: 1,
    abi_minor: 0,
    flags: 0,
    describe: Some(describe),
    call: Some(call),
};

/// Returns the description that the host takes from a plugin with this script.
pub(super) fn describe_as(script: Script, limit: usize) -> Result<String, String> {
    SCRIPT.set(script);
    call_c::describe(&PLUGIN, limit)
}

/// Returns the reply that the host takes from a plugin with this script, and whether it is an
/// error.
pub(super) fn call_as(script: Script, limit: usize) -> Result<(String, bool), String> {
    SCRIPT.set(script);
    call_c::call(&PLUGIN, "{}", limit)
}

unsafe extern "C" fn describe(emit: Emit, sink: *mut c_void) -> c_int {
    let Script { text, status, deaf } = SCRIPT.take();
    let mut rest = text.as_slice();
    while let Some(first) = rest.first() {
        let (piece, after) = rest.split_at((usize::from(*first) % MAX_PIECE + 1).min(rest.len()));
        rest = after;
        // SAFETY: `emit` and `sink` are the pair the host passed to this function, which has not
        // returned; `piece` is readable for its length.
        let full = unsafe { emit(sink, piece.as_ptr().cast(), piece.len()) } != 0;
        if full && !deaf {
            break;
        }
    }
    status
}

unsafe extern "C" fn call(_: *const c_char, _: usize, emit: Emit, sink: *mut c_void) -> c_int {
    // SAFETY: the host's pair is passed on unchanged, and this function returns after `describe`.
    unsafe { describe(emit, sink) }
}
