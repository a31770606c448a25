//! How a run goes through its targets.

use super::share::{Share, Tolerance};
use super::{
    DEFAULT_CONCURRENCY, DEFAULT_NOT_AFTER, MAX_CONCURRENCY, MAX_NOT_AFTER, MAX_SOAK, MAX_STAGES,
    PLAN_LIFE,
};
use crate::UnixMillis;
use serde::{Deserialize, Serialize};
use std::fmt;

/// How a run goes through its targets. The default asks all of them, a few at first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// How far each stage reaches, counted from the first target. The last stage always reaches
    /// all of them, whether it is written here or not.
    pub stages: Vec<Share>,
    /// Seconds between the end of a stage and the beginning of the next.
    pub soak: u32,
    /// How many failures of a stage let the next one begin; `None`: whatever does not stop the run.
    pub max_failed: Option<Tolerance>,
    /// How many hosts may be busy with it at once.
    pub concurrency: Share,
    /// Whether it begins with one host and adds one for each success, up to `concurrency`.
    pub ramp: bool,
    /// How many failures it goes on after; one more, and nothing more is sent.
    pub stop_after: Tolerance,
    /// Until when a host may accept the request.
    pub not_after: NotAfter,
    /// Whether hosts that are offline at plan time are left out.
    pub no_wait: bool,
}

/// A time until which hosts may accept a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NotAfter {
    /// Seconds after the plan is applied.
    After(u32),
    /// A time.
    At(UnixMillis),
}

/// Why options are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptionsError {
    /// Too many stages.
    TooManyStages,
    /// A stage that reaches nothing.
    EmptyStage,
    /// A stage that does not reach further than the one before, as far as the texts tell.
    Stages(Share, Share),
    /// Too long a soak.
    Soak,
    /// No concurrency, or too much.
    Concurrency,
    /// A time in the past, or too far in the future.
    NotAfter,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            stages: vec![Share::ALL],
            soak: 0,
            max_failed: None,
            concurrency: Share::Number(DEFAULT_CONCURRENCY),
            ramp: true,
            stop_after: Tolerance::NONE,
            not_after: NotAfter::After(DEFAULT_NOT_AFTER),
            no_wait: false,
        }
    }
}

impl Options {
    /// Checks the options of a plan that is made `now`.
    ///
    /// # Errors
    /// When an option is beyond its bound.
    pub fn check(&self, now: UnixMillis) -> Result<(), OptionsError> {
        if self.stages.len() > MAX_STAGES {
            return Err(OptionsError::TooManyStages);
        }
        if self.stages.iter().any(|stage| stage.is_none()) {
            return Err(OptionsError::EmptyStage);
        }
        for pair in self.stages.windows(2) {
            let grows = match (pair[0], pair[1]) {
                (Share::Number(one), Share::Number(next))
                | (Share::Percent(one), Share::Percent(next)) => one < next,
                // The number of targets decides; a stage without targets is left out.
                (Share::Number(_), Share::Percent(_)) | (Share::Percent(_), Share::Number(_)) => {
                    true
                }
            };
            if !grows {
                return Err(OptionsError::Stages(pair[0], pair[1]));
            }
        }
        let much = matches!(self.concurrency, Share::Number(number) if number > MAX_CONCURRENCY);
        if self.soak > MAX_SOAK {
            Err(OptionsError::Soak)
        } else if self.concurrency.is_none() || much {
            Err(OptionsError::Concurrency)
        } else if !self.not_after.is_within(now) {
            Err(OptionsError::NotAfter)
        } else {
            Ok(())
        }
    }

    /// Returns for each stage the position behind its last target. Each stage has targets; the last
    /// one ends with `total`.
    pub fn stage_ends(&self, total: u32) -> Vec<u32> {
        let mut ends: Vec<u32> = Vec::with_capacity(self.stages.len() + 1);
        for end in self.stages.iter().map(|stage| stage.of(total)).chain([total]) {
            if end > ends.last().copied().unwrap_or(0) {
                ends.push(end);
            }
        }
        ends
    }

    /// Returns how many hosts may be busy at once, of `total` targets.
    pub fn limit(&self, total: u32) -> u32 {
        self.concurrency.of(total).clamp(1, MAX_CONCURRENCY)
    }
}

impl NotAfter {
    fn is_within(self, now: UnixMillis) -> bool {
        match self {
            Self::After(seconds) => (1..=MAX_NOT_AFTER).contains(&seconds),
            Self::At(at) => at > now && at - now <= millis(MAX_NOT_AFTER),
        }
    }

    /// Returns the time until which hosts may accept the request of a plan that is applied at
    /// `applied`.
    pub fn time(self, applied: UnixMillis) -> UnixMillis {
        match self {
            Self::After(seconds) => applied.saturating_add(millis(seconds)),
            Self::At(at) => at,
        }
    }

    /// Returns the latest such time of a plan that is made at `planned`: it may be applied until
    /// [`PLAN_LIFE`] later. This is the plan's `valid_until`.
    pub fn latest(self, planned: UnixMillis) -> UnixMillis {
        self.time(planned.saturating_add(PLAN_LIFE))
    }
}

fn millis(seconds: u32) -> UnixMillis {
    UnixMillis::from(seconds) * 1000
}

impl fmt::Display for OptionsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooManyStages => write!(f, "a run has at most {MAX_STAGES} stages"),
            Self::EmptyStage => f.write_str("a stage reaches at least one host; leave \"0\" out"),
            Self::Stages(one, next) => write!(
                f,
                "stages are cumulative, each reaches further than the one before: {next} does not \
                 come after {one}"
            ),
            Self::Soak => write!(f, "the soak between stages is at most {MAX_SOAK} seconds"),
            Self::Concurrency => {
                write!(f, "the concurrency is 1 to {MAX_CONCURRENCY} hosts, or 1% to 100%")
            }
            Self::NotAfter => write!(
                f,
                "not_after is a time within the next {} days",
                MAX_NOT_AFTER / (24 * 60 * 60)
            ),
        }
    }
}

impl std::error::Error for OptionsError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn stages(texts: &[&str]) -> Options {
        let stages = texts.iter().map(|text| text.parse().unwrap()).collect();
        Options { stages, ..Options::default() }
    }

    #[test]
    fn stages_reach_further_each_and_the_last_reaches_all() {
        for (texts, total, ends) in [
            (&["1", "10%", "100%"][..], 1000, &[1, 100, 1000][..]),
            (&["1", "10%", "100%"], 5, &[1, 5]),
            (&["1", "10%"], 100, &[1, 10, 100]),
            (&[], 9, &[9]),
            (&["5"], 3, &[3]),
            (&["100%"], 0, &[]),
        ] {
            assert_eq!(stages(texts).stage_ends(total), ends, "{texts:?} of {total}");
        }
    }

    #[test]
    fn options_beyond_their_bounds_are_refused() {
        let check = |options: Options| options.check(1_000_000);
        let base = Options::default();
        assert_eq!(check(base.clone()), Ok(()));
        assert_eq!(check(stages(&["1", "10%", "100%"])), Ok(()));
        assert_eq!(check(stages(&["0"])), Err(OptionsError::EmptyStage));
        assert!(matches!(check(stages(&["10%", "5%"])), Err(OptionsError::Stages(..))));
        assert!(matches!(check(stages(&["2", "2"])), Err(OptionsError::Stages(..))));
        let many = Options { stages: (1..40).map(Share::Number).collect(), ..base.clone() };
        assert_eq!(check(many), Err(OptionsError::TooManyStages));
        assert_eq!(check(Options { soak: u32::MAX, ..base.clone() }), Err(OptionsError::Soak));
        for share in [Share::Number(0), Share::Percent(0), Share::Number(u32::MAX)] {
            let options = Options { concurrency: share, ..base.clone() };
            assert_eq!(check(options), Err(OptionsError::Concurrency));
        }
        for wrong in [NotAfter::After(0), NotAfter::At(1_000_000), NotAfter::At(i64::MAX)] {
            let options = Options { not_after: wrong, ..base.clone() };
            assert_eq!(check(options), Err(OptionsError::NotAfter));
        }
    }

    #[test]
    fn options_read_their_own_json() {
        let text = r#"{"stages":["1","10%"],"soak":5,"max_failed":"2%","concurrency":"50%",
            "ramp":false,"stop_after":"none","not_after":{"after":60},"no_wait":true}"#;
        let options: Options = serde_json::from_str(text).unwrap();
        let written = serde_json::to_string(&options).unwrap();
        assert_eq!(serde_json::from_str::<Options>(&written).unwrap(), options);
        assert_eq!(serde_json::from_str::<Options>("{}").unwrap(), Options::default());
        assert!(serde_json::from_str::<Options>(r#"{"stage":[]}"#).is_err());
    }
}
