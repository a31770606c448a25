//! The rpm database of SUSE, Packages.db (rpm's lib/backend/ndb/rpmpkg.c).

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use readers::integer::le_u32;

const MAGIC: &[u8] = b"RpmP";
const SLOT_MAGIC: &[u8] = b"Slot";
const BLOB_MAGIC: &[u8] = b"BlbS";
const PAGE: usize = 4096;
const HEADER: usize = 32;
const SLOT: usize = 16;
const BLOCK: u64 = 16;
const BLOB_HEADER: usize = 16;
/// The largest header that is read.
const MAX_BLOB_BYTES: usize = 64 << 20;
/// Room for a million packages.
const MAX_SLOT_PAGES: usize = 4096;

/// Calls `visit` with each package's header, in the order of the slots. Damaged entries are
/// skipped.
pub(crate) fn each_blob(file: &File, mut visit: impl FnMut(&[u8])) -> io::Result<()> {
    let mut header = [0; HEADER];
    file.read_exact_at(&mut header, 0)?;
    let slot_pages = u32_at(&header, 12) as usize;
    if !header.starts_with(MAGIC) || u32_at(&header, 4) != 0 || slot_pages > MAX_SLOT_PAGES {
        return Err(io::Error::other("not an ndb database of version 0"));
    }
    let mut slots = vec![0; slot_pages * PAGE];
    file.read_exact_at(&mut slots, 0)?;
    let mut blob = Vec::new();
    for slot in slots.chunks_exact(SLOT).skip(HEADER / SLOT) {
        let (package, block) = (u32_at(slot, 4), u32_at(slot, 8));
        if !slot.starts_with(SLOT_MAGIC) || block == 0 {
            continue;
        }
        let at = u64::from(block) * BLOCK;
        let mut head = [0; BLOB_HEADER];
        if file.read_exact_at(&mut head, at).is_err()
            || !head.starts_with(BLOB_MAGIC)
            || u32_at(&head, 4) != package
        {
            continue;
        }
        let length = u32_at(&head, 12) as usize;
        if length <= MAX_BLOB_BYTES {
            blob.resize(length, 0);
            if file.read_exact_at(&mut blob, at + BLOCK).is_ok() {
                visit(&blob);
            }
        }
    }
    Ok(())
}

/// Reads a number of a slice that has it.
fn u32_at(bytes: &[u8], at: usize) -> u32 {
    le_u32(bytes, at).unwrap_or_default()
}
