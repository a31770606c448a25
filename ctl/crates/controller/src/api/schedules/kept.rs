//! Forecasts that were made a short while ago: a forecast looks at every host.

use controller_api::ScheduleForecast;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Forecasts that are kept: one a question, and that of each limited role is another one.
const MAX_KEPT: usize = 16;

/// Forecasts by what was asked, the oldest first.
#[derive(Debug, Default)]
pub(in crate::api) struct KeptForecasts {
    kept: Mutex<VecDeque<Kept>>,
    /// Held by whoever makes a forecast; those who wait take it if it answers their question.
    pub(super) making: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct Kept {
    question: String,
    made: Instant,
    forecast: Arc<ScheduleForecast>,
}

impl KeptForecasts {
    /// Returns the answer to a question, if it was given within this time.
    pub(super) fn find(&self, question: &str, within: Duration) -> Option<Arc<ScheduleForecast>> {
        let kept = self.kept.lock();
        let found = kept.iter().find(|kept| kept.question == question)?;
        (found.made.elapsed() <= within).then(|| Arc::clone(&found.forecast))
    }

    /// Keeps an answer.
    pub(super) fn keep(&self, question: String, forecast: Arc<ScheduleForecast>) {
        let mut kept = self.kept.lock();
        kept.retain(|kept| kept.question != question);
        while kept.len() >= MAX_KEPT {
            kept.pop_front();
        }
        kept.push_back(Kept { question, made: Instant::now(), forecast });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_forecast_answers_its_own_question_for_a_while_and_the_oldest_goes() {
        let kept = KeptForecasts::default();
        let forecast = |hosts| Arc::new(ScheduleForecast { hosts, ..Default::default() });
        for number in 0..MAX_KEPT as u64 + 1 {
            kept.keep(number.to_string(), forecast(number));
        }
        let long = Duration::from_secs(3600);
        assert_eq!(kept.find("0", long), None);
        assert_eq!(kept.find("7", long).map(|found| found.hosts), Some(7));
        assert_eq!(kept.find("7", Duration::ZERO), None);
        kept.keep("7".to_owned(), forecast(70));
        assert_eq!(kept.find("7", long).map(|found| found.hosts), Some(70));
        assert!(kept.find("1", long).is_some());
    }
}
