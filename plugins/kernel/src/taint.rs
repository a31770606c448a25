//! The kernel's taint mask: conditions under which kernel developers may reject a bug report.
//!
//! Bits and letters as in the kernel's Documentation/admin-guide/tainted-kernels.rst.

use serde::Serialize;

/// The `taint` object of the answer.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Taint {
    /// The mask; 0 is an untainted kernel.
    value: u64,
    /// The bits that are set, lowest first.
    flags: Vec<Flag>,
}

/// One bit that is set.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Flag {
    /// The bit's number, from 0.
    bit: u32,
    /// The letter in kernel logs and oopses; `?` for a bit that this plugin does not know.
    letter: char,
    /// The condition that the bit records.
    meaning: &'static str,
}

/// Letters and meanings, by bit number.
const FLAGS: [(char, &str); 20] = [
    ('P', "a proprietary module was loaded"),
    ('F', "a module was loaded by force"),
    ('S', "the kernel runs on an out-of-specification system"),
    ('R', "a module was unloaded by force"),
    ('M', "a processor reported a machine check exception"),
    ('B', "a bad page was referenced, or a page has unexpected flags"),
    ('U', "taint was requested by a userspace program"),
    ('D', "the kernel died recently: there was an oops or a BUG"),
    ('A', "an ACPI table was overridden by the user"),
    ('W', "the kernel issued a warning"),
    ('C', "a staging driver was loaded"),
    ('I', "a workaround for a platform firmware bug is applied"),
    ('O', "an externally built (out-of-tree) module was loaded"),
    ('E', "an unsigned module was loaded"),
    ('L', "a soft lockup occurred"),
    ('K', "the kernel was live-patched"),
    ('X', "auxiliary taint, defined and used by distributions"),
    ('T', "the kernel was built with the struct randomisation plugin"),
    ('N', "an in-kernel test was run"),
    ('J', "userspace used a mutating debug operation in fwctl"),
];

impl Taint {
    pub(crate) fn decode(value: u64) -> Self {
        let set = (0..u64::BITS).filter(|bit| value >> bit & 1 == 1);
        let flags = set.map(|bit| {
            let known = FLAGS.get(bit as usize).copied();
            let (letter, meaning) = known.unwrap_or(('?', "unknown to this plugin"));
            Flag { bit, letter, meaning }
        });
        Self { value, flags: flags.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_decoded_lowest_first() {
        let letters =
            |value| Taint::decode(value).flags.iter().map(|flag| flag.letter).collect::<String>();
        for (value, want) in [
            (0, ""),
            (1, "P"),
            (1 << 12 | 1 << 13, "OE"),
            (1 << 18, "N"),
            (1 << 19, "J"),
            (1 << 63, "?"),
            (0xf_ffff, "PFSRMBUDAWCIOELKXTNJ"),
        ] {
            assert_eq!(letters(value), want, "{value:#x}");
        }
    }
}
