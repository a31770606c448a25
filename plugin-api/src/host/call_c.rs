//! Calls through the C entry. A reply arrives in pieces, which are copied and counted here.

#![expect(unsafe_code, reason = "calls functions of a C ABI")]

use std::ffi::{c_char, c_int, c_void};
use std::ptr;

use crate::ProviderError;
use crate::entry_c::{Emit, ProviderV1};

/// The version of the C interface this host speaks.
const ABI_MAJOR: u16 = 1;
/// Bytes of `size`, `abi_major` and `abi_minor`, which are checked before the rest is read.
const PREFIX: usize = 8;

/// The buffer that a plugin emits into.
struct Sink {
    bytes: Vec<u8>,
    limit: usize,
    overflowed: bool,
}

/// Copies the plugin's table after checking its version and size.
pub(super) fn read_provider(symbol: *const u8) -> Result<ProviderV1, String> {
    if symbol.is_null() || !symbol.addr().is_multiple_of(align_of::<ProviderV1>()) {
        return Err("its entry is not a getinfo_provider_v1".to_owned());
    }
    // SAFETY: the symbol is an object of the loaded library, never unloaded, and an object under
    // this name holds at least the version-independent prefix, as the header file says.
    let prefix = unsafe { ptr::read(symbol.cast::<[u8; PREFIX]>()) };
    let [s0, s1, s2, s3, m0, m1, ..] = prefix;
    let (size, major) = (u32::from_ne_bytes([s0, s1, s2, s3]), u16::from_ne_bytes([m0, m1]));
    if major != ABI_MAJOR {
        return Err(format!("it was built for plugin API {major}; this host supports {ABI_MAJOR}"));
    }
    if usize::try_from(size).is_ok_and(|size| size < size_of::<ProviderV1>()) {
        return Err(format!("its entry has {size} bytes, fewer than the interface requires"));
    }
    // SAFETY: aligned and not null as checked above; by its own `size` the object is at least this
    // large, and every bit pattern of it is a valid `ProviderV1` (null functions become `None`).
    Ok(unsafe { ptr::read(symbol.cast::<ProviderV1>()) })
}

/// Returns the plugin's description, at most `limit` bytes.
pub(super) fn describe(provider: &ProviderV1, limit: usize) -> Result<String, String> {
    let describe = provider.describe.ok_or("its entry has no describe function")?;
    let mut sink = Sink { bytes: Vec::new(), limit, overflowed: false };
    // SAFETY: the function has the signature the header file gives it, and the sink outlives the
    // call, the only time it may be used.
    let status = unsafe { describe(emit as Emit, ptr::from_mut(&mut sink).cast()) };
    if status != 0 {
        return Err(format!("its describe function returned {status}"));
    }
    if sink.overflowed {
        return Err(format!("its description has more than {limit} bytes"));
    }
    String::from_utf8(sink.bytes).map_err(|_| "its description is not UTF-8".to_owned())
}

/// Makes one call. Returns the reply and whether it is an error; a reply beyond `limit` becomes the
/// error `reply_too_large`.
pub(super) fn call(
    provider: &ProviderV1,
    request: &str,
    limit: usize,
) -> Result<(String, bool), String> {
    let call = provider.call.ok_or("its entry has no call function")?;
    let mut sink = Sink { bytes: Vec::new(), limit, overflowed: false };
    let sink_ptr = ptr::from_mut(&mut sink).cast();
    // SAFETY: the function has the signature the header file gives it; `request` is readable for
    // its length, and the sink outlives the call, the only time either may be used.
    let status = unsafe { call(request.as_ptr().cast(), request.len(), emit as Emit, sink_ptr) };
    if sink.overflowed {
        let message = format!("the reply exceeds the caller's limit of {limit} bytes");
        let error = ProviderError::new(ProviderError::REPLY_TOO_LARGE, message);
        return Ok((serde_json::to_string(&error).expect("two strings serialize"), true));
    }
    let text = String::from_utf8(sink.bytes).map_err(|_| "its reply is not UTF-8".to_owned())?;
    match status {
        0 => Ok((text, false)),
        1 => Ok((text, true)),
        other => Err(format!("its call function returned {other}")),
    }
}

/// The callback of the header file. It only copies, so it cannot unwind.
unsafe extern "C" fn emit(sink: *mut c_void, piece: *const c_char, len: usize) -> c_int {
    // SAFETY: a plugin passes the pointer that `describe` or `call` above gave them, to a live
    // `Sink` that nothing else borrows while the plugin runs.
    let sink = unsafe { &mut *sink.cast::<Sink>() };
    if sink.overflowed || len > sink.limit - sink.bytes.len() {
        sink.overflowed = true;
        return 1;
    }
    if len > 0 {
        // SAFETY: the header file requires `len` readable bytes at `piece`; they are copied before
        // this returns.
        let piece = unsafe { std::slice::from_raw_parts(piece.cast::<u8>(), len) };
        sink.bytes.extend_from_slice(piece);
    }
    0
}
