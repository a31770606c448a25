//! Token buckets: how often something may happen, in all and from one source address.
//!
//! Time is an argument: an [`Instant`] that the caller read.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// How often something may happen: so many times at once, then so many times a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Times a second in the long run; at least 1.
    pub per_second: u32,
    /// Times at once; at least 1.
    pub burst: u32,
}

/// One bucket of tokens.
#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    /// When the bucket was, or will be, empty: the later, the fewer tokens it has. A bucket that was
    /// empty long ago is full.
    empty_at: Option<Instant>,
}

/// Where connections come from: an IPv4 address, or the /64 of an IPv6 address, since one host may
/// use all addresses of that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Source([u8; 8], bool);

/// A bucket for each source, for a bounded number of sources.
///
/// When there are too many, those are forgotten that did not ask for the longest time. A source that
/// is forgotten has a full bucket again; a bound for all sources together holds those that come from
/// very many addresses.
#[derive(Debug)]
pub struct Sources {
    recent: HashMap<Source, Bucket>,
    /// The sources that have not asked since `recent` was last emptied into this.
    before: HashMap<Source, Bucket>,
    /// The most sources in each of them.
    half: usize,
}

impl Rate {
    /// Returns the rate of `per_second`, with the same number at once.
    pub const fn per_second(per_second: u32) -> Self {
        Self { per_second, burst: per_second }
    }

    /// Returns the time after which one more token is there.
    fn interval(self) -> Duration {
        Duration::from_secs(1) / self.per_second.max(1)
    }
}

impl Bucket {
    /// A full bucket.
    pub const FULL: Self = Self { empty_at: None };

    /// Takes a token.
    ///
    /// # Errors
    /// When there is none: the time after which there is one.
    pub fn take(&mut self, rate: Rate, now: Instant) -> Result<(), Duration> {
        let (interval, burst) = (rate.interval(), rate.burst.max(1));
        // The generic cell rate algorithm: each token moves the time by an interval, and the time
        // may be at most the burst ahead of the clock.
        let start = self.empty_at.map_or(now, |at| at.max(now));
        let ahead = start.duration_since(now) + interval;
        match ahead.checked_sub(interval * burst) {
            None | Some(Duration::ZERO) => {
                self.empty_at = Some(now + ahead);
                Ok(())
            }
            Some(wait) => Err(wait),
        }
    }
}

impl Source {
    /// Returns the source of an address.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => {
                let [a, b, c, d] = v4.octets();
                Self([a, b, c, d, 0, 0, 0, 0], false)
            }
            IpAddr::V6(v6) => {
                let [a, b, c, d, e, f, g, h, ..] = v6.octets();
                Self([a, b, c, d, e, f, g, h], true)
            }
        }
    }
}

impl Sources {
    /// Creates a table for at most `capacity` sources.
    pub fn new(capacity: usize) -> Self {
        Self { recent: HashMap::new(), before: HashMap::new(), half: (capacity / 2).max(1) }
    }

    /// Takes a token from a source's bucket.
    ///
    /// # Errors
    /// When there is none: the time after which there is one.
    pub fn take(&mut self, address: IpAddr, rate: Rate, now: Instant) -> Result<(), Duration> {
        let source = Source::of(address);
        if let Some(bucket) = self.recent.get_mut(&source) {
            return bucket.take(rate, now);
        }
        let mut bucket = self.before.remove(&source).unwrap_or(Bucket::FULL);
        let taken = bucket.take(rate, now);
        if self.recent.len() >= self.half {
            self.before = std::mem::take(&mut self.recent);
        }
        self.recent.insert(source, bucket);
        taken
    }

    /// Returns how many sources it holds.
    pub fn len(&self) -> usize {
        self.recent.len() + self.before.len()
    }

    /// Returns whether it holds no source.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests;
