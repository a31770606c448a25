//! Keeps the process small: one heap for all threads, and pages that are not needed given back.

#![expect(unsafe_code, reason = "madvise(2), mallopt(3) and malloc_trim(3) have no safe wrapper")]

use nix::sys::mman::{MmapAdvise, madvise};
use std::ffi::c_void;
use std::fs;
use std::num::NonZeroUsize;
use std::ptr::NonNull;

/// Makes all threads allocate from one heap. Call it before the first thread is started.
///
/// By default glibc gives each thread a heap of its own, and [`give_back`] cannot return the free
/// end of one: after 100,000 jobs were set, 40 MB of the journal thread's stayed.
pub fn one_heap() {
    // SAFETY: mallopt(3) takes two numbers and no pointer, and is thread-safe; the number of arenas
    // decides only where memory that is allocated later comes from.
    unsafe { libc::mallopt(libc::M_ARENA_MAX, 1) };
}

/// Returns to the kernel the pages of program text (flags, configuration, TLS handshake: code that
/// ran once) and the heap's free pages. Text that is needed again comes back from the page cache by
/// a minor fault.
///
/// Does nothing without /proc. Call it when the process has settled: the agent with a channel, a
/// zygote that waits.
pub fn give_back() {
    let Ok(maps) = fs::read_to_string("/proc/self/maps") else { return };
    for line in maps.lines() {
        if let Some((start, length)) = program_text(line) {
            // SAFETY: the range is one whole mapping of this process, executable and not writable,
            // of a file: its pages are the file's own, never written since they were mapped (a page
            // that was would be lost by MADV_DONTNEED; the loader writes only to the data segments,
            // which are not executable), so each comes back with the same bytes at its next use.
            // madvise(2) changes nothing else.
            let _ = unsafe { madvise(start, length, MmapAdvise::MADV_DONTNEED) };
        }
    }
    drop(maps);
    // SAFETY: malloc_trim(3) takes no pointer and is thread-safe; it returns free pages of the
    // heap.
    unsafe { libc::malloc_trim(0) };
}

/// Returns start and length of the mapping that a line of /proc/self/maps describes, if it is a
/// file's program text.
fn program_text(line: &str) -> Option<(NonNull<c_void>, usize)> {
    let mut fields = line.split_ascii_whitespace();
    let (start, end) = fields.next()?.split_once('-')?;
    let is_text = fields.next()? == "r-xp";
    let has_file = fields.nth(3).is_some_and(|path| path.starts_with('/'));
    let start = NonZeroUsize::new(usize::from_str_radix(start, 16).ok()?)?;
    let length = usize::from_str_radix(end, 16).ok()?.checked_sub(start.get())?;
    let start = NonNull::without_provenance(start);
    (is_text && has_file).then_some((start, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_text_of_a_file_is_returned() {
        let table = [
            ("5581e000-5582f000 r-xp 00001000 fe:00 123  /usr/bin/x", Some((0x5581_e000, 0x11000))),
            ("5581e000-5582f000 r--p 00001000 fe:00 123  /usr/bin/x", None),
            ("5581e000-5582f000 rw-p 00001000 fe:00 123  /usr/bin/x", None),
            ("5581e000-5582f000 rwxp 00001000 fe:00 123  /usr/bin/x", None),
            ("7ffd1000-7ffd3000 r-xp 00000000 00:00 0    [vdso]", None),
            ("7ffd1000-7ffd3000 r-xp 00000000 00:00 0", None),
            ("", None),
        ];
        for (line, wanted) in table {
            let found = program_text(line).map(|(start, length)| (start.addr().get(), length));
            assert_eq!(found, wanted, "{line}");
        }
    }

    #[test]
    fn the_process_goes_on_after_it() {
        give_back();
        assert_eq!("1,2".split(',').count(), 2);
        give_back();
    }
}
