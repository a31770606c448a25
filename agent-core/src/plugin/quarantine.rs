//! Plugins that keep crashing are left alone for a while: each crash costs a process, and what waits behind it its time.
//!
//! Nothing wakes up for it: whether it is over is looked at when a call comes. A file that has changed is another plugin.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use plugin_api::MethodName;
use plugin_api::host::FileIdentity;

/// So many crashes…
const CRASHES: usize = 3;
/// …within so long…
const WITHIN: Duration = Duration::from_secs(60);
/// …and a plugin is not started for this long.
const QUARANTINE: Duration = Duration::from_secs(5 * 60);

/// Who has crashed lately. Bounded by the files there are: only what was started can crash.
#[derive(Debug, Default)]
pub(super) struct Quarantine(HashMap<MethodName, Record>);

#[derive(Debug)]
struct Record {
    identity: FileIdentity,
    /// The last crashes, oldest first, at most [`CRASHES`].
    crashes: Vec<Instant>,
    /// How the last one was.
    how: String,
    /// Set with the last crash of too many.
    until: Option<Instant>,
}

impl Quarantine {
    /// Notes a crash of the plugin in this file. True when it is the one too many.
    pub(super) fn crashed(
        &mut self,
        method: &MethodName,
        identity: FileIdentity,
        how: String,
        now: Instant,
    ) -> bool {
        self.0.retain(|_, record| !record.is_over(now));
        let fresh = || Record { identity, crashes: Vec::new(), how: String::new(), until: None };
        let record = self.0.entry(method.clone()).or_insert_with(fresh);
        if record.identity != identity {
            *record = fresh();
        }
        record.how = how;
        record.crashes.retain(|crash| now.saturating_duration_since(*crash) < WITHIN);
        record.crashes.push(now);
        if record.until.is_none() && record.crashes.len() >= CRASHES {
            record.until = Some(now + QUARANTINE);
        }
        record.until == Some(now + QUARANTINE)
    }

    /// Why, and for how long still, the plugin in this file is not started; `None`: it may be.
    pub(super) fn sentence(
        &self,
        method: &MethodName,
        identity: FileIdentity,
        now: Instant,
    ) -> Option<String> {
        let record = self.0.get(method).filter(|record| record.identity == identity)?;
        let left = record.until?.checked_duration_since(now).filter(|left| !left.is_zero())?;
        // Rounded up: "for 0 s" would be no quarantine.
        let left = left.as_secs() + u64::from(left.subsec_nanos() > 0);
        Some(format!(
            "quarantined for {left} s more: it crashed {CRASHES} times within {} s, the last time: {}; \
             another file in its place is tried at once",
            WITHIN.as_secs(),
            record.how
        ))
    }
}

impl Record {
    fn is_over(&self, now: Instant) -> bool {
        match self.until {
            Some(until) => until <= now,
            None => self.crashes.last().is_none_or(|last| now.saturating_duration_since(*last) >= WITHIN),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(file: &str) -> FileIdentity {
        FileIdentity::of(std::path::Path::new(file)).unwrap()
    }

    #[test]
    fn three_crashes_in_a_minute_are_too_many_until_five_minutes_later() {
        let method = MethodName::parse("getinfo.bad").unwrap();
        let file = identity("/proc/self/exe");
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let mut quarantine = Quarantine::default();
        for (second, too_many) in [(0, false), (59, false), (70, false), (118, true)] {
            assert_eq!(
                quarantine.crashed(&method, file, format!("crash {second}"), at(second)),
                too_many,
                "{second}"
            );
            assert_eq!(quarantine.sentence(&method, file, at(second)).is_some(), too_many, "{second}");
        }
        let told = quarantine.sentence(&method, file, at(119)).unwrap();
        assert!(told.contains("for 299 s more") && told.contains("crash 118"), "{told}");
        assert!(quarantine.sentence(&method, file, at(118 + 299)).is_some());
        assert!(quarantine.sentence(&method, file, at(118 + 300)).is_none());
        // From then on it has three more.
        assert!(!quarantine.crashed(&method, file, String::new(), at(118 + 300)));
    }

    #[test]
    fn another_file_and_another_method_are_not_meant() {
        let method = MethodName::parse("getinfo.bad").unwrap();
        let (file, other) = (identity("/proc/self/exe"), identity("/"));
        let mut quarantine = Quarantine::default();
        let now = Instant::now();
        for _ in 0..3 {
            quarantine.crashed(&method, file, String::new(), now);
        }
        assert!(quarantine.sentence(&method, file, now).is_some());
        assert!(quarantine.sentence(&method, other, now).is_none());
        assert!(quarantine.sentence(&MethodName::parse("getinfo.good").unwrap(), file, now).is_none());
        assert!(!quarantine.crashed(&method, other, String::new(), now), "a new file begins anew");
    }
}
