//! One processor: where it is, how fast it runs, what it did.

use std::path::Path;

use readers::{cpu_list, file};
use serde::Serialize;

use crate::numa::Node;
use crate::times::Times;

/// A logical processor (a thread).
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Processor {
    /// Its number.
    pub(crate) cpu: u32,
    /// Its socket's number (`physical_package_id`).
    pub(crate) socket: Option<u64>,
    /// Its core's number within the socket.
    pub(crate) core: Option<u64>,
    /// Its NUMA node.
    pub(crate) node: Option<u32>,
    /// How fast it may run and runs.
    pub(crate) frequency: Frequency,
    /// What it did since the kernel was started.
    pub(crate) times: Option<Times>,
}

/// The speed of one processor (/sys/devices/system/cpu/cpu*/cpufreq); null where the kernel does not set it, as in most
/// virtual machines.
#[derive(Serialize, Default)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Frequency {
    /// The slowest it can run.
    pub(crate) min_hz: Option<u64>,
    /// The fastest it can run, boost included.
    pub(crate) max_hz: Option<u64>,
    /// As fast as it is guaranteed to run (`base_frequency`, Intel).
    pub(crate) base_hz: Option<u64>,
    /// As it runs now, or ran last.
    pub(crate) current_hz: Option<u64>,
    /// What decides on the speed, `schedutil`.
    pub(crate) governor: Option<String>,
    /// What sets it, `intel_pstate`.
    pub(crate) driver: Option<String>,
}

/// Of the processor whose folder is `folder`.
pub(crate) fn frequency(folder: &Path) -> Frequency {
    let folder = folder.join("cpufreq");
    if !folder.exists() {
        return Frequency::default();
    }
    let hertz = |name: &str| file::number(&folder.join(name))?.checked_mul(1000);
    Frequency {
        min_hz: hertz("cpuinfo_min_freq"),
        max_hz: hertz("cpuinfo_max_freq"),
        base_hz: hertz("base_frequency"),
        current_hz: hertz("scaling_cur_freq"),
        governor: file::line(&folder.join("scaling_governor")),
        driver: file::line(&folder.join("scaling_driver")),
    }
}

/// All that are online.
pub(crate) fn read(
    cpus: &Path,
    online: &[u32],
    nodes: &[Node],
    mut times: Vec<(u32, Times)>,
) -> Vec<Processor> {
    let members = |node: &Node| (node.node, cpu_list::parse(&node.cpus).unwrap_or_default());
    let nodes: Vec<(u32, Vec<u32>)> = nodes.iter().map(members).collect();
    let one = |cpu: &u32| {
        let folder = cpus.join(format!("cpu{cpu}"));
        let place = times.iter().position(|(number, _)| number == cpu);
        Processor {
            cpu: *cpu,
            socket: file::number(&folder.join("topology/physical_package_id")),
            core: file::number(&folder.join("topology/core_id")),
            node: nodes.iter().find(|(_, members)| members.contains(cpu)).map(|(node, _)| *node),
            frequency: frequency(&folder),
            times: place.map(|place| times.swap_remove(place).1),
        }
    };
    online.iter().map(one).collect()
}
