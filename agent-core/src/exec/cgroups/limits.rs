//! What one command and all it starts may take together, in the request's units and in the kernel's files.
//!
//! Pure: which host keeps which limit, and where, is [`super::controllers`]'s.

/// Bounds for a command's whole tree; `None` is no bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of memory; beyond it the kernel kills within the command.
    pub memory: Option<u64>,
    /// Percent of one processor.
    pub cpu: Option<u64>,
    /// Processes and threads; one more cannot be made.
    pub pids: Option<u64>,
}

/// The kernel's part that keeps one kind of limit; named the same in both versions of cgroups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Controller {
    Memory,
    Cpu,
    Pids,
}

/// A file of a cgroup and what to write to it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    pub(crate) file: &'static str,
    pub(crate) value: String,
    /// Whether the limit is not kept without it.
    pub(crate) required: bool,
}

/// The stretch of time that a share of a processor is counted in, in microseconds; the kernel's default.
const PERIOD: u64 = 100_000;

impl Limits {
    /// What is limited, and to how much.
    pub(crate) fn asked(&self) -> impl Iterator<Item = (Controller, u64)> {
        let all =
            [(Controller::Memory, self.memory), (Controller::Cpu, self.cpu), (Controller::Pids, self.pids)];
        all.into_iter().filter_map(|(controller, limit)| Some((controller, limit?)))
    }
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

    /// For a cgroup v2 (the kernel's admin-guide/cgroup-v2).
    pub(crate) fn settings(self, limit: u64) -> Vec<Setting> {
        match self {
            Self::Memory => vec![
                required("memory.max", limit),
                // Not instead of memory, where there is swap; and all of the command, not a part of it.
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

    /// For a cgroup v1 (the kernel's admin-guide/cgroup-v1 and scheduler/sched-bwc).
    pub(crate) fn settings_v1(self, limit: u64) -> Vec<Setting> {
        match self {
            Self::Memory => vec![
                required("memory.limit_in_bytes", limit),
                // Memory and swap together; not there when swap is not counted.
                optional("memory.memsw.limit_in_bytes", limit),
            ],
            Self::Cpu => {
                vec![required("cpu.cfs_period_us", PERIOD), required("cpu.cfs_quota_us", quota(limit))]
            }
            Self::Pids => vec![required("pids.max", limit)],
        }
    }
}

/// Microseconds of each period.
fn quota(percent: u64) -> u64 {
    percent.saturating_mul(PERIOD / 100)
}

fn required(file: &'static str, value: u64) -> Setting {
    Setting { file, value: value.to_string(), required: true }
}

fn optional(file: &'static str, value: u64) -> Setting {
    Setting { required: false, ..required(file, value) }
}

/// Whether the kernel has killed for memory, says `memory.events` (v2) or `memory.oom_control` (v1).
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
        let all: Vec<_> = limits.asked().collect();
        assert_eq!(all, [(Controller::Memory, 1 << 20), (Controller::Cpu, 250), (Controller::Pids, 7)]);
        assert_eq!(written(&Controller::Memory.settings(1 << 20))[0], ("memory.max", "1048576"));
        assert_eq!(written(&Controller::Cpu.settings(250)), [("cpu.max", "250000 100000")]);
        assert_eq!(written(&Controller::Pids.settings(7)), [("pids.max", "7")]);
        let v1 = Controller::Cpu.settings_v1(1);
        assert_eq!(written(&v1), [("cpu.cfs_period_us", "100000"), ("cpu.cfs_quota_us", "1000")]);
        assert_eq!(Limits::default().asked().count(), 0);
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
