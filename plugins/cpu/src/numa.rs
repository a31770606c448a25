//! NUMA nodes, their processors and memory: /sys/devices/system/node.

use std::path::Path;

use readers::{cpu_list, file};
use serde::Serialize;

/// The kernel's own bound on x86 (`CONFIG_NODES_SHIFT`).
const MAX_NODES: usize = 1024;

/// One NUMA node.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Node {
    /// The node's number.
    pub(crate) node: u32,
    /// Its processors, `0-3,8`; empty for a node with memory only.
    pub(crate) cpus: String,
    /// Bytes of memory on the node.
    pub(crate) memory_total_bytes: Option<u64>,
    /// Bytes of that memory that are free.
    pub(crate) memory_free_bytes: Option<u64>,
}

/// Returns the online nodes; none if the kernel has no NUMA nodes.
pub(crate) fn read(folder: &Path) -> Vec<Node> {
    let online = file::line(&folder.join("online")).unwrap_or_default();
    let nodes = cpu_list::parse(&online).unwrap_or_default().into_iter().take(MAX_NODES);
    nodes
        .map(|node| {
            let folder = folder.join(format!("node{node}"));
            let memory = file::text(&folder.join("meminfo")).unwrap_or_default();
            Node {
                node,
                cpus: file::line(&folder.join("cpulist")).unwrap_or_default(),
                memory_total_bytes: bytes(&memory, "MemTotal:"),
                memory_free_bytes: bytes(&memory, "MemFree:"),
            }
        })
        .collect()
}

/// Returns the bytes in a line such as `Node 0 MemTotal:       24684096 kB`.
fn bytes(meminfo: &str, name: &str) -> Option<u64> {
    let mut words = meminfo.split_ascii_whitespace().skip_while(|word| *word != name);
    words.nth(1)?.parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_found_by_its_name() {
        let text = "Node 0 MemTotal:       16 kB\nNode 0 MemFree:   4 kB\n";
        assert_eq!((bytes(text, "MemTotal:"), bytes(text, "MemFree:")), (Some(16384), Some(4096)));
        assert_eq!(
            (bytes(text, "MemUsed:"), bytes("MemTotal: x", "MemTotal:"), bytes("", "")),
            (None, None, None)
        );
    }
}
