//! Times of two sides that take turns, and the ratios between them.

use std::time::{Duration, Instant};

/// The number of stretches of a run that are compared separately; the run's ratio is their median.
const STRETCHES: usize = 5;

/// Measurements of one side before the other side's turn. Work that a side does after its reply
/// thus falls mostly into its own turn.
const TURN: usize = 10;

/// The times of two sides in nanoseconds, in the order of measurement.
pub(crate) struct Pair {
    ours: Vec<u64>,
    floor: Vec<u64>,
}

/// Our figure divided by the floor's.
#[derive(Clone, Copy)]
pub(crate) struct Ratio {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

/// Measures both sides in turns, `count` times each.
pub(crate) fn take_turns(count: usize, mut ours: impl FnMut(), mut floor: impl FnMut()) -> Pair {
    let mut pair = Pair { ours: Vec::with_capacity(count), floor: Vec::with_capacity(count) };
    let mut ours_first = true;
    while pair.ours.len() < count {
        let turn = TURN.min(count - pair.ours.len());
        if ours_first {
            repeat(turn, &mut ours, &mut pair.ours);
            repeat(turn, &mut floor, &mut pair.floor);
        } else {
            repeat(turn, &mut floor, &mut pair.floor);
            repeat(turn, &mut ours, &mut pair.ours);
        }
        ours_first = !ours_first;
    }
    pair
}

fn repeat(count: usize, action: &mut impl FnMut(), into: &mut Vec<u64>) {
    for _ in 0..count {
        let start = Instant::now();
        action();
        into.push(u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX));
    }
}

impl Pair {
    /// Returns the percentile of our times and of the floor's.
    pub(crate) fn at(&self, percent: usize) -> (Duration, Duration) {
        (percentile(&self.ours, percent), percentile(&self.floor, percent))
    }

    /// Returns the ratio between these percentiles.
    pub(crate) fn ratio(&self, percent: usize) -> Ratio {
        let stretch = self.ours.len().div_ceil(STRETCHES);
        let both = self.ours.chunks(stretch).zip(self.floor.chunks(stretch));
        let one = |(a, b): (&[u64], &[u64])| {
            percentile(a, percent).as_secs_f64() / percentile(b, percent).as_secs_f64()
        };
        Ratio::of(both.map(one).collect())
    }
}

impl Ratio {
    /// Summarizes at least one ratio.
    pub(crate) fn of(mut all: Vec<f64>) -> Self {
        all.sort_unstable_by(f64::total_cmp);
        Self { median: all[all.len() / 2], least: all[0], most: all[all.len() - 1] }
    }
}

fn percentile(times: &[u64], percent: usize) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    Duration::from_nanos(sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)])
}

/// Formats a time in milliseconds.
pub(crate) fn ms(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1e3)
}

/// Formats a time in microseconds.
pub(crate) fn us(time: Duration) -> String {
    format!("{:.1} µs", time.as_secs_f64() * 1e6)
}
