//! One logical processor: its place, frequency and times.

use std::path::Path;

use readers::{cpu_list, file};
use serde::Serialize;

use crate::numa::Node;
use crate::times::Times;

/// A logical processor (a hardware thread).
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Processor {
    /// The processor's number.
    pub(crate) cpu: u32,
    /// The number of its socket (`physical_package_id`).
    pub(crate) socket: Option<u64>,
    /// The number of its core within the socket.
    pub(crate) core: Option<u64>,
    /// The number of its NUMA node.
    pub(crate) node: Option<u32>,
    /// Its frequency and the limits of it.
    pub(crate) frequency: Frequency,
    /// Its time in each state since boot.
    pub(crate) times: Option<Times>,
}

/// The frequency of one processor (/sys/devices/system/cpu/cpu*/cpufreq); all null if the kernel
/// does not control it, as in most virtual machines.
#[derive(Serialize, Default)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Frequency {
    /// The lowest frequency in hertz.
    pub(crate) min_hz: Option<u64>,
    /// The highest frequency in hertz, boost included.
    pub(crate) max_hz: Option<u64>,
    /// The guaranteed frequency in hertz (`base_frequency`, Intel).
    pub(crate) base_hz: Option<u64>,
    /// The current or last known frequency in hertz.
    pub(crate) current_hz: Option<u64>,
    /// The governor that chooses the frequency, `schedutil`.
    pub(crate) governor: Option<String>,
    /// The driver that sets the frequency, `intel_pstate`.
    pub(crate) driver: Option<String>,
}

/// Reads the frequency of the processor whose sysfs folder is `folder`.
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

/// Reads the online processors.
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
