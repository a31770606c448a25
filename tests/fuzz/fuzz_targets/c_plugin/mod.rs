//! A plugin with a C ABI that emits what the fuzzer wants, in pieces, and the host's end of the call.
//! The targets `describe` and `reply` use it.

#![expect(unsafe_code, reason = "plays the foreign end of a C ABI")]

use crate::call_c;
use crate::entry_c::{Emit, ProviderV1};
use std::cell::RefCell;
use std::ffi::{c_char, c_int, c_void};

/// The longest piece emitted, in bytes.
const MAX_PIECE: usize = 64;

/// What the plugin does when it is called next.
#[derive(Clone, Default)]
pub struct Script {
    /// Emitted; each piece's first byte says how long the piece is.
    pub text: Vec<u8>,
    /// Returned.
    pub status: c_int,
    /// Whether it goes on although the host takes no more.
    pub deaf: bool,
}

thread_local! {
    static SCRIPT: RefCell<Script> = RefCell::default();
}

const PLUGIN: ProviderV1 =
    ProviderV1 { size: 0, abi_major: 1, abi_minor: 0, flags: 0, describe: Some(describe), call: Some(call) };

/// The description that the host takes from a plugin with this script.
#[allow(dead_code, reason = "for the target `describe`")]
pub fn describe_as(script: Script, limit: usize) -> Result<String, String> {
    SCRIPT.set(script);
    call_c::describe(&PLUGIN, limit)
}

/// The answer that the host takes from a plugin with this script, and whether it is an error.
#[allow(dead_code, reason = "for the target `reply`")]
pub fn call_as(script: Script, limit: usize) -> Result<(String, bool), String> {
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
    // SAFETY: the pair is passed on as it came, and this function returns after the other.
    unsafe { describe(emit, sink) }
}
