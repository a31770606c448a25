//! The records of utmp and wtmp (utmp(5)), in either of glibc's layouts: 384 bytes with 32-bit
//! times (x86), 400 bytes with 64-bit times (ARM, RISC-V).

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use readers::integer::{ne_u16, ne_u32, ne_u64};
use readers::text::until_nul;

/// The most bytes read, from the end of the file: some 10,000 records.
const MAX_BYTES: u64 = 4 << 20;
/// Records examined to tell the layouts apart.
const PROBED: usize = 16;

/// The kinds of records (`ut_type`).
pub(crate) const RUN_LEVEL: u16 = 1;
pub(crate) const BOOT: u16 = 2;
pub(crate) const USER_PROCESS: u16 = 7;
pub(crate) const DEAD_PROCESS: u16 = 8;
const LAST_KIND: u16 = 9;

/// One record. Texts that are not UTF-8 have replacement characters.
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

/// The lengths of a record; this machine's own comes first.
const LENGTHS: [usize; 2] =
    if cfg!(any(target_arch = "aarch64", target_arch = "riscv64", target_arch = "loongarch64")) {
        [400, 384]
    } else {
        [384, 400]
    };

/// Returns the records of a file in order; of a long file, the records at its end.
pub(crate) fn read(path: &Path) -> io::Result<Vec<Record>> {
    let mut file = readers::regular::open(path)?;
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

/// Returns the record length that divides the file into whole records of known kinds.
pub(crate) fn record_length(file: u64, head: &[u8]) -> usize {
    let fits = |length: &usize| {
        file.is_multiple_of(*length as u64)
            && head
                .chunks_exact(*length)
                .all(|record| ne_u16(record, 0).is_some_and(|kind| kind <= LAST_KIND))
    };
    LENGTHS.into_iter().find(fits).unwrap_or(LENGTHS[0])
}

/// Parses a record of either length.
pub(crate) fn parse(record: &[u8]) -> Option<Record> {
    let (time, address) = match record.len() {
        384 => (u64::from(ne_u32(record, 340)?), record.get(348..364)?),
        400 => (ne_u64(record, 344)?, record.get(360..376)?),
        _ => return None,
    };
    Some(Record {
        kind: ne_u16(record, 0)?,
        pid: ne_u32(record, 4)?,
        line: until_nul(record.get(8..40)?),
        user: until_nul(record.get(44..76)?),
        host: until_nul(record.get(76..332)?),
        time,
        address: ip(address),
    })
}

/// Parses an address. An IPv4 address is in the first word of the space for IPv6.
fn ip(bytes: &[u8]) -> Option<IpAddr> {
    let words: [u8; 16] = bytes.try_into().ok()?;
    let is_zero = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0);
    match (is_zero(&words[..4]), is_zero(&words[4..])) {
        (true, true) => None,
        (false, true) => Some(Ipv4Addr::new(words[0], words[1], words[2], words[3]).into()),
        _ => Some(Ipv6Addr::from(words).into()),
    }
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
    fn both_layouts_are_parsed() {
        for length in if cfg!(target_endian = "little") { &[384, 400][..] } else { &[384] } {
            let found = parse(&record(*length)).unwrap();
            assert_eq!(
                (found.kind, found.pid, found.user.as_str(), found.host.as_str()),
                (7, 77, "root", "h\u{fffd}")
            );
            assert_eq!(
                (found.line.len(), found.time),
                (32, 1_700_000_000),
                "a field without a NUL"
            );
            assert_eq!(found.address, Some(IpAddr::from([192, 0, 2, 1])));
            let file = record(*length).repeat(3);
            assert_eq!(record_length(file.len() as u64, &file), *length);
        }
        assert_eq!(parse(&[0; 383]), None);
        assert_eq!(record_length(0, &[]), LENGTHS[0]);
        assert_eq!(record_length(10, &[0xff; 10]), LENGTHS[0]);
    }

    #[test]
    fn addresses_of_both_families_are_parsed() {
        assert_eq!(ip(&[0; 16]), None);
        let mut v6 = [0; 16];
        (v6[0], v6[15]) = (0x20, 1);
        assert_eq!(ip(&v6).unwrap().to_string(), "2000::1");
        let mut local = [0; 16];
        local[15] = 1;
        assert_eq!(ip(&local).unwrap().to_string(), "::1");
    }
}
