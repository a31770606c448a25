//! `getinfo.memory`: memory and swap, their use, memory pressure, and the limit on the agent's own
//! memory.
//!
//! Everything comes from /proc and cgroup files; root is not required. It takes no arguments. A
//! value that the kernel does not report is null.

mod cgroup;
mod meminfo;
mod pressure;
mod swaps;

use std::path::Path;

use plugin_api::{Args, Context, Meta, Provider, ProviderError, Reply, export_provider};
use readers::file;
use serde::Serialize;

use cgroup::Cgroup;
use meminfo::Meminfo;
use pressure::Pressure;
use swaps::Swap;

struct Memory;

/// The answer. Field names are stable: fields may be added, none is renamed or removed. The names
/// in parentheses are those in /proc/meminfo; proc(5) explains what they count.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Answer {
    /// Memory that the kernel manages (`MemTotal`): installed memory less what the firmware and the
    /// kernel's code take.
    total_bytes: Option<u64>,
    /// Memory available without swapping, as the kernel estimates it (`MemAvailable`).
    available_bytes: Option<u64>,
    /// Memory that is not available, as free(1) counts it.
    used_bytes: Option<u64>,
    /// Unused memory (`MemFree`).
    free_bytes: Option<u64>,
    /// Caches of block devices (`Buffers`).
    buffers_bytes: Option<u64>,
    /// Caches of files, shared memory included (`Cached`).
    cached_bytes: Option<u64>,
    /// Shared memory and tmpfs (`Shmem`).
    shared_bytes: Option<u64>,
    /// Recently used memory (`Active`).
    active_bytes: Option<u64>,
    /// Memory not recently used, reclaimed first (`Inactive`).
    inactive_bytes: Option<u64>,
    /// Memory that cannot be reclaimed (`Unevictable`).
    unevictable_bytes: Option<u64>,
    /// Memory locked by mlock(2) (`Mlocked`).
    locked_bytes: Option<u64>,
    /// Process memory not backed by a file (`AnonPages`).
    anonymous_bytes: Option<u64>,
    /// Files mapped by processes (`Mapped`).
    mapped_bytes: Option<u64>,
    /// Data waiting to be written to disk (`Dirty`).
    dirty_bytes: Option<u64>,
    /// Data being written to disk (`Writeback`).
    writeback_bytes: Option<u64>,
    /// Kernel objects (`Slab`).
    slab_bytes: Option<u64>,
    /// Kernel objects that can be reclaimed (`SReclaimable`).
    slab_reclaimable_bytes: Option<u64>,
    /// Kernel objects that cannot be reclaimed (`SUnreclaim`).
    slab_unreclaimable_bytes: Option<u64>,
    /// Kernel stacks of threads (`KernelStack`).
    kernel_stack_bytes: Option<u64>,
    /// Page tables (`PageTables`).
    page_tables_bytes: Option<u64>,
    /// Per-processor data of the kernel (`Percpu`).
    percpu_bytes: Option<u64>,
    /// Memory retired after hardware errors (`HardwareCorrupted`).
    corrupted_bytes: Option<u64>,
    /// Memory that can be committed under strict accounting (`CommitLimit`).
    commit_limit_bytes: Option<u64>,
    /// Memory committed to processes (`Committed_AS`).
    committed_bytes: Option<u64>,
    /// Total swap (`SwapTotal`).
    swap_total_bytes: Option<u64>,
    /// Unused swap (`SwapFree`).
    swap_free_bytes: Option<u64>,
    /// Swap in use.
    swap_used_bytes: Option<u64>,
    /// Data that is both in memory and in swap (`SwapCached`).
    swap_cached_bytes: Option<u64>,
    /// Swap areas, in the order the kernel uses them.
    swaps: Vec<Swap>,
    /// Huge pages.
    hugepages: Hugepages,
    /// Pressure stall information; null if the kernel does not measure it.
    pressure: Option<Pressure>,
    /// The agent's cgroup; null if there is no memory cgroup, or no mount shows it.
    cgroup: Option<Cgroup>,
}

/// Huge pages: larger than the processor's base pages.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Hugepages {
    /// Bytes of one huge page of the default size (`Hugepagesize`).
    size_bytes: Option<u64>,
    /// Huge pages of the default size that are set aside (`HugePages_Total`).
    total: Option<u64>,
    /// Huge pages that are unused (`HugePages_Free`).
    free: Option<u64>,
    /// Unused huge pages that are promised (`HugePages_Rsvd`).
    reserved: Option<u64>,
    /// Huge pages beyond the configured number (`HugePages_Surp`).
    surplus: Option<u64>,
    /// Bytes set aside for huge pages of all sizes (`Hugetlb`).
    set_aside_bytes: Option<u64>,
    /// Process memory in transparent huge pages (`AnonHugePages`).
    anonymous_bytes: Option<u64>,
    /// When transparent huge pages are used: `always`, `madvise` or `never`.
    transparent: Option<String>,
}

impl Provider for Memory {
    fn describe() -> Meta {
        Meta::new(
            "getinfo.memory",
            env!("CARGO_PKG_VERSION"),
            "memory and swap: sizes and use, huge pages, pressure, the agent's limit",
        )
        .output_schema(include_str!("../schema.json"))
        .example("", "everything known of the memory, as one object")
    }

    fn call(args: &Args, _ctx: &Context) -> Result<Reply, ProviderError> {
        args.none()?;
        Reply::json(&Answer::read(Path::new("/")))
    }
}

impl Answer {
    fn read(root: &Path) -> Self {
        let text = |path: &str| file::text(&root.join(path));
        let meminfo = text("proc/meminfo").unwrap_or_default();
        let meminfo = Meminfo::parse(&meminfo);
        let get = |name: &str| meminfo.get(name);
        Self {
            total_bytes: get("MemTotal"),
            available_bytes: get("MemAvailable"),
            used_bytes: meminfo.used(),
            free_bytes: get("MemFree"),
            buffers_bytes: get("Buffers"),
            cached_bytes: get("Cached"),
            shared_bytes: get("Shmem"),
            active_bytes: get("Active"),
            inactive_bytes: get("Inactive"),
            unevictable_bytes: get("Unevictable"),
            locked_bytes: get("Mlocked"),
            anonymous_bytes: get("AnonPages"),
            mapped_bytes: get("Mapped"),
            dirty_bytes: get("Dirty"),
            writeback_bytes: get("Writeback"),
            slab_bytes: get("Slab"),
            slab_reclaimable_bytes: get("SReclaimable"),
            slab_unreclaimable_bytes: get("SUnreclaim"),
            kernel_stack_bytes: get("KernelStack"),
            page_tables_bytes: get("PageTables"),
            percpu_bytes: get("Percpu"),
            corrupted_bytes: get("HardwareCorrupted"),
            commit_limit_bytes: get("CommitLimit"),
            committed_bytes: get("Committed_AS"),
            swap_total_bytes: get("SwapTotal"),
            swap_free_bytes: get("SwapFree"),
            swap_used_bytes: get("SwapTotal")
                .zip(get("SwapFree"))
                .map(|(total, free)| total.saturating_sub(free)),
            swap_cached_bytes: get("SwapCached"),
            swaps: text("proc/swaps").map(|text| swaps::parse(&text)).unwrap_or_default(),
            hugepages: Hugepages {
                size_bytes: get("Hugepagesize"),
                total: get("HugePages_Total"),
                free: get("HugePages_Free"),
                reserved: get("HugePages_Rsvd"),
                surplus: get("HugePages_Surp"),
                set_aside_bytes: get("Hugetlb"),
                anonymous_bytes: get("AnonHugePages"),
                transparent: text("sys/kernel/mm/transparent_hugepage/enabled")
                    .and_then(|text| chosen(&text)),
            },
            pressure: text("proc/pressure/memory").map(|text| pressure::parse(&text)),
            cgroup: cgroup::read(root),
        }
    }
}

/// Returns the word in brackets of `always [madvise] never`.
fn chosen(text: &str) -> Option<String> {
    Some(text.split_once('[')?.1.split_once(']')?.0.to_owned())
}

export_provider!(Memory);

#[cfg(test)]
mod tests {
    use super::*;

    plugin_api::testing::schema_test!(Answer);

    #[test]
    fn a_system_without_proc_has_an_answer() {
        let answer = Answer::read(Path::new("/nonexistent"));
        assert!(
            answer.total_bytes.is_none() && answer.swaps.is_empty() && answer.pressure.is_none()
        );
    }

    #[test]
    fn the_choice_is_in_brackets() {
        assert_eq!(chosen("always [madvise] never\n").as_deref(), Some("madvise"));
        assert_eq!((chosen(""), chosen("always [x"), chosen("]a[")), (None, None, None));
    }
}
