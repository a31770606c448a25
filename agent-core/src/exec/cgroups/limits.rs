//! The limits of one command and everything it starts: from the request's units to the kernel's
//! files.
//!
//! Pure: [`super::controllers`] finds out which controllers the host has, and writes the files.

pub use agent_wire::message::CommandLimits as Limits;

/// A cgroup controller, which keeps one kind of limit; named the same in both cgroup versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Controller {
    Memory,
    Cpu,
    Pids,
}

/// A file of a cgroup, and the value to write to it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    pub(crate) file: &'static str,
    pub(crate) value: String,
    /// Whether the limit depends on it.
    pub(crate) required: bool,
}

/// The period over which a share of a processor is measured, in microseconds; the kernel's default.
const PERIOD: u64 = 100_000;

/// Returns the limits that are set, each with its controller.
pub(crate) fn set(limits: &Limits) -> impl Iterator<Item = (Controller, u64)> + use<> {
    let all = [
        (Controller::Memory, limits.memory),
        (Controller::Cpu, limits.cpu),
        (Controller::Pids, limits.pids),
    ];
    all.into_iter().filter_map(|(controller, limit)| Some((controller, limit?)))
}

impl Controller {
    pub(crate) const ALL: [Self; 3] = [Self::Memory, Self::Cpu, Self::Pids];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Cpu => "cpu",
            Self::Pids => "pids",
        }
    }

    /// Returns the settings for a cgroup v2 (the kernel's admin-guide/cgroup-v2).
    pub(crate) fn settings(self, limit: u64) -> Vec<Setting> {
        match self {
            Self::Memory => vec![
                required("memory.max", limit),
                // Swap must not replace memory; and the kernel kills the whole command, not a part.
                optional("memory.swap.max", 0),
                optional("memory.oom.group", 1),
            ],
            Self::Cpu => {
                let value = format!("{} {PERIOD}", quota(limit));
                vec![Setting { file: "cpu.max", value, required: true }]
            }
            Self::Pids => vec![required("pids.max", limit)],
        }
    }

    /// Returns the settings for a cgroup v1 (the kernel's admin-guide/cgroup-v1 and
    /// scheduler/sched-bwc).
    pub(crate) fn settings_v1(self, limit: u64) -> Vec<Setting> {
        match self {
            Self::Memory => vec![
                required("memory.limit_in_bytes", limit),
                // Memory and swap together; missing where the kernel does not count swap.
                optional("memory.memsw.limit_in_bytes", limit),
            ],
            Self::Cpu => {
                vec![
                    required("cpu.cfs_period_us", PERIOD),
                    required("cpu.cfs_quota_us", quota(limit)),
                ]
            }
            Self::Pids => vec![required("pids.max", limit)],
        }
    }
}

/// Returns the microseconds of each period.
fn quota(percent: u64) -> u64 {
    percent.saturating_mul(PERIOD / 100)
}

fn required(file: &'static str, value: u64) -> Setting {
    Setting { file, value: value.to_string(), required: true }
}

fn optional(file: &'static str, value: u64) -> Setting {
    Setting { required: false, ..required(file, value) }
}

/// Returns whether the kernel killed for memory, by `memory.events` (v2) or `memory.oom_control`
/// (v1).
pub(crate) fn killed_for_memory(events: &str) -> bool {
    let count = events.lines().find_map(|line| line.strip_prefix("oom_kill "));
    count.is_some_and(|count| count.trim() != "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(settings: &[Setting]) -> Vec<(&str, &str)> {
        settings.iter().map(|setting| (setting.file, setting.value.as_str())).collect()
    }

    #[test]
    fn each_limit_is_written_in_the_kernels_units() {
        let limits = Limits { memory: Some(1 << 20), cpu: Some(250), pids: Some(7) };
        let all: Vec<_> = set(&limits).collect();
        assert_eq!(
            all,
            [(Controller::Memory, 1 << 20), (Controller::Cpu, 250), (Controller::Pids, 7)]
        );
        assert_eq!(written(&Controller::Memory.settings(1 << 20))[0], ("memory.max", "1048576"));
        assert_eq!(written(&Controller::Cpu.settings(250)), [("cpu.max", "250000 100000")]);
        assert_eq!(written(&Controller::Pids.settings(7)), [("pids.max", "7")]);
        let v1 = Controller::Cpu.settings_v1(1);
        assert_eq!(written(&v1), [("cpu.cfs_period_us", "100000"), ("cpu.cfs_quota_us", "1000")]);
        assert_eq!(set(&Limits::default()).count(), 0);
    }

    #[test]
    fn a_kill_for_memory_is_read_from_both_versions() {
        let table = [
            ("low 0\nhigh 0\nmax 12\noom 1\noom_kill 1\noom_group_kill 1\n", true),
            ("low 0\nhigh 0\nmax 12\noom 0\noom_kill 0\n", false),
            ("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n", true),
            ("oom_kill_disable 0\nunder_oom 0\noom_kill 0\n", false),
            ("oom_kill_disable 1\n", false),
            ("", false),
        ];
        for (events, killed) in table {
            assert_eq!(killed_for_memory(events), killed, "{events:?}");
        }
    }
}
