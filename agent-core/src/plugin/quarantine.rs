//! Plugins that keep crashing are not started for a while: each crash costs a process, and delays
//! the calls queued behind it.
//!
//! No timer runs for this: a call checks whether the quarantine is over. A changed file counts as a
//! new plugin.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use plugin_api::MethodName;
use plugin_api::host::FileIdentity;

/// Crashes that a plugin may have
const CRASHES: usize = 3;
/// within this window
const WITHIN: Duration = Duration::from_secs(60);
/// before it is quarantined for this long.
const QUARANTINE: Duration = Duration::from_secs(5 * 60);

/// Recent crashes by method. Bounded by the number of plugin files: only a started plugin can
/// crash.
#[derive(Debug, Default)]
pub(super) struct Quarantine(HashMap<MethodName, CrashRecord>);

#[derive(Debug)]
struct CrashRecord {
    identity: FileIdentity,
    /// The last crashes, oldest first, at most [`CRASHES`].
    crashes: Vec<Instant>,
    /// How the last crash happened.
    how: String,
    /// The end of the quarantine, once it has begun.
    until: Option<Instant>,
}

impl Quarantine {
    /// Counts a crash of the plugin in this file. Returns true when that quarantines it.
    pub(super) fn add_crash(
        &mut self,
        method: &MethodName,
        identity: FileIdentity,
        how: String,
        now: Instant,
    ) -> bool {
        self.0.retain(|_, record| !record.is_over(now));
        let fresh =
            || CrashRecord { identity, crashes: Vec::new(), how: String::new(), until: None };
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

    /// Returns why and for how much longer the plugin in this file is not started; `None` if it may
    /// be started.
    pub(super) fn reason(
        &self,
        method: &MethodName,
        identity: FileIdentity,
        now: Instant,
    ) -> Option<String> {
        let record = self.0.get(method).filter(|record| record.identity == identity)?;
        let left = record.until?.checked_duration_since(now).filter(|left| !left.is_zero())?;
        // Rounded up: "for another 0 s" would be no quarantine.
        let left = left.as_secs() + u64::from(left.subsec_nanos() > 0);
        Some(format!(
            "quarantined for another {left} s: it crashed {CRASHES} times within {} s, last: {}; \
             a replaced file is tried at once",
            WITHIN.as_secs(),
            record.how
        ))
    }
}

impl CrashRecord {
    fn is_over(&self, now: Instant) -> bool {
        match self.until {
            Some(until) => until <= now,
            None => self
                .crashes
                .last()
                .is_none_or(|last| now.saturating_duration_since(*last) >= WITHIN),
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
    fn three_crashes_in_a_minute_quarantine_a_plugin_for_five_minutes() {
        let method = MethodName::parse("getinfo.bad").unwrap();
        let file = identity("/proc/self/exe");
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let mut quarantine = Quarantine::default();
        for (second, quarantined) in [(0, false), (59, false), (70, false), (118, true)] {
            assert_eq!(
                quarantine.add_crash(&method, file, format!("crash {second}"), at(second)),
                quarantined,
                "{second}"
            );
            assert_eq!(
                quarantine.reason(&method, file, at(second)).is_some(),
                quarantined,
                "{second}"
            );
        }
        let reason = quarantine.reason(&method, file, at(119)).unwrap();
        assert!(reason.contains("for another 299 s") && reason.contains("crash 118"), "{reason}");
        assert!(quarantine.reason(&method, file, at(118 + 299)).is_some());
        assert!(quarantine.reason(&method, file, at(118 + 300)).is_none());
        // Then three more crashes are allowed.
        assert!(!quarantine.add_crash(&method, file, String::new(), at(118 + 300)));
    }

    #[test]
    fn a_quarantine_covers_no_other_file_or_method() {
        let method = MethodName::parse("getinfo.bad").unwrap();
        let (file, other) = (identity("/proc/self/exe"), identity("/"));
        let mut quarantine = Quarantine::default();
        let now = Instant::now();
        for _ in 0..3 {
            quarantine.add_crash(&method, file, String::new(), now);
        }
        assert!(quarantine.reason(&method, file, now).is_some());
        assert!(quarantine.reason(&method, other, now).is_none());
        assert!(
            quarantine.reason(&MethodName::parse("getinfo.good").unwrap(), file, now).is_none()
        );
        assert!(
            !quarantine.add_crash(&method, other, String::new(), now),
            "a new file has no crashes yet"
        );
    }
}
