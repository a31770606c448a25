//! CRC-32 as zlib, PNG and Ethernet have it, to tell a record that was written whole from one that
//! was not. No guard against anyone who means harm.

/// The polynomial, bits reversed.
const POLYNOMIAL: u32 = 0xedb8_8320;

/// Eight bytes a step: `TABLES[k]` takes a byte that `k` others follow. A thousand records that come together are summed
/// one after the other, and somebody waits for the last.
static TABLES: [[u32; 256]; 8] = tables();

const fn tables() -> [[u32; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut index = 0;
    while index < 256 {
        #[expect(clippy::cast_possible_truncation, reason = "below 256")]
        let mut value = index as u32;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { (value >> 1) ^ POLYNOMIAL } else { value >> 1 };
            bit += 1;
        }
        tables[0][index] = value;
        index += 1;
    }
    let mut table = 1;
    while table < 8 {
        let mut index = 0;
        while index < 256 {
            let before = tables[table - 1][index];
            tables[table][index] = (before >> 8) ^ tables[0][(before & 255) as usize];
            index += 1;
        }
        table += 1;
    }
    tables
}

/// The checksum of some bytes.
#[must_use]
pub fn crc32(bytes: &[u8]) -> u32 {
    let [one, ..] = &TABLES;
    let (steps, rest) = bytes.as_chunks::<8>();
    let crc = steps.iter().fold(u32::MAX, |crc, step| {
        let [c0, c1, c2, c3] = crc.to_le_bytes();
        let [b0, b1, b2, b3, b4, b5, b6, b7] = *step;
        let bytes = [b7, b6, b5, b4, b3 ^ c3, b2 ^ c2, b1 ^ c1, b0 ^ c0];
        TABLES.iter().zip(bytes).fold(0, |sum, (table, byte)| sum ^ table[usize::from(byte)])
    });
    !rest.iter().fold(crc, |crc, byte| (crc >> 8) ^ one[usize::from(crc.to_le_bytes()[0] ^ byte)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_usual_crc_32() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc32(b""), 0);
        assert_eq!(crc32(b"The quick brown fox jumps over the lazy dog"), 0x414f_a339);
        assert_eq!(crc32(&[0; 32]), 0x190a_55ad);
    }
}
