//! Times taken in turns, and what they say of each other.

use std::time::{Duration, Instant};

/// Stretches of a run that are compared on their own; the median of them is the run's ratio.
const STRETCHES: usize = 5;

/// Measurements of one side before the other side's turn. What a side does after its answer falls into its own turn.
const TURN: usize = 10;

/// Two sides' times, in nanoseconds, in the order they were taken.
pub(crate) struct Pair {
    ours: Vec<u64>,
    floor: Vec<u64>,
}

/// Ours by the floor's.
#[derive(Clone, Copy)]
pub(crate) struct Ratio {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

/// Lets the two take turns, `count` measurements each.
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
    /// The time below which `percent` of ours and of the floor's lie.
    pub(crate) fn at(&self, percent: usize) -> (Duration, Duration) {
        (percentile(&self.ours, percent), percentile(&self.floor, percent))
    }

    /// The ratio of that.
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
    /// Of at least one ratio.
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

/// In milliseconds.
pub(crate) fn ms(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1e3)
}

/// In microseconds.
pub(crate) fn us(time: Duration) -> String {
    format!("{:.1} µs", time.as_secs_f64() * 1e6)
}
