//! Tells steps of the wall clock from time that passes, as cron(8) of Vixie and Debian does
//! (docs/schedules.md rule 31).
//!
//! No clock is read here: the [`super::due`] loop passes in both clocks at each look.

use super::timer::Moment;

/// The least step that counts, in milliseconds: any smaller one adds up with the next.
const LEAST_STEP: i64 = 1000;

/// The least step that is a correction, in seconds (three hours, as in cron(8)): the new time is
/// followed at once, whatever ran before.
pub(crate) const CORRECTION: i64 = 3 * 3600;

/// The change of the wall clock since the last look, besides the time that passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// It was not set, or by less than a second.
    None,
    /// It was set forward: the instants after `from` and until now were skipped.
    Forward { from: i64 },
    /// It was set back: instants after now may have been seen before.
    Back,
    /// It is three hours or more before or after the latest time that it has shown: by one step, or
    /// by several back.
    Correction,
}

/// Follows the wall clock from look to look.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClockWatch {
    /// The wall clock when the host started, in milliseconds, as of the last step.
    boot: i64,
    /// The latest second that the wall clock has shown since the last correction.
    latest: i64,
}

impl ClockWatch {
    /// Starts with a first look.
    pub(crate) fn new(moment: Moment) -> Self {
        Self { boot: moment.boot(), latest: moment.now() }
    }

    /// Returns the step since the last look, and its size in seconds.
    pub(crate) fn look(&mut self, moment: Moment) -> (Step, i64) {
        let milliseconds = moment.boot().saturating_sub(self.boot);
        let now = moment.now();
        if milliseconds.abs() < LEAST_STEP {
            self.latest = self.latest.max(now);
            return (Step::None, 0);
        }
        // To the nearest second: the clocks are read one after the other.
        let by = milliseconds.saturating_add(milliseconds.signum() * 500) / 1000;
        self.boot = moment.boot();
        // Without the step, the clock would show this.
        self.latest = self.latest.max(now.saturating_sub(by));
        let step = if now.abs_diff(self.latest) >= CORRECTION.unsigned_abs() {
            self.latest = now;
            Step::Correction
        } else if by > 0 {
            Step::Forward { from: now.saturating_sub(by) }
        } else {
            Step::Back
        };
        self.latest = self.latest.max(now);
        (step, by)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3600;

    fn at(wall: i64, uptime: i64) -> Moment {
        Moment { wall, uptime }
    }

    #[test]
    fn time_that_passes_is_no_step_however_long_the_host_was_suspended() {
        let mut watch = ClockWatch::new(at(1_000_000, 5_000));
        assert_eq!(watch.look(at(1_060_000, 65_000)), (Step::None, 0));
        assert_eq!(watch.look(at(90_060_000, 89_065_000)), (Step::None, 0));
    }

    #[test]
    fn steps_below_a_second_add_up_to_one_that_counts() {
        let mut watch = ClockWatch::new(at(100_000_000, 0));
        assert_eq!(watch.look(at(99_999_600, 0)).0, Step::None);
        assert_eq!(watch.look(at(99_999_200, 0)).0, Step::None);
        assert_eq!(watch.look(at(99_998_800, 0)), (Step::Back, -1));
        assert_eq!(watch.look(at(99_999_900, 0)), (Step::Forward { from: 99_998 }, 1));
    }

    #[test]
    fn a_step_of_three_hours_or_several_steps_back_that_reach_it_are_a_correction() {
        let day = 86_400;
        for (steps, wanted) in [
            (vec![2 * HOUR + 3599], Step::Forward { from: day }),
            (vec![3 * HOUR], Step::Correction),
            (vec![-2 * HOUR - 3599], Step::Back),
            (vec![-3 * HOUR], Step::Correction),
            (vec![-2 * HOUR, -HOUR + 1], Step::Back),
            (vec![-2 * HOUR, -HOUR], Step::Correction),
            (vec![-2 * HOUR, HOUR, -HOUR], Step::Back),
            (vec![-2 * HOUR, HOUR, -2 * HOUR], Step::Correction),
            (vec![-3 * HOUR, -2 * HOUR], Step::Back),
            (vec![2 * HOUR, -2 * HOUR], Step::Back),
            (vec![2 * HOUR, 2 * HOUR], Step::Forward { from: day + 2 * HOUR }),
            (vec![-2 * HOUR, 4 * HOUR], Step::Forward { from: day - 2 * HOUR }),
        ] {
            let mut wall = day * 1000;
            let mut watch = ClockWatch::new(at(wall, 0));
            let mut found = Step::None;
            for step in &steps {
                wall += step * 1000;
                found = watch.look(at(wall, 0)).0;
            }
            assert_eq!(found, wanted, "{steps:?}");
        }
    }
}
