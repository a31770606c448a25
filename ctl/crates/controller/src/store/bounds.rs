//! The bounds on what is stored, fitted to the disk where the operator set none.

use nix::sys::statvfs::statvfs;
use std::path::Path;
use std::time::Duration;

const MIB: u64 = 1 << 20;

/// The bound in all, where the disk is large enough.
const DEFAULT_STORE_MIB: u64 = 16 << 10;

/// The bound of one host, where that of all is large enough.
const DEFAULT_HOST_MIB: u64 = 1 << 10;

/// No host gets less than this by default, unless all of them do.
const LEAST_HOST_MIB: u64 = 64;

/// What a target occupies with its indexes, in bytes.
const TARGET: u64 = 512;

/// How long each kind of record is kept.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Keep {
    /// Results, after they came.
    pub(crate) results: Duration,
    /// Lines of the audit log.
    pub(crate) events: Duration,
    /// Runs, after their end.
    pub(crate) runs: Duration,
    /// The log of changes of facts.
    pub(crate) facts: Duration,
}

/// The bounds on what is stored.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// How long a result is kept.
    pub(crate) keep: Duration,
    /// How long a line of the audit log is kept.
    pub(crate) keep_events: Duration,
    /// How long a run is kept after its end.
    pub(crate) keep_runs: Duration,
    /// Bytes of runs and their targets.
    pub(crate) max_run_bytes: u64,
    /// How long the log of changes of facts is kept.
    pub(crate) keep_facts: Duration,
    /// Bytes of facts of all hosts.
    pub(crate) max_fact_bytes: u64,
    /// Bytes of results of all hosts.
    pub(crate) max_bytes: u64,
    /// Bytes of results of one host.
    pub(crate) max_host_bytes: u64,
}

impl Bounds {
    /// Makes the bounds of a store in `dir`, or on another machine, of the given MiB where they are
    /// given.
    pub(crate) fn new(
        dir: Option<&Path>,
        keep: Keep,
        store_mib: Option<u64>,
        host_mib: Option<u64>,
        run_mib: Option<u64>,
        fact_mib: Option<u64>,
    ) -> Self {
        let max_bytes = match store_mib {
            Some(mib) => mib * MIB,
            None => (DEFAULT_STORE_MIB * MIB).min(dir.map_or(u64::MAX, disk) / 4 * 3),
        };
        let max_host_bytes = match host_mib {
            Some(mib) => mib * MIB,
            None => (max_bytes / 8).clamp(LEAST_HOST_MIB * MIB, DEFAULT_HOST_MIB * MIB),
        };
        let Keep { results, events, runs, facts } = keep;
        Self {
            keep: results,
            keep_events: events,
            keep_runs: runs,
            max_run_bytes: run_mib.map_or(max_bytes / 4, |mib| mib * MIB),
            keep_facts: facts,
            max_fact_bytes: fact_mib.map_or(max_bytes / 4, |mib| mib * MIB),
            max_bytes,
            max_host_bytes: max_host_bytes.min(max_bytes),
        }
    }

    /// Returns how many targets of runs may be stored.
    pub(in crate::store) fn most_targets(&self) -> i64 {
        i64::try_from(self.max_run_bytes / TARGET).unwrap_or(i64::MAX)
    }

    /// Returns bounds that nothing in a test reaches.
    #[cfg(test)]
    pub(crate) const fn generous() -> Self {
        let keep = Duration::from_secs(400 * 24 * 3600);
        Self {
            keep,
            keep_events: keep,
            keep_runs: keep,
            max_run_bytes: 1 << 40,
            keep_facts: keep,
            max_fact_bytes: 1 << 40,
            max_bytes: 1 << 40,
            max_host_bytes: 1 << 40,
        }
    }
}

/// Returns the bytes of the file system that holds `dir`, or will.
fn disk(dir: &Path) -> u64 {
    dir.ancestors()
        .find_map(|dir| statvfs(dir).ok())
        .map_or(u64::MAX, |disk| disk.blocks().saturating_mul(disk.fragment_size()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_gets_a_share_of_the_store_unless_its_bound_is_given() {
        let dir = Some(Path::new("/nonexistent/state"));
        for (store, host, wanted) in [
            (Some(100_000), None, (100_000, 1024)),
            (Some(4096), None, (4096, 512)),
            (Some(100), None, (100, 64)),
            (Some(10), None, (10, 10)),
            (Some(100), Some(7), (100, 7)),
            (Some(100), Some(700), (100, 100)),
        ] {
            let bounds = Bounds::new(dir, Keep::default(), store, host, None, None);
            assert_eq!((bounds.max_bytes / MIB, bounds.max_host_bytes / MIB), wanted);
        }
        let default = Bounds::new(dir, Keep::default(), None, None, None, None);
        assert!(default.max_bytes <= DEFAULT_STORE_MIB * MIB && default.max_bytes > 0);
    }
}
