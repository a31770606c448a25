//! Sockets, cores, threads and the caches they share: /sys/devices/system/cpu/cpu*.
//!
//! Counts the online processors, as lscpu(1) does. A list of siblings is read once for all its
//! members; otherwise a machine with hundreds of processors would take thousands of reads.

use std::path::Path;

use readers::{cpu_list, file};
use serde::Serialize;

/// The most caches of one processor, which are numbered from 0.
const MAX_CACHES: usize = 16;

/// The counted topology.
pub(crate) struct Topology {
    pub(crate) sockets: Option<usize>,
    pub(crate) cores: Option<usize>,
    pub(crate) caches: Vec<Cache>,
}

/// Caches of one kind and size.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Cache {
    /// The name: `L1d`, `L1i`, `L2`, `L3`.
    pub(crate) name: String,
    /// The level; 1 is closest to the core.
    pub(crate) level: u64,
    /// The type: `data`, `instruction` or `unified`.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// Bytes of one such cache.
    pub(crate) size_bytes: u64,
    /// The number of such caches.
    pub(crate) instances: u64,
    /// Bytes per cache line.
    pub(crate) line_bytes: Option<u64>,
    /// Associativity: lines that share an index.
    pub(crate) ways: Option<u64>,
}

/// Reads the topology of the `online` processors below `cpus`.
pub(crate) fn read(cpus: &Path, online: &[u32]) -> Topology {
    let groups = |file: &str| {
        let mut count = 0;
        each_group(cpus, online, file, |_| count += 1);
        (count > 0).then_some(count)
    };
    Topology {
        sockets: groups("topology/core_siblings_list"),
        cores: groups("topology/thread_siblings_list"),
        caches: caches(cpus, online),
    }
}

/// Calls `each` with the first processor of every group that `file` lists the members of.
fn each_group(cpus: &Path, online: &[u32], file: &str, mut each: impl FnMut(&Path)) {
    let mut seen = vec![false; online.iter().max().map_or(0, |last| *last as usize + 1)];
    for cpu in online {
        if seen[*cpu as usize] {
            continue;
        }
        let folder = cpus.join(format!("cpu{cpu}"));
        let Some(members) = file::line(&folder.join(file)) else { continue };
        for member in cpu_list::parse(&members).unwrap_or_default() {
            if let Some(seen) = seen.get_mut(member as usize) {
                *seen = true;
            }
        }
        each(&folder);
    }
}

/// Counts the caches. If an index has caches of several sizes, as on processors with two kinds of
/// cores, each size is an entry.
fn caches(cpus: &Path, online: &[u32]) -> Vec<Cache> {
    let mut caches: Vec<Cache> = Vec::new();
    for index in 0..MAX_CACHES {
        let before = caches.len();
        let shared = format!("cache/index{index}/shared_cpu_list");
        each_group(cpus, online, &shared, |folder| {
            let folder = folder.join(format!("cache/index{index}"));
            let Some(size_bytes) = file::line(&folder.join("size")).and_then(|text| size(&text))
            else {
                return;
            };
            match caches[before..].iter_mut().find(|known| known.size_bytes == size_bytes) {
                Some(known) => known.instances += 1,
                None => caches.extend(cache(&folder, size_bytes)),
            }
        });
        if index > 0 && caches.len() == before {
            break;
        }
    }
    caches
}

fn cache(folder: &Path, size_bytes: u64) -> Option<Cache> {
    let level = file::number(&folder.join("level"))?;
    let kind = file::line(&folder.join("type"))?.to_ascii_lowercase();
    let letter = match kind.as_str() {
        "data" => "d",
        "instruction" => "i",
        _ => "",
    };
    Some(Cache {
        name: format!("L{level}{letter}"),
        level,
        size_bytes,
        kind,
        instances: 1,
        line_bytes: file::number(&folder.join("coherency_line_size")),
        ways: file::number(&folder.join("ways_of_associativity")).filter(|ways| *ways > 0),
    })
}

/// Parses a cache size as sysfs writes it: `32K`, `4M`.
fn size(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit: u64 = match &text[digits.len()..] {
        "" => 1,
        "K" => 1 << 10,
        "M" => 1 << 20,
        "G" => 1 << 30,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use test_support::Scratch;

    #[test]
    fn sizes_have_units() {
        for (text, want) in [
            ("32K", Some(32768)),
            ("4M", Some(4 << 20)),
            ("512", Some(512)),
            ("K", None),
            ("1X", None),
            ("", None),
            ("18446744073709551615K", None),
            ("1\u{fffd}", None),
        ] {
            assert_eq!(size(text), want, "{text:?}");
        }
    }

    /// Two sockets of two cores of two threads; one cache per core and one per socket.
    #[test]
    fn siblings_are_counted_once() {
        let root = Scratch::new("getinfo-cpu-topology");
        for cpu in 0..8_u32 {
            let (core, socket) = (cpu / 2 * 2, cpu / 4 * 4);
            let core = format!("{}-{}", core, core + 1);
            let socket = format!("{}-{}", socket, socket + 3);
            for (file, content) in [
                ("topology/thread_siblings_list", core.as_str()),
                ("topology/core_siblings_list", &socket),
                ("cache/index0/shared_cpu_list", &core),
                ("cache/index0/level", "1"),
                ("cache/index0/type", "Data"),
                ("cache/index0/size", "48K"),
                ("cache/index1/shared_cpu_list", &core),
                ("cache/index1/level", "1"),
                ("cache/index1/type", "Instruction"),
                ("cache/index1/size", "32K"),
                ("cache/index2/shared_cpu_list", &socket),
                ("cache/index2/level", "3"),
                ("cache/index2/type", "Unified"),
                ("cache/index2/size", "16M"),
                ("cache/index2/ways_of_associativity", "0"),
            ] {
                root.write(&format!("cpu{cpu}/{file}"), format!("{content}\n"));
            }
        }
        let topology = read(root.path(), &[0, 1, 2, 3, 4, 5, 6, 7]);
        let half = read(root.path(), &[0, 2, 3]);
        assert_eq!((topology.sockets, topology.cores), (Some(2), Some(4)));
        let caches: Vec<_> = topology
            .caches
            .iter()
            .map(|cache| (cache.name.as_str(), cache.size_bytes, cache.instances))
            .collect();
        assert_eq!(caches, [("L1d", 48 << 10, 4), ("L1i", 32 << 10, 4), ("L3", 16 << 20, 2)]);
        assert_eq!((half.sockets, half.cores, half.caches.len()), (Some(1), Some(2), 3));
    }

    #[test]
    fn without_sysfs_the_topology_is_unknown() {
        let topology = read(Path::new("/nonexistent"), &[0, 1]);
        assert_eq!((topology.sockets, topology.cores, topology.caches.len()), (None, None, 0));
    }
}
