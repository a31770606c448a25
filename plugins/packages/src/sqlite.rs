//! Blobs of one SQLite table, read without SQLite, whose library is larger than the whole agent
//! (<https://www.sqlite.org/fileformat2.html>). Read-only and without locks: rows of a write that happens meanwhile
//! may lack.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use crate::open_file;
use crate::wal::Wal;

const MAGIC: &[u8] = b"SQLite format 3\0";
const HEADER: usize = 100;
const INTERIOR: u8 = 5;
const LEAF: u8 = 13;
/// The largest row read.
const MAX_ROW_BYTES: usize = 64 << 20;
/// SQLite's own trees stay below it.
const MAX_DEPTH: usize = 20;

/// An open database.
pub(crate) struct Database {
    file: File,
    wal: Wal,
    page_size: usize,
    /// What of each page is in use.
    usable: usize,
    /// How many pages there are, in both files.
    pages: u64,
}

/// Memory that one row after the other is read into: making it anew each time takes longer than reading.
#[derive(Default)]
struct Scratch {
    row: Vec<u8>,
    pages: Vec<u8>,
}

impl Database {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = open_file(path)?;
        let mut header = [0; HEADER];
        file.read_exact_at(&mut header, 0)?;
        let page_size = match u16::from_be_bytes([header[16], header[17]]) {
            1 => 65_536,
            size => usize::from(size),
        };
        let usable = page_size.saturating_sub(header[20].into());
        if !header.starts_with(MAGIC) || !page_size.is_power_of_two() || page_size < 512 || usable < 480 {
            return Err(io::Error::other("no SQLite 3 database"));
        }
        let mut name = path.as_os_str().to_owned();
        name.push("-wal");
        let wal = match open_file(name.as_ref()) {
            Ok(wal) => Wal::read(wal, page_size)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Wal::default(),
            Err(error) => return Err(error),
        };
        let pages = file.metadata()?.len() / page_size as u64 + wal.count();
        Ok(Self { file, wal, page_size, usable, pages })
    }

    /// Calls `visit` with the last column's blob of each row of a table, in the order of their keys.
    pub(crate) fn each_blob(&self, table: &str, mut visit: impl FnMut(&[u8])) -> io::Result<()> {
        let mut root = None;
        self.each_row(1, &mut |row| {
            let columns = columns(row)?;
            // Type, name, table, root page, SQL.
            let (kind, name) = (columns.first()?, columns.get(1)?);
            if *kind == b"table" && *name == table.as_bytes() {
                root = columns.get(3).and_then(|number| integer(number));
            }
            Some(())
        })?;
        let root = root.ok_or_else(|| io::Error::other(format!("it has no table {table}")))?;
        self.each_row(root, &mut |row| {
            visit(columns(row)?.last()?);
            Some(())
        })
    }

    /// Calls `visit` with each row of the tree whose root this page is. What is damaged is left out.
    fn each_row(&self, root: u32, visit: &mut dyn FnMut(&[u8]) -> Option<()>) -> io::Result<()> {
        // A damaged tree may lead in circles: no more pages are read than there are.
        let mut left = self.pages;
        self.walk(root, MAX_DEPTH, &mut left, &mut Scratch::default(), visit)
    }

    fn walk(
        &self,
        number: u32,
        depth: usize,
        left: &mut u64,
        scratch: &mut Scratch,
        visit: &mut dyn FnMut(&[u8]) -> Option<()>,
    ) -> io::Result<()> {
        if depth == 0 || *left == 0 {
            return Err(io::Error::other("its tree is damaged"));
        }
        *left -= 1;
        let mut page = vec![0; self.page_size];
        self.read_page(number, &mut page)?;
        let start = if number == 1 { HEADER } else { 0 };
        let header = &page[start..];
        let cells = usize::from(u16::from_be_bytes([header[3], header[4]]));
        let pointers = start + if header[0] == INTERIOR { 12 } else { 8 };
        for index in 0..cells {
            let at = pointers + index * 2;
            let Some(pointer) = page.get(at..at + 2) else { break };
            let cell =
                page.get(usize::from(u16::from_be_bytes([pointer[0], pointer[1]]))..).unwrap_or_default();
            match header[0] {
                INTERIOR => {
                    let child = u32_at(cell, 0).unwrap_or(0);
                    self.walk(child, depth - 1, left, scratch, visit)?;
                }
                LEAF => {
                    if self.read_cell(cell, scratch)?.is_some() {
                        let _ = visit(&scratch.row);
                    }
                }
                _ => return Err(io::Error::other("its tree is damaged")),
            }
        }
        match header[0] {
            INTERIOR => self.walk(u32_at(header, 8).unwrap_or(0), depth - 1, left, scratch, visit),
            _ => Ok(()),
        }
    }

    /// A row's payload, of which the rest may stand in a chain of other pages.
    fn read_cell(&self, cell: &[u8], scratch: &mut Scratch) -> io::Result<Option<()>> {
        scratch.row.clear();
        let Some((length, rest)) = varint(cell) else { return Ok(None) };
        let Some((_key, rest)) = varint(rest) else { return Ok(None) };
        // A damaged length is not asked for.
        let most = MAX_ROW_BYTES.min(usize::try_from(self.pages).unwrap_or(0).saturating_mul(self.page_size));
        let Some(length) = usize::try_from(length).ok().filter(|length| *length <= most) else {
            return Ok(None);
        };
        let local = self.local_bytes(length);
        let Some(here) = rest.get(..local) else { return Ok(None) };
        scratch.row.extend_from_slice(here);
        if local == length {
            return Ok(Some(()));
        }
        let Some(first) = u32_at(rest, local) else { return Ok(None) };
        self.read_chain(first, length, scratch)
    }

    /// How much of a payload stands in its cell.
    fn local_bytes(&self, length: usize) -> usize {
        let most = self.usable - 35;
        if length <= most {
            return length;
        }
        let least = (self.usable - 12) * 32 / 255 - 23;
        let fitting = least + (length - least) % (self.usable - 4);
        if fitting <= most { fitting } else { least }
    }

    /// Appends the pages of a chain: each begins with the number of the next. Mostly they follow each other, so as
    /// many as
    /// are needed are read at once, and used as long as that is true.
    fn read_chain(&self, first: u32, length: usize, scratch: &mut Scratch) -> io::Result<Option<()>> {
        let Scratch { row, pages } = scratch;
        let content = self.usable - 4;
        let mut next = first;
        while row.len() < length {
            let wanted = if self.wal.is_empty() { (length - row.len()).div_ceil(content) } else { 1 };
            let run = wanted * self.page_size;
            if pages.len() < run {
                pages.resize(run, 0);
            }
            let got = self.read_pages(next, &mut pages[..run])?;
            if next == 0 || got == 0 {
                return Ok(None);
            }
            for page in pages[..got * self.page_size].chunks_exact(self.page_size) {
                let take = content.min(length - row.len());
                row.extend_from_slice(&page[4..4 + take]);
                let following = next.wrapping_add(1);
                next = u32_at(page, 0).unwrap_or(0);
                if next != following {
                    break;
                }
            }
        }
        Ok(Some(()))
    }

    fn read_page(&self, number: u32, page: &mut [u8]) -> io::Result<()> {
        match self.read_pages(number, page)? {
            0 => Err(io::Error::other("it ends before its last page")),
            _ => Ok(()),
        }
    }

    /// Pages from this one on, as many as there are room and content for.
    fn read_pages(&self, number: u32, pages: &mut [u8]) -> io::Result<usize> {
        let Some(index) = number.checked_sub(1) else { return Ok(0) };
        if let Some(newest) = self.wal.page(number) {
            pages[..self.page_size].copy_from_slice(newest);
            return Ok(1);
        }
        let mut done = 0;
        let start = u64::from(index) * self.page_size as u64;
        while done < pages.len() {
            match self.file.read_at(&mut pages[done..], start + done as u64)? {
                0 => break,
                count => done += count,
            }
        }
        Ok(done / self.page_size)
    }
}

/// The columns of a record: lengths by their types first, then the values. Texts, blobs and integers as their bytes.
fn columns(row: &[u8]) -> Option<Vec<&[u8]>> {
    let (header_length, mut types) = varint(row)?;
    let header_length = usize::try_from(header_length).ok()?;
    let mut values = row.get(header_length..)?;
    types = types.get(..header_length.checked_sub(row.len() - types.len())?)?;
    let mut columns = Vec::new();
    while !types.is_empty() {
        let (kind, rest) = varint(types)?;
        types = rest;
        let length = match kind {
            0 | 8 | 9 => 0,
            1..=4 => usize::try_from(kind).ok()?,
            5 => 6,
            6 | 7 => 8,
            10 | 11 => return None,
            _ => usize::try_from((kind - 12) / 2).ok()?,
        };
        let (value, rest) = values.split_at_checked(length)?;
        columns.push(value);
        values = rest;
    }
    Some(columns)
}

/// Page numbers are integers of one to four bytes.
fn integer(bytes: &[u8]) -> Option<u32> {
    (1..=4)
        .contains(&bytes.len())
        .then(|| bytes.iter().fold(0, |number, byte| number << 8 | u32::from(*byte)))
}

/// Seven bits a byte, the most significant first; the ninth byte has eight.
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0;
    for (index, byte) in bytes.iter().take(9).enumerate() {
        if index == 8 {
            return Some((number << 8 | u64::from(*byte), &bytes[9..]));
        }
        number = number << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((number, &bytes[index + 1..]));
        }
    }
    None
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_variable_length_are_read() {
        for (bytes, want) in [
            (&[0][..], Some(0)),
            (&[0x7f], Some(127)),
            (&[0x81, 0], Some(128)),
            (&[0xff; 9], Some(u64::MAX)),
            (&[0x80], None),
            (&[], None),
        ] {
            assert_eq!(varint(bytes).map(|(number, _)| number), want);
        }
    }

    #[test]
    fn records_are_taken_apart() {
        let row = [4, 0, 1, 16, 7, b'a', b'b'];
        assert_eq!(columns(&row), Some(vec![&[][..], &[7], b"ab"]));
        for end in 0..row.len() {
            assert_eq!(columns(&row[..end]), None, "{end}");
        }
        for odd in [&[0][..], &[9, 1], &[1, 1, 1], &[0xff; 20]] {
            let _ = columns(odd);
        }
    }
}
