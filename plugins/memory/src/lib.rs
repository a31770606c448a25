//! `getinfo.memory`: how much memory and swap there is, what it is used for, how long tasks waited for it, and what
//! bounds the agent's own.
//!
//! Everything comes from /proc and the control group's files; no root is needed. Takes no arguments. What the kernel
//! does not say is null.

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

/// The answer. Its field names are stable: new ones may join, none changes. The names in parentheses are those of
/// /proc/meminfo, of which proc(5) says what they count.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Answer {
    /// What the kernel manages (`MemTotal`): what is installed, less what the firmware and the kernel's code take.
    total_bytes: Option<u64>,
    /// What can be had without swapping, as the kernel estimates it (`MemAvailable`).
    available_bytes: Option<u64>,
    /// What is not available, as free(1) counts it.
    used_bytes: Option<u64>,
    /// What nothing uses (`MemFree`).
    free_bytes: Option<u64>,
    /// Caches of block devices (`Buffers`).
    buffers_bytes: Option<u64>,
    /// Caches of files, shared memory included (`Cached`).
    cached_bytes: Option<u64>,
    /// Shared memory and tmpfs (`Shmem`).
    shared_bytes: Option<u64>,
    /// Used lately (`Active`).
    active_bytes: Option<u64>,
    /// Not used lately, taken first (`Inactive`).
    inactive_bytes: Option<u64>,
    /// What can't be taken away (`Unevictable`).
    unevictable_bytes: Option<u64>,
    /// Locked by mlock(2) (`Mlocked`).
    locked_bytes: Option<u64>,
    /// Of processes, without a file behind it (`AnonPages`).
    anonymous_bytes: Option<u64>,
    /// Files mapped by processes (`Mapped`).
    mapped_bytes: Option<u64>,
    /// To be written to disks (`Dirty`).
    dirty_bytes: Option<u64>,
    /// Being written to disks (`Writeback`).
    writeback_bytes: Option<u64>,
    /// The kernel's own objects (`Slab`).
    slab_bytes: Option<u64>,
    /// The part of them that can be given back (`SReclaimable`).
    slab_reclaimable_bytes: Option<u64>,
    /// The part that can't (`SUnreclaim`).
    slab_unreclaimable_bytes: Option<u64>,
    /// Stacks of threads within the kernel (`KernelStack`).
    kernel_stack_bytes: Option<u64>,
    /// Page tables (`PageTables`).
    page_tables_bytes: Option<u64>,
    /// The kernel's data of each processor (`Percpu`).
    percpu_bytes: Option<u64>,
    /// Taken out of use after hardware errors (`HardwareCorrupted`).
    corrupted_bytes: Option<u64>,
    /// What may be promised under strict accounting (`CommitLimit`).
    commit_limit_bytes: Option<u64>,
    /// What has been promised to processes (`Committed_AS`).
    committed_bytes: Option<u64>,
    /// Swap there is (`SwapTotal`).
    swap_total_bytes: Option<u64>,
    /// Swap nothing uses (`SwapFree`).
    swap_free_bytes: Option<u64>,
    /// Swap in use.
    swap_used_bytes: Option<u64>,
    /// In memory and in swap at once (`SwapCached`).
    swap_cached_bytes: Option<u64>,
    /// Swap areas, in the order of their use.
    swaps: Vec<Swap>,
    /// Huge pages.
    hugepages: Hugepages,
    /// Waiting for memory; null where the kernel does not measure it.
    pressure: Option<Pressure>,
    /// The control group of the agent; null where memory has none.
    cgroup: Option<Cgroup>,
}

/// Pages larger than the processor's usual ones.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Hugepages {
    /// Bytes of one of the default size (`Hugepagesize`).
    size_bytes: Option<u64>,
    /// How many of the default size are set aside (`HugePages_Total`).
    total: Option<u64>,
    /// How many of them nothing uses (`HugePages_Free`).
    free: Option<u64>,
    /// How many of the free ones are promised (`HugePages_Rsvd`).
    reserved: Option<u64>,
    /// How many there are beyond the number that was set (`HugePages_Surp`).
    surplus: Option<u64>,
    /// Bytes set aside in all sizes (`Hugetlb`).
    set_aside_bytes: Option<u64>,
    /// Bytes of processes that are in transparent huge pages (`AnonHugePages`).
    anonymous_bytes: Option<u64>,
    /// Who gets transparent ones: `always`, `madvise` or `never`.
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

/// `always [madvise] never`: the word in brackets.
fn chosen(text: &str) -> Option<String> {
    Some(text.split_once('[')?.1.split_once(']')?.0.to_owned())
}

export_provider!(Memory);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_is_that_of_the_answer() {
        plugin_api::testing::assert_schema::<Answer>(concat!(env!("CARGO_MANIFEST_DIR"), "/schema.json"));
    }

    #[test]
    fn a_system_without_proc_has_an_answer() {
        let answer = Answer::read(Path::new("/nonexistent"));
        assert!(answer.total_bytes.is_none() && answer.swaps.is_empty() && answer.pressure.is_none());
    }

    #[test]
    fn the_choice_stands_in_brackets() {
        assert_eq!(chosen("always [madvise] never\n").as_deref(), Some("madvise"));
        assert_eq!((chosen(""), chosen("always [x"), chosen("]a[")), (None, None, None));
    }
}
