//! Bytes → the text of one JSON object after another (§3).
//!
//! Owns the bytes that have arrived and are not yet a whole message. Each byte is looked at once,
//! however it arrives. Refuses: a first byte that opens no object, unbalanced brackets, text that is not
//! UTF-8, and objects beyond the [`Limits`]. An object beyond a limit is skipped to its end and reported
//! once, so the next message is read as if nothing had happened; where no end can be known the
//! error is [fatal](Malformed::fatal) and the channel has to close.

use crate::{Malformed, Retcode};

/// Bytes of one message, unless a setting says otherwise: 1 MiB.
pub const DEFAULT_MAX_MESSAGE: usize = 1 << 20;

/// Objects and arrays inside one another, the message itself included.
pub const DEFAULT_MAX_DEPTH: u32 = 32;

/// How many times the size bound a message may go on while it is skipped, before the channel is given up.
const MAX_SKIP_FACTOR: usize = 16;

/// The buffer an idle decoder may keep; a larger one is given back once its message is done.
const IDLE_CAPACITY: usize = 16 << 10;

/// What a peer may send in one message.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes from the opening brace to the closing one.
    pub max_message: usize,
    /// Nesting, at most 64 (one bit of a word remembers each level's bracket).
    pub max_depth: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_message: DEFAULT_MAX_MESSAGE, max_depth: DEFAULT_MAX_DEPTH }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Between two messages: only white space and `{` are legal.
    Between,
    /// Inside a message that is kept.
    Keeping,
    /// Inside a message that breaks a bound: only its end is looked for.
    Skipping { skipped: usize, why: Excess },
    /// After a fatal error: nothing more comes out.
    Broken,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Excess {
    Size,
    Depth,
}

/// Where the scan stands inside one object.
#[derive(Clone, Copy, Debug, Default)]
struct Scan {
    depth: u32,
    /// Bit n: level n was opened by `[` (else by `{`). Levels beyond 64 are not remembered.
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
    /// Takes the next byte into account.
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
                let opened_by_bracket = self.depth < u64::BITS && self.brackets >> self.depth & 1 == 1;
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

/// Takes bytes as they come and gives out one JSON object's text at a time.
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
    /// Start of the message being read; what lies before has been given out.
    start: usize,
    /// The first byte not yet looked at.
    scanned: usize,
    scan: Scan,
    state: State,
}

impl Decoder {
    /// An empty decoder; it allocates when bytes come.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            buffer: Vec::new(),
            start: 0,
            scanned: 0,
            scan: Scan::default(),
            state: State::Between,
        }
    }

    /// Adds bytes from the peer. Take out every message before adding more: what is held is then at most
    /// one message within the bound plus one `push`.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.state == State::Broken {
            return;
        }
        if self.start > 0 {
            // At most one partial message is moved, and only when a read follows a given-out message.
            self.buffer.drain(..self.start);
            self.scanned -= self.start;
            self.start = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole message, or `None` until more bytes have come.
    ///
    /// # Errors
    /// [`Malformed`] for what can't be a message. Unless it is fatal, the decoder goes on behind it.
    pub fn next_message(&mut self) -> Result<Option<&str>, Malformed> {
        loop {
            match self.state {
                State::Broken => return Ok(None),
                State::Between => {
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
                            self.state = State::Keeping;
                        }
                        Some(byte) => {
                            let found = byte.escape_ascii().to_string();
                            return Err(self.give_up(
                                Retcode::Malformed,
                                format!("a message starts with {{, not {found}"),
                            ));
                        }
                    }
                }
                State::Keeping => match self.scan_kept()? {
                    None if self.state == State::Keeping => return Ok(None),
                    None => {}
                    Some(end) => {
                        let begin = std::mem::replace(&mut self.start, end);
                        self.state = State::Between;
                        return std::str::from_utf8(&self.buffer[begin..end]).map(Some).map_err(|error| {
                            Malformed::new(
                                Retcode::Malformed,
                                format!("not UTF-8 at byte {}", error.valid_up_to()),
                            )
                        });
                    }
                },
                State::Skipping { skipped, why } => {
                    self.scan_skipped(skipped, why)?;
                    return Ok(None);
                }
            }
        }
    }

    /// Whether nothing but white space waits: a plain exchange is over here and TLS may begin.
    pub fn is_drained(&self) -> bool {
        self.state == State::Between && self.buffer[self.scanned..].iter().all(|byte| is_blank(*byte))
    }

    /// Looks at the unseen bytes of a kept message. `Some(end)` when it is whole.
    fn scan_kept(&mut self) -> Result<Option<usize>, Malformed> {
        while let Some(&byte) = self.buffer.get(self.scanned) {
            self.scanned += 1;
            match self.scan.step(byte) {
                Step::Ended if self.scanned - self.start <= self.limits.max_message => {
                    return Ok(Some(self.scanned));
                }
                Step::Ended => {
                    self.start = self.scanned;
                    self.state = State::Between;
                    return Err(self.excess(Excess::Size));
                }
                Step::Mismatch => {
                    return Err(self.give_up(
                        Retcode::Malformed,
                        "a bracket closes what a brace opened, or the reverse",
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

    /// Turns the message being read into one that is only skipped.
    fn skip(&mut self, why: Excess) -> Option<usize> {
        self.state = State::Skipping { skipped: self.scanned - self.start, why };
        self.start = self.scanned;
        None
    }

    fn scan_skipped(&mut self, mut skipped: usize, why: Excess) -> Result<(), Malformed> {
        while let Some(&byte) = self.buffer.get(self.scanned) {
            self.scanned += 1;
            skipped += 1;
            match self.scan.step(byte) {
                Step::Ended => {
                    self.start = self.scanned;
                    self.state = State::Between;
                    return Err(self.excess(why));
                }
                Step::Mismatch => {
                    return Err(self.give_up(
                        Retcode::Malformed,
                        "a bracket closes what a brace opened, or the reverse",
                    ));
                }
                Step::Inside if skipped > self.limits.max_message.saturating_mul(MAX_SKIP_FACTOR) => {
                    return Err(self.give_up(Retcode::TooLarge, "a message that does not end"));
                }
                Step::Inside => {}
            }
        }
        self.start = self.scanned;
        self.state = State::Skipping { skipped, why };
        self.release();
        Ok(())
    }

    fn excess(&self, why: Excess) -> Malformed {
        let message = match why {
            Excess::Size => format!("a message has at most {} bytes", self.limits.max_message),
            Excess::Depth => format!("a message nests at most {} levels", self.limits.max_depth),
        };
        Malformed::new(Retcode::TooLarge, message)
    }

    fn give_up(&mut self, retcode: Retcode, message: impl Into<String>) -> Malformed {
        self.state = State::Broken;
        self.buffer = Vec::new();
        self.start = 0;
        self.scanned = 0;
        Malformed::fatal_error(retcode, message)
    }

    /// Everything has been given out: the buffer is emptied, and given back if one message made it big.
    fn release(&mut self) {
        self.buffer.clear();
        self.buffer.shrink_to(IDLE_CAPACITY);
        self.start = 0;
        self.scanned = 0;
    }
}

/// White space as JSON has it (RFC 8259 §2).
fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}
