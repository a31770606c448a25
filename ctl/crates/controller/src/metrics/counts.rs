//! Counters: atomics, one for each value of a label.

use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// Counts one.
    pub(crate) fn add_one(&self) {
        self.add(1);
    }

    /// Counts several.
    pub(crate) fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    /// Returns the number so far.
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A label with a closed set of values.
pub(crate) trait LabelValue: Copy + 'static {
    /// Every value, each at its own index.
    const ALL: &'static [Self];

    /// Returns the value's index.
    fn index(self) -> usize;

    /// Returns the value's text.
    fn text(self) -> &'static str;
}

/// One counter for each value of a label.
#[derive(Debug)]
pub(crate) struct Counts<L> {
    counters: Box<[Counter]>,
    label: PhantomData<L>,
}

impl<L: LabelValue> Default for Counts<L> {
    fn default() -> Self {
        Self { counters: L::ALL.iter().map(|_| Counter::default()).collect(), label: PhantomData }
    }
}

impl<L: LabelValue> Counts<L> {
    /// Counts one.
    pub(crate) fn add_one(&self, value: L) {
        self.counters[value.index()].add_one();
    }

    /// Returns each value's number so far.
    pub(crate) fn get(&self) -> impl Iterator<Item = (&'static str, u64)> {
        L::ALL.iter().map(|value| (value.text(), self.counters[value.index()].get()))
    }
}

/// Declares a label: an enum, and each value's text.
macro_rules! label_values {
    (
        $(#[$of_enum:meta])*
        $visible:vis enum $name:ident {
            $($(#[$of_value:meta])* $value:ident = $text:literal,)+
        }
    ) => {
        $(#[$of_enum])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        $visible enum $name {
            $($(#[$of_value])* $value,)+
        }

        impl $crate::metrics::counts::LabelValue for $name {
            const ALL: &'static [Self] = &[$(Self::$value,)+];

            fn index(self) -> usize {
                self as usize
            }

            fn text(self) -> &'static str {
                match self {
                    $(Self::$value => $text,)+
                }
            }
        }
    };
}
pub(super) use label_values;
