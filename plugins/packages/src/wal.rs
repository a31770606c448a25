//! Pages that SQLite has written beside a database and not yet moved into it
//! (<https://www.sqlite.org/fileformat2.html#walformat>).

use std::fs::File;
use std::io::{self, Read as _};

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
/// SQLite moves pages at 4 MB by itself.
const MAX_BYTES: u64 = 64 << 20;
/// The last bit says that checksums are made of big-endian words.
const MAGIC: u32 = 0x377f_0682;

/// The committed pages of a write-ahead log.
#[derive(Default)]
pub(crate) struct Wal {
    bytes: Vec<u8>,
    /// Page numbers, sorted, and where the last committed content of each begins.
    pages: Vec<(u32, usize)>,
    page_size: usize,
}

impl Wal {
    pub(crate) fn read(file: File, page_size: usize) -> io::Result<Self> {
        let mut bytes = Vec::new();
        file.take(MAX_BYTES).read_to_end(&mut bytes)?;
        Ok(Self::parse(bytes, page_size).unwrap_or_default())
    }

    /// Nothing where it is no log of this page size.
    fn parse(bytes: Vec<u8>, page_size: usize) -> Option<Self> {
        let magic = u32_at(&bytes, 0)?;
        if magic & !1 != MAGIC || usize::try_from(u32_at(&bytes, 8)?) != Ok(page_size) {
            return None;
        }
        let big_endian = magic & 1 == 1;
        let salts = bytes.get(16..24)?;
        let mut sums = checksum([0, 0], bytes.get(..24)?, big_endian);
        if (u32_at(&bytes, 24)?, u32_at(&bytes, 28)?) != (sums[0], sums[1]) {
            return None;
        }
        let mut pages: Vec<(u32, usize)> = Vec::new();
        // Of a transaction that has not ended; its pages don't count.
        let mut pending: Vec<(u32, usize)> = Vec::new();
        let mut at = HEADER;
        while let Some(frame) = bytes.get(at..at + FRAME_HEADER + page_size) {
            sums = checksum(sums, &frame[..8], big_endian);
            sums = checksum(sums, &frame[FRAME_HEADER..], big_endian);
            let written = (u32_at(frame, 16)?, u32_at(frame, 20)?);
            // What follows is left from an earlier use of the file.
            if frame[8..16] != *salts || written != (sums[0], sums[1]) {
                break;
            }
            pending.push((u32_at(frame, 0)?, at + FRAME_HEADER));
            // The size of the database ends a transaction.
            if u32_at(frame, 4)? != 0 {
                pages.append(&mut pending);
            }
            at += FRAME_HEADER + page_size;
        }
        // The latest of each page comes first, and stays.
        pages.sort_unstable_by_key(|(page, offset)| (*page, usize::MAX - offset));
        pages.dedup_by_key(|(page, _)| *page);
        Some(Self { bytes, pages, page_size })
    }

    /// Whether the database file holds all there is.
    pub(crate) fn is_empty(&self) -> bool {
        self.pages.is_empty()
    }

    /// How many pages it holds.
    pub(crate) fn count(&self) -> u64 {
        self.pages.len() as u64
    }

    /// A page's newest content, if it is here.
    pub(crate) fn page(&self, number: u32) -> Option<&[u8]> {
        let index = self.pages.binary_search_by_key(&number, |(page, _)| *page).ok()?;
        let offset = self.pages[index].1;
        self.bytes.get(offset..offset + self.page_size)
    }
}

/// Two running sums over pairs of words.
fn checksum(mut sums: [u32; 2], bytes: &[u8], big_endian: bool) -> [u32; 2] {
    let word = |bytes: &[u8]| {
        let word = [bytes[0], bytes[1], bytes[2], bytes[3]];
        if big_endian { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) }
    };
    for pair in bytes.chunks_exact(8) {
        sums[0] = sums[0].wrapping_add(word(&pair[..4])).wrapping_add(sums[1]);
        sums[1] = sums[1].wrapping_add(word(&pair[4..])).wrapping_add(sums[0]);
    }
    sums
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_log_has_no_pages() {
        for bytes in [vec![], vec![0; 100], vec![0xff; 5000], [&MAGIC.to_be_bytes()[..], &[0; 5000]].concat()]
        {
            assert!(Wal::parse(bytes, 4096).is_none());
        }
        assert!(Wal::default().is_empty() && Wal::default().page(1).is_none());
    }
}
