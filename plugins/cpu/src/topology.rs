//! How many sockets, cores and threads there are and what caches they share: /sys/devices/system/cpu/cpu*.
//!
//! Counted over the processors that are online, as lscpu(1) does. A list of siblings is read once for all that stand in
//! it: machines of hundreds of processors would otherwise have thousands of files read.

use std::path::Path;

use readers::{cpu_list, file};
use serde::Serialize;

/// Caches below a processor's folder are numbered from 0.
const MAX_CACHES: usize = 16;

/// What the processors are made of.
pub(crate) struct Topology {
    pub(crate) sockets: Option<usize>,
    pub(crate) cores: Option<usize>,
    pub(crate) caches: Vec<Cache>,
}

/// Caches of one kind.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Cache {
    /// `L1d`, `L1i`, `L2`, `L3`.
    pub(crate) name: String,
    /// 1 is the closest to the processor.
    pub(crate) level: u64,
    /// `data`, `instruction` or `unified`.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// Bytes of one.
    pub(crate) size_bytes: u64,
    /// How many there are.
    pub(crate) instances: u64,
    /// Bytes a line.
    pub(crate) line_bytes: Option<u64>,
    /// Lines that share an index.
    pub(crate) ways: Option<u64>,
}

/// Below `cpus`, the folder of the processors, for those that are online.
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

/// Where an index holds caches of several sizes, as processors of two kinds of core have, each size is an entry.
fn caches(cpus: &Path, online: &[u32]) -> Vec<Cache> {
    let mut caches: Vec<Cache> = Vec::new();
    for index in 0..MAX_CACHES {
        let before = caches.len();
        let shared = format!("cache/index{index}/shared_cpu_list");
        each_group(cpus, online, &shared, |folder| {
            let folder = folder.join(format!("cache/index{index}"));
            let Some(size_bytes) = file::line(&folder.join("size")).and_then(|text| size(&text)) else {
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

/// `32K`, `4M`: as sysfs writes a cache's size.
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

    /// Two sockets of two cores of two threads, and a cache a core beside one a socket.
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
    fn without_a_sysfs_nothing_is_known() {
        let topology = read(Path::new("/nonexistent"), &[0, 1]);
        assert_eq!((topology.sockets, topology.cores, topology.caches.len()), (None, None, 0));
    }
}
