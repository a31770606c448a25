//! Records of utmp and wtmp (utmp(5)), in either of glibc's layouts: 384 bytes with times of 32 bits (x86), 400 with
//! times of 64 (ARM, RISC-V).

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

/// The end of a wtmp that is read: some 10,000 records.
const MAX_BYTES: u64 = 4 << 20;
/// Records looked at to tell the layouts apart.
const PROBED: usize = 16;

/// What a record is about (`ut_type`).
pub(crate) const RUN_LEVEL: u16 = 1;
pub(crate) const BOOT: u16 = 2;
pub(crate) const USER_PROCESS: u16 = 7;
pub(crate) const DEAD_PROCESS: u16 = 8;
const LAST_KIND: u16 = 9;

/// One record. Texts are shown with replacement characters where they are no UTF-8.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) kind: u16,
    pub(crate) pid: u32,
    pub(crate) line: String,
    pub(crate) user: String,
    pub(crate) host: String,
    /// Seconds since 1970.
    pub(crate) time: u64,
    pub(crate) address: Option<IpAddr>,
}

/// The lengths of a record, this machine's own first.
const LENGTHS: [usize; 2] =
    if cfg!(any(target_arch = "aarch64", target_arch = "riscv64", target_arch = "loongarch64")) {
        [400, 384]
    } else {
        [384, 400]
    };

/// The records of a file in their order, of a long one those at its end.
pub(crate) fn read(path: &Path) -> io::Result<Vec<Record>> {
    // A pipe would be waited for.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut head = vec![0; LENGTHS[0] * PROBED];
    let got = read_some(&mut file, &mut head)?;
    let record = record_length(length, &head[..got]);
    let size = record as u64;
    let start = length.saturating_sub(MAX_BYTES).div_ceil(size) * size;
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes.chunks_exact(record).filter_map(parse).collect())
}

fn read_some(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut done = 0;
    while done < buffer.len() {
        match file.read(&mut buffer[done..])? {
            0 => break,
            count => done += count,
        }
    }
    Ok(done)
}

/// The length by which the file is made of whole records, of known kinds.
fn record_length(file: u64, head: &[u8]) -> usize {
    let fits = |length: &usize| {
        file.is_multiple_of(*length as u64)
            && head
                .chunks_exact(*length)
                .all(|record| u16_at(record, 0).is_some_and(|kind| kind <= LAST_KIND))
    };
    LENGTHS.into_iter().find(fits).unwrap_or(LENGTHS[0])
}

/// A record of either length.
fn parse(record: &[u8]) -> Option<Record> {
    let (time, address) = match record.len() {
        384 => (u64::from(u32_at(record, 340)?), record.get(348..364)?),
        400 => (u64::from_ne_bytes(record.get(344..352)?.try_into().ok()?), record.get(360..376)?),
        _ => return None,
    };
    Some(Record {
        kind: u16_at(record, 0)?,
        pid: u32_at(record, 4)?,
        line: text(record.get(8..40)?),
        user: text(record.get(44..76)?),
        host: text(record.get(76..332)?),
        time,
        address: ip(address),
    })
}

/// IPv4 stands in the first word of IPv6's place.
fn ip(bytes: &[u8]) -> Option<IpAddr> {
    let words: [u8; 16] = bytes.try_into().ok()?;
    let is_zero = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0);
    match (is_zero(&words[..4]), is_zero(&words[4..])) {
        (true, true) => None,
        (false, true) => Some(Ipv4Addr::new(words[0], words[1], words[2], words[3]).into()),
        _ => Some(Ipv6Addr::from(words).into()),
    }
}

/// A text ends at NUL, or with its field.
fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        bytes[..2].copy_from_slice(&USER_PROCESS.to_ne_bytes());
        bytes[4..8].copy_from_slice(&77_u32.to_ne_bytes());
        bytes[8..40].copy_from_slice(&[b'l'; 32]);
        bytes[44..48].copy_from_slice(b"root");
        bytes[76..80].copy_from_slice(b"h\xe9\0x");
        let (time, address) = if length == 384 { (340, 348) } else { (344, 360) };
        bytes[time..time + 4].copy_from_slice(&1_700_000_000_u32.to_ne_bytes());
        bytes[address..address + 4].copy_from_slice(&[192, 0, 2, 1]);
        bytes
    }

    #[test]
    fn both_layouts_are_read() {
        for length in if cfg!(target_endian = "little") { &[384, 400][..] } else { &[384] } {
            let found = parse(&record(*length)).unwrap();
            assert_eq!(
                (found.kind, found.pid, found.user.as_str(), found.host.as_str()),
                (7, 77, "root", "h\u{fffd}")
            );
            assert_eq!((found.line.len(), found.time), (32, 1_700_000_000), "a field without an end");
            assert_eq!(found.address, Some(IpAddr::from([192, 0, 2, 1])));
            let file = record(*length).repeat(3);
            assert_eq!(record_length(file.len() as u64, &file), *length);
        }
        assert_eq!(parse(&[0; 383]), None);
        assert_eq!(record_length(0, &[]), LENGTHS[0]);
        assert_eq!(record_length(10, &[0xff; 10]), LENGTHS[0]);
    }

    #[test]
    fn addresses_of_both_families_are_read() {
        assert_eq!(ip(&[0; 16]), None);
        let mut v6 = [0; 16];
        (v6[0], v6[15]) = (0x20, 1);
        assert_eq!(ip(&v6).unwrap().to_string(), "2000::1");
        let mut local = [0; 16];
        local[15] = 1;
        assert_eq!(ip(&local).unwrap().to_string(), "::1");
    }
}
