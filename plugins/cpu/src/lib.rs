//! `getinfo.cpu`: the processors, their topology and vulnerabilities, and their times since boot.
//!
//! Everything comes from /proc and /sys; root is not required. With `-p` each processor is listed.
//! A value that no file has is null or empty.

mod model;
mod numa;
mod processor;
mod times;
mod topology;
mod vulnerability;

use std::path::Path;

use nix::unistd::{SysconfVar, sysconf};
use plugin_api::{
    Args, Context, Meta, Opt, Options, Provider, ProviderError, Reply, export_provider,
};
use readers::{cpu_list, file};
use serde::Serialize;

use numa::Node;
use processor::{Frequency, Processor};
use times::{Counters, Load, Times};
use topology::Cache;
use vulnerability::Vulnerability;

struct Cpu;

/// The answer. Field names are stable: fields may be added, none is renamed or removed.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Answer {
    /// The vendor, `GenuineIntel` (/proc/cpuinfo).
    vendor: Option<String>,
    /// The model name, `AMD EPYC 7B13`.
    model: Option<String>,
    /// The vendor's family number; the architecture on ARM.
    family: Option<String>,
    /// The vendor's model number within the family; the part number on ARM.
    model_number: Option<String>,
    /// The stepping: the revision of the model.
    stepping: Option<String>,
    /// The microcode revision, as the kernel writes it.
    microcode: Option<String>,
    /// Sockets with at least one online processor.
    sockets: Option<usize>,
    /// Online cores, over all sockets.
    cores: Option<usize>,
    /// Online logical processors.
    threads: Option<usize>,
    /// Whether simultaneous multithreading is active.
    smt_active: Option<bool>,
    /// The online logical processors, `0-3,8` (/sys/devices/system/cpu/online).
    online: Option<String>,
    /// The logical processors that are present but offline; null if there are none.
    offline: Option<String>,
    /// The logical processors that are present.
    present: Option<String>,
    /// The logical processors that can ever be plugged in.
    possible: Option<String>,
    /// The logical processors that the scheduler leaves alone (`isolcpus=`); null if there are
    /// none.
    isolated: Option<String>,
    /// The frequency of the first processor; `-p` shows that of each.
    frequency: Frequency,
    /// Caches by kind, those closest to the core first.
    caches: Vec<Cache>,
    /// The processor's features, in the kernel's words and order.
    flags: Vec<String>,
    /// Processor bugs that the kernel works around.
    bugs: Vec<String>,
    /// Known vulnerabilities of the processor, sorted by name.
    vulnerabilities: Vec<Vulnerability>,
    /// Time in each state since boot, over all processors.
    times: Option<Times>,
    /// Counters since boot.
    counters: Counters,
    /// The load averages.
    load: Option<Load>,
    /// Processes that are waiting for a disk now.
    blocked: Option<u64>,
    /// NUMA nodes.
    numa_nodes: Vec<Node>,
    /// The online logical processors; null without `-p`.
    processors: Option<Vec<Processor>>,
}

/// A call's arguments.
#[derive(Default)]
struct Selection {
    each: bool,
}

const OPTIONS: Options<Selection> =
    Options::new(&[Opt::flag("-p", "also list each logical processor", |selection| {
        selection.each = true
    })]);

impl Provider for Cpu {
    fn describe() -> Meta {
        Meta::new(
            "getinfo.cpu",
            env!("CARGO_PKG_VERSION"),
            "processors: model, cores, caches, vulnerabilities, times since boot, load",
        )
        .options(&OPTIONS)
        .output_schema(include_str!("../schema.json"))
        .example("", "the processors as a whole")
        .example("-p", "also each logical processor")
    }

    fn call(args: &Args, _ctx: &Context) -> Result<Reply, ProviderError> {
        let selection = OPTIONS.parse(args)?;
        Reply::json(&Answer::read(Path::new("/"), selection.each))
    }
}

impl Answer {
    fn read(root: &Path, each: bool) -> Self {
        let cpus = root.join("sys/devices/system/cpu");
        let line = |name: &str| file::line(&cpus.join(name));
        let cpuinfo =
            file::beginning(&root.join("proc/cpuinfo"), model::CPUINFO_BYTES).unwrap_or_default();
        let model = model::parse(&cpuinfo);
        let ticks = sysconf(SysconfVar::CLK_TCK).ok().flatten();
        let ticks = ticks
            .and_then(|ticks| u64::try_from(ticks).ok())
            .filter(|ticks| *ticks > 0)
            .unwrap_or(100);
        let stat = times::stat(&file::text(&root.join("proc/stat")).unwrap_or_default(), ticks);
        // Without sysfs, /proc/stat has a line for each online processor.
        let (online, numbers) = match line("online") {
            Some(online) => (Some(online.clone()), cpu_list::parse(&online).unwrap_or_default()),
            None => (None, stat.by_processor.iter().map(|(number, _)| *number).collect()),
        };
        let topology = topology::read(&cpus, &numbers);
        let first = cpus.join(format!("cpu{}", numbers.first().unwrap_or(&0)));
        let mut frequency = processor::frequency(&first);
        frequency.current_hz = frequency.current_hz.or(model.current_hz);
        let numa_nodes = numa::read(&root.join("sys/devices/system/node"));
        let processors =
            each.then(|| processor::read(&cpus, &numbers, &numa_nodes, stat.by_processor));
        Self {
            vendor: model.vendor,
            model: model.name,
            family: model.family,
            model_number: model.number,
            stepping: model.stepping,
            microcode: model.microcode,
            sockets: topology.sockets,
            cores: topology.cores,
            threads: (!numbers.is_empty()).then_some(numbers.len()),
            smt_active: line("smt/active").map(|active| active == "1"),
            online,
            // The kernel's own list of this name has processors that aren't there, too.
            offline: line("present").and_then(|present| offline(&present, &numbers)),
            present: line("present"),
            possible: line("possible"),
            isolated: line("isolated"),
            frequency,
            caches: topology.caches,
            flags: model.flags,
            bugs: model.bugs,
            vulnerabilities: vulnerability::read(&cpus.join("vulnerabilities")),
            times: stat.times,
            counters: stat.counters,
            load: file::line(&root.join("proc/loadavg")).and_then(|text| times::load(&text)),
            blocked: stat.blocked,
            numa_nodes,
            processors,
        }
    }
}

/// Returns the processors of a list that aren't online; `None` if there are none, or if it is
/// unknown which are online.
fn offline(present: &str, online: &[u32]) -> Option<String> {
    let mut present = cpu_list::parse(present).filter(|_| !online.is_empty())?;
    present.retain(|cpu| !online.contains(cpu));
    (!present.is_empty()).then(|| cpu_list::write(&present))
}

export_provider!(Cpu);

#[cfg(test)]
mod tests {
    use super::*;

    plugin_api::testing::schema_test!(Answer);

    #[test]
    fn processors_that_are_absent_are_not_offline() {
        for (present, online, want) in [
            ("0-7", &[0, 1, 4, 6][..], Some("2-3,5,7")),
            ("0-1", &[0, 1], None),
            ("0-1", &[], None),
            ("", &[0], None),
        ] {
            assert_eq!(offline(present, online).as_deref(), want, "{present}");
        }
    }

    #[test]
    fn a_system_without_proc_and_sys_has_an_answer() {
        let answer = Answer::read(Path::new("/nonexistent"), true);
        assert!(answer.model.is_none() && answer.threads.is_none() && answer.times.is_none());
        assert!(answer.processors.is_some_and(|processors| processors.is_empty()));
    }
}
