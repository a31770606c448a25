//! Bytes → the text of one JSON object after another (§3).
//!
//! Owns the bytes that have arrived and are not yet a whole message. Each byte is scanned once,
//! however it arrives. Rejects a first byte that opens no object, unbalanced brackets, text that is
//! not UTF-8, and objects beyond the [`Limits`]. An object beyond a limit is skipped to its end and
//! reported once, and the next message is read normally. Where the end is unknowable, the error is
//! [fatal](Malformed::fatal) and the channel has to close.

use crate::{Malformed, Retcode};

/// The most bytes of one message, unless a setting says otherwise: 1 MiB.
pub const DEFAULT_MAX_MESSAGE: usize = 1 << 20;

/// The most levels of nested objects and arrays, the message itself included.
pub const DEFAULT_MAX_DEPTH: u32 = 32;

/// A message that is skipped may be this many times as long as the bound; then the channel has to
/// close.
const MAX_SKIP_FACTOR: usize = 16;

/// Bytes that are kept of a message that is skipped.
const SKIPPED_HEAD: usize = 1 << 10;

/// The largest buffer of an idle decoder; a larger one is freed once its message is done.
const IDLE_CAPACITY: usize = 16 << 10;

/// The bounds on one message of a peer.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes from the opening brace to the closing one.
    pub max_message: usize,
    /// Nested levels, at most 64 (one bit of a word stores each level's bracket).
    pub max_depth: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_message: DEFAULT_MAX_MESSAGE, max_depth: DEFAULT_MAX_DEPTH }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DecoderState {
    /// Between two messages: only white space and `{` are valid.
    Between,
    /// Inside a message that is kept.
    Keeping,
    /// Inside a message that exceeds a bound: only its end is searched.
    Skipping { skipped: usize, why: Excess },
    /// After a fatal error: nothing more comes out.
    Broken,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Excess {
    Size,
    Depth,
}

/// The position of the scan inside one object.
#[derive(Clone, Copy, Debug, Default)]
struct Scan {
    depth: u32,
    /// Bit n is set if `[` opened level n, and clear for `{`. Levels beyond 64 are not stored.
    brackets: u64,
    in_string: bool,
    escaped: bool,
}

enum Step {
    Inside,
    Ended,
    Mismatch,
}

impl Scan {
    /// Advances by one byte.
    fn step(&mut self, byte: u8) -> Step {
        if self.in_string {
            if self.escaped {
                self.escaped = false;
            } else if byte == b'\\' {
                self.escaped = true;
            } else if byte == b'"' {
                self.in_string = false;
            }
            return Step::Inside;
        }
        match byte {
            b'"' => self.in_string = true,
            b'{' | b'[' => {
                if self.depth < u64::BITS {
                    let bit = 1 << self.depth;
                    if byte == b'[' { self.brackets |= bit } else { self.brackets &= !bit }
                }
                self.depth += 1;
            }
            b'}' | b']' => {
                self.depth -= 1;
                let opened_by_bracket =
                    self.depth < u64::BITS && self.brackets >> self.depth & 1 == 1;
                if self.depth < u64::BITS && opened_by_bracket != (byte == b']') {
                    return Step::Mismatch;
                }
                if self.depth == 0 {
                    return Step::Ended;
                }
            }
            _ => {}
        }
        Step::Inside
    }
}

/// Splits a stream of bytes into the texts of JSON objects.
///
/// ```
/// let mut decoder = agent_wire::Decoder::new(agent_wire::Limits::default());
/// decoder.push(b" {\"id\":\"1\"}{\"id\":");
/// assert_eq!(decoder.next_message(), Ok(Some("{\"id\":\"1\"}")));
/// assert_eq!(decoder.next_message(), Ok(None));
/// decoder.push(b"\"2\"}");
/// assert_eq!(decoder.next_message(), Ok(Some("{\"id\":\"2\"}")));
/// ```
#[derive(Debug)]
pub struct Decoder {
    limits: Limits,
    buffer: Vec<u8>,
    /// The start of the message being read; everything before it was returned.
    start: usize,
    /// The first byte that is not scanned yet.
    scanned: usize,
    scan: Scan,
    state: DecoderState,
    /// The start of the last message that was skipped.
    skipped_head: Vec<u8>,
}

impl Decoder {
    /// Creates an empty decoder; it allocates when bytes come.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            buffer: Vec::new(),
            start: 0,
            scanned: 0,
            scan: Scan::default(),
            state: DecoderState::Between,
            skipped_head: Vec::new(),
        }
    }

    /// Adds bytes from the peer. Take every message before adding more: the decoder then holds at
    /// most one message within the bound plus one `push`.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.state == DecoderState::Broken {
            return;
        }
        if self.start > 0 {
            // At most one partial message is moved, and only when a read follows a returned
            // message.
            self.buffer.drain(..self.start);
            self.scanned -= self.start;
            self.start = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// Returns the next whole message, or `None` until more bytes have come.
    ///
    /// # Errors
    /// [`Malformed`] for bytes that can't be a message. Unless it is fatal, the decoder continues
    /// after them.
    pub fn next_message(&mut self) -> Result<Option<&str>, Malformed> {
        loop {
            match self.state {
                DecoderState::Broken => return Ok(None),
                DecoderState::Between => {
                    let rest = &self.buffer[self.scanned..];
                    let blanks = rest.iter().take_while(|byte| is_blank(**byte)).count();
                    self.scanned += blanks;
                    self.start = self.scanned;
                    match self.buffer.get(self.scanned) {
                        None => {
                            self.release();
                            return Ok(None);
                        }
                        Some(b'{') => {
                            self.scan = Scan::default();
                            self.state = DecoderState::Keeping;
                        }
                        Some(byte) => {
                            let found = byte.escape_ascii().to_string();
                            return Err(self.give_up(
                                Retcode::Malformed,
                                format!("a message must start with {{, not {found}"),
                            ));
                        }
                    }
                }
                DecoderState::Keeping => match self.scan_kept()? {
                    None if self.state == DecoderState::Keeping => return Ok(None),
                    None => {}
                    Some(end) => {
                        let begin = std::mem::replace(&mut self.start, end);
                        self.state = DecoderState::Between;
                        let head = begin..end.min(begin + SKIPPED_HEAD);
                        let text = std::str::from_utf8(&self.buffer[begin..end]);
                        return text.map(Some).map_err(|error| {
                            self.skipped_head = self.buffer[head].to_vec();
                            Malformed::new(
                                Retcode::Malformed,
                                format!("not UTF-8 at byte {}", error.valid_up_to()),
                            )
                        });
                    }
                },
                DecoderState::Skipping { skipped, why } => {
                    self.scan_skipped(skipped, why)?;
                    return Ok(None);
                }
            }
        }
    }

    /// Returns the start of the message that the last error, unless it was fatal, was about: at
    /// most 1 KiB, in which a reader may find the id.
    pub fn skipped_head(&self) -> &[u8] {
        &self.skipped_head
    }

    /// Returns the bytes that are held: those of a message that is not whole yet.
    pub fn held(&self) -> usize {
        self.buffer.len() - self.start
    }

    /// Returns whether only white space is left, so that TLS may begin after a plain exchange.
    pub fn is_drained(&self) -> bool {
        self.state == DecoderState::Between
            && self.buffer[self.scanned..].iter().all(|byte| is_blank(*byte))
    }

    /// Scans the new bytes of a message that is kept. Returns its end once it is whole.
    fn scan_kept(&mut self) -> Result<Option<usize>, Malformed> {
        while let Some(&byte) = self.buffer.get(self.scanned) {
            self.scanned += 1;
            match self.scan.step(byte) {
                Step::Ended if self.scanned - self.start <= self.limits.max_message => {
                    return Ok(Some(self.scanned));
                }
                Step::Ended => {
                    self.keep_head(self.start);
                    self.start = self.scanned;
                    self.state = DecoderState::Between;
                    return Err(self.excess(Excess::Size));
                }
                Step::Mismatch => {
                    return Err(self.give_up(
                        Retcode::Malformed,
                        "a bracket closes a brace, or a brace closes a bracket",
                    ));
                }
                Step::Inside if self.scan.depth > self.limits.max_depth => {
                    return Ok(self.skip(Excess::Depth));
                }
                Step::Inside if self.scanned - self.start > self.limits.max_message => {
                    return Ok(self.skip(Excess::Size));
                }
                Step::Inside => {}
            }
        }
        Ok(None)
    }

    /// Skips the rest of the message being read.
    fn skip(&mut self, why: Excess) -> Option<usize> {
        self.keep_head(self.start);
        self.state = DecoderState::Skipping { skipped: self.scanned - self.start, why };
        self.start = self.scanned;
        None
    }

    fn keep_head(&mut self, begin: usize) {
        let rest = &self.buffer[begin..self.scanned];
        self.skipped_head = rest[..rest.len().min(SKIPPED_HEAD)].to_vec();
    }

    fn scan_skipped(&mut self, mut skipped: usize, why: Excess) -> Result<(), Malformed> {
        while let Some(&byte) = self.buffer.get(self.scanned) {
            self.scanned += 1;
            skipped += 1;
            match self.scan.step(byte) {
                Step::Ended => {
                    self.start = self.scanned;
                    self.state = DecoderState::Between;
                    return Err(self.excess(why));
                }
                Step::Mismatch => {
                    return Err(self.give_up(
                        Retcode::Malformed,
                        "a bracket closes a brace, or a brace closes a bracket",
                    ));
                }
                Step::Inside
                    if skipped > self.limits.max_message.saturating_mul(MAX_SKIP_FACTOR) =>
                {
                    return Err(self.give_up(Retcode::TooLarge, "the message does not end"));
                }
                Step::Inside => {}
            }
        }
        self.start = self.scanned;
        self.state = DecoderState::Skipping { skipped, why };
        self.release();
        Ok(())
    }

    fn excess(&self, why: Excess) -> Malformed {
        let message = match why {
            Excess::Size => format!("a message may have at most {} bytes", self.limits.max_message),
            Excess::Depth => format!("a message may nest at most {} levels", self.limits.max_depth),
        };
        Malformed::new(Retcode::TooLarge, message)
    }

    fn give_up(&mut self, retcode: Retcode, message: impl Into<String>) -> Malformed {
        self.state = DecoderState::Broken;
        self.buffer = Vec::new();
        self.start = 0;
        self.scanned = 0;
        Malformed::fatal_error(retcode, message)
    }

    /// Empties the buffer once all of it was returned, and frees it if a message made it large.
    fn release(&mut self) {
        self.buffer.clear();
        self.buffer.shrink_to(IDLE_CAPACITY);
        self.start = 0;
        self.scanned = 0;
    }
}

/// Returns whether a byte is JSON's white space (RFC 8259 §2).
fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}
