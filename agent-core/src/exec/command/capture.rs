//! The bounded capture of one output stream: its head and its tail; the middle is dropped and
//! counted.
//!
//! It is filled as the output comes, so memory stays within the bound however much a command
//! prints.

/// The captured part of an output stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Captured {
    /// The output; when some was dropped, its first and its last part joined, with no UTF-8
    /// character cut in two at the seam.
    pub bytes: Vec<u8>,
    /// Bytes dropped from the middle.
    pub dropped: u64,
}

/// The longest UTF-8 character.
const MAX_CHAR: usize = 4;

/// Collects a stream up to a bound.
#[derive(Debug)]
pub(crate) struct Capture {
    /// The head, then a ring for the tail once `max` bytes are there.
    bytes: Vec<u8>,
    max: usize,
    /// The ring position of the next byte, which replaces the oldest one.
    next: usize,
    dropped: u64,
}

impl Capture {
    pub(crate) fn new(max: usize) -> Self {
        Self { bytes: Vec::new(), max, next: 0, dropped: 0 }
    }

    pub(crate) fn push(&mut self, mut input: &[u8]) {
        let room = self.max - self.bytes.len();
        let (fits, rest) = input.split_at(room.min(input.len()));
        self.bytes.extend_from_slice(fits);
        input = rest;
        self.dropped += input.len() as u64;

        let head = self.max / 2;
        let ring = self.bytes.get_mut(head..).unwrap_or_default();
        if ring.is_empty() || input.is_empty() {
            return;
        }
        // More than a whole ring: only the last part can stay.
        input = input.get(input.len().saturating_sub(ring.len())..).unwrap_or_default();
        let (last, first) = ring.split_at_mut(self.next);
        let split = first.len().min(input.len());
        let (to_first, to_last) = input.split_at(split);
        first.iter_mut().zip(to_first).for_each(|(slot, byte)| *slot = *byte);
        last.iter_mut().zip(to_last).for_each(|(slot, byte)| *slot = *byte);
        self.next = (self.next + input.len()) % ring.len();
    }

    pub(crate) fn finish(mut self) -> Captured {
        if self.dropped > 0 {
            let head = self.max / 2;
            if let Some(ring) = self.bytes.get_mut(head..) {
                ring.rotate_left(self.next);
            }
            self.dropped += trim_seam(&mut self.bytes, head);
        }
        Captured { bytes: self.bytes, dropped: self.dropped }
    }
}

/// Drops the parts of characters on both sides of a seam, since they would make a text invalid
/// UTF-8. Returns how many bytes it dropped.
pub(crate) fn trim_seam(bytes: &mut Vec<u8>, seam: usize) -> u64 {
    let (before, after) = bytes.split_at(seam);
    let tail_cut = continuation(after);
    let head_cut = unfinished(before);
    bytes.drain(seam - head_cut..seam + tail_cut);
    (head_cut + tail_cut) as u64
}

/// Returns how many of the first bytes end a character whose beginning is missing.
pub(crate) fn continuation(bytes: &[u8]) -> usize {
    bytes.iter().take(MAX_CHAR - 1).take_while(|byte| is_continuation(**byte)).count()
}

/// Returns how many of the last bytes begin a character that is incomplete.
pub(crate) fn unfinished(bytes: &[u8]) -> usize {
    match bytes.iter().rev().take(MAX_CHAR).position(|byte| !is_continuation(*byte)) {
        // The last character begins `back + 1` bytes before the end.
        Some(back) if bytes.iter().rev().nth(back).is_some_and(|lead| width(*lead) > back + 1) => {
            back + 1
        }
        _ => 0,
    }
}

fn is_continuation(byte: u8) -> bool {
    byte & 0b1100_0000 == 0b1000_0000
}

/// Returns the length of the character with this first byte.
fn width(lead: u8) -> usize {
    match lead {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn capture(max: usize, pieces: &[&[u8]]) -> Captured {
        let mut capture = Capture::new(max);
        pieces.iter().for_each(|piece| capture.push(piece));
        capture.finish()
    }

    #[test]
    fn head_and_tail_are_kept_in_any_split_of_the_stream() {
        let stream: Vec<u8> = (b'a'..=b'z').collect();
        let table: [(usize, &str, u64); 7] = [
            (0, "", 26),
            (1, "z", 25),
            (5, "abxyz", 21),
            (10, "abcdevwxyz", 16),
            (25, "abcdefghijklnopqrstuvwxyz", 1),
            (26, "abcdefghijklmnopqrstuvwxyz", 0),
            (100, "abcdefghijklmnopqrstuvwxyz", 0),
        ];
        for (max, expected, dropped) in table {
            for size in 1..=26 {
                let pieces: Vec<&[u8]> = stream.chunks(size).collect();
                let kept = capture(max, &pieces);
                assert_eq!(
                    (kept.bytes, kept.dropped),
                    (expected.into(), dropped),
                    "max {max}, by {size}"
                );
            }
        }
    }

    #[test]
    fn no_character_is_cut_in_two_at_the_seam() {
        for text in ["ä".repeat(50), "€".repeat(50), "🦀".repeat(50), "aä€🦀".repeat(20)]
        {
            for max in 0..text.len() {
                let kept = capture(max, &[text.as_bytes()]);
                let length = kept.bytes.len() as u64;
                let shown = String::from_utf8(kept.bytes).map(|text| text.len());
                // With an odd bound the very end of the stream is whole, so only the seam is at
                // stake.
                assert!(shown.is_ok(), "max {max} of {text}");
                assert_eq!(length + kept.dropped, text.len() as u64);
            }
        }
    }

    #[test]
    fn bytes_that_are_not_text_are_kept_unchanged() {
        let kept = capture(4, &[&[0xff; 10]]);
        assert_eq!((kept.bytes, kept.dropped), (vec![0xff; 4], 6));
    }
}
