//! `getinfo.mounts`: mounts, their options, and how full they are.
//!
//! The mounts are those of the agent's mount namespace: /proc/self/mountinfo. Root is not required,
//! but without it the usage of a mount that only root can reach is null. Network file systems are
//! queried only with `-n`: they may not reply. A mount that doesn't reply in time has null as its
//! usage, and the others are answered.

mod query;
mod selection;
mod usage;
mod visible;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use plugin_api::{Args, Context, Meta, Provider, ProviderError, Reply, export_provider};
use readers::mountinfo::{self, Line};
use readers::text;
use serde::Serialize;

use query::Key;
use selection::{OPTIONS, Selection};
use usage::Usage;
use visible::{MountTree, is_within};

struct Mounts;

/// How long file systems are waited for in all; at most half of the caller's deadline.
const USAGE_TIME: Duration = Duration::from_secs(1);
/// The most mounts in one answer: some 1,000 bytes each.
const MAX_ANSWERED: usize = 3000;

/// The answer. Field names are stable: fields may be added, none is renamed or removed.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Answer {
    /// The selected mounts, in the kernel's order.
    mounts: Vec<Mount>,
    /// The number of selected mounts; the list ends after 3,000.
    count: usize,
}

/// One mount.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Mount {
    /// The mount's id, which the kernel may reuse.
    id: u64,
    /// The id of the mount that it is mounted on.
    parent_id: u64,
    /// The path at which it is mounted.
    target: String,
    /// The mounted source: a device, a server's folder, or any name.
    source: String,
    /// The type of the file system, `ext4`.
    #[serde(rename = "type")]
    kind: String,
    /// The mounted folder of the file system; `/` except for bind mounts and subvolumes.
    root: String,
    /// Major and minor number of the device, `254:0`.
    device: String,
    /// Options of this mount.
    options: Vec<String>,
    /// Options of the file system, which all its mounts share.
    super_options: Vec<String>,
    /// Whether it is read-only, by either set of options.
    readonly: bool,
    /// The propagation: `private`, `shared`, `slave`, `slave,shared` or `unbindable`
    /// (mount_namespaces(7)).
    propagation: String,
    /// The peer group with which it shares mounts.
    peer_group: Option<u64>,
    /// The peer group from which it receives mounts.
    master_group: Option<u64>,
    /// Whether its path leads to it; false if another mount covers it.
    visible: bool,
    /// Whether it, or a mount above it, is on a network or served by a process (FUSE).
    remote: bool,
    /// How full it is. Null if it stores no files (proc), is not visible, cannot be reached, does
    /// not answer in time, is an autofs trigger, or is remote and `-n` was not given.
    usage: Option<Usage>,
}

impl Provider for Mounts {
    fn describe() -> Meta {
        Meta::new(
            "getinfo.mounts",
            env!("CARGO_PKG_VERSION"),
            "mounts, their options, and how full they are",
        )
        .options(&OPTIONS)
        .output_schema(include_str!("../schema.json"))
        .example("", "all mounts")
        .example("-p /", "the root file system")
        .example("-t ext4,xfs,btrfs", "file systems of these types")
    }

    fn call(args: &Args, ctx: &Context) -> Result<Reply, ProviderError> {
        let selection = OPTIONS.parse(args)?;
        let path = Path::new("/proc/self/mountinfo");
        let lines = mountinfo::read(path).map_err(|error| {
            let message = format!("cannot read {}: {error}; is /proc mounted?", path.display());
            ProviderError::new("no_proc", message)
        })?;
        let time = match ctx.deadline_ms {
            0 => USAGE_TIME,
            deadline => USAGE_TIME.min(Duration::from_millis(deadline / 2)),
        };
        Reply::json(&Answer::select(&lines, &selection, Instant::now() + time))
    }
}

impl Answer {
    fn select(lines: &[Line], selection: &Selection, deadline: Instant) -> Self {
        let mounts = MountTree::new(lines);
        let has_type =
            |line: &&Line| selection.types.is_empty() || selection.types.contains(&line.kind);
        let mut selected: Vec<&Line> = lines.iter().collect();
        if let Some(path) = &selection.path {
            selected.retain(|line| {
                is_within(path.as_bytes(), &line.mountpoint) && mounts.is_visible(line)
            });
            let longest = selected.iter().map(|line| line.mountpoint.len()).max().unwrap_or(0);
            selected.retain(|line| line.mountpoint.len() == longest);
        }
        selected.retain(has_type);
        let count = selected.len();
        selected.truncate(MAX_ANSWERED);
        let mut answered: Vec<Mount> =
            selected.iter().map(|line| Mount::new(line, &mounts)).collect();
        let may_ask = |mount: &Mount| {
            // Querying autofs would make it mount.
            mount.visible && mount.kind != "autofs" && (selection.with_slow || !mount.remote)
        };
        // What lies on another file system may lie on a slow one; which one, is often not to be
        // seen from here.
        let has_slow = lines.iter().any(|line| usage::is_slow(&line.kind));
        let key = |place: usize| {
            let line = selected[place];
            let apart = answered[place].remote || (has_slow && usage::is_layered(line));
            Key { id: line.id, path: OsStr::from_bytes(&line.mountpoint).into(), apart }
        };
        let asked: Vec<usize> =
            (0..answered.len()).filter(|place| may_ask(&answered[*place])).collect();
        let keys = asked.iter().map(|place| key(*place)).collect();
        for (place, usage) in asked.into_iter().zip(query::usages(keys, deadline)) {
            answered[place].usage = usage;
        }
        Self { mounts: answered, count }
    }
}

impl Mount {
    fn new(line: &Line, mounts: &MountTree<'_>) -> Self {
        let group = |name: &str| {
            line.tags.iter().find_map(|tag| tag.strip_prefix(name)?.parse::<u64>().ok())
        };
        let (peer_group, master_group) = (group("shared:"), group("master:"));
        let is_readonly = |options: &[String]| options.iter().any(|option| option == "ro");
        Self {
            id: line.id,
            parent_id: line.parent,
            target: text::lossy(line.mountpoint.clone()),
            source: text::lossy(line.source.clone()),
            kind: line.kind.clone(),
            root: text::lossy(line.root.clone()),
            device: line.device.clone(),
            options: line.options.clone(),
            super_options: line.super_options.clone(),
            readonly: is_readonly(&line.options) || is_readonly(&line.super_options),
            propagation: propagation(line, peer_group, master_group).to_owned(),
            peer_group,
            master_group,
            visible: mounts.is_visible(line),
            remote: mounts.leads_through(line, |line| usage::is_slow(&line.kind)),
            usage: None,
        }
    }
}

fn propagation(line: &Line, peer: Option<u64>, master: Option<u64>) -> &'static str {
    match (peer, master) {
        (Some(_), Some(_)) => "slave,shared",
        (Some(_), None) => "shared",
        (None, Some(_)) => "slave",
        (None, None) if line.tags.iter().any(|tag| tag == "unbindable") => "unbindable",
        (None, None) => "private",
    }
}

export_provider!(Mounts);

#[cfg(test)]
mod tests {
    use super::*;

    plugin_api::testing::schema_test!(Answer);

    #[test]
    fn propagation_and_read_only_mounts_are_recognized() {
        let lines = mountinfo::parse(
            b"1 0 8:1 / / ro shared:1 - ext4 a rw\n2 1 0:1 / /b rw shared:2 master:1 - nfs a ro\n\
              3 1 0:2 / /c rw master:3 propagate_from:1 - tmpfs a rw\n4 1 0:3 / /d rw unbindable - tmpfs a rw\n\
              5 1 0:4 / /e rw - autofs a rw\n",
        );
        let answer = Answer::select(&lines, &Selection::default(), Instant::now());
        let found: Vec<_> = answer
            .mounts
            .iter()
            .map(|mount| (mount.propagation.as_str(), mount.readonly))
            .collect();
        let want = [
            ("shared", true),
            ("slave,shared", true),
            ("slave", false),
            ("unbindable", false),
            ("private", false),
        ];
        assert_eq!(found, want);
        assert_eq!(
            (answer.mounts[1].peer_group, answer.mounts[1].master_group),
            (Some(2), Some(1))
        );
        // The deadline had passed before the first query.
        assert!(answer.mounts.iter().all(|mount| mount.usage.is_none()));
    }

    #[test]
    fn a_path_has_the_mount_that_contains_it() {
        let lines = mountinfo::parse(
            b"1 0 8:1 / / rw - ext4 a rw\n2 1 0:1 / /b rw - tmpfs a rw\n3 2 0:2 / /b rw - xfs a rw\n\
              4 1 0:3 / /bc rw - tmpfs a rw\n",
        );
        for (path, types, want) in [
            ("/", &[][..], &[1][..]),
            ("/b", &[], &[3]),
            ("/b/x/y", &[], &[3]),
            ("/bx", &[], &[1]),
            ("/bc/x", &["tmpfs"], &[4]),
            ("/b", &["tmpfs"], &[]),
        ] {
            let types = types.iter().map(ToString::to_string).collect();
            let selection = Selection { path: Some(path.to_owned()), types, with_slow: false };
            let answer = Answer::select(&lines, &selection, Instant::now());
            let ids: Vec<u64> = answer.mounts.iter().map(|mount| mount.id).collect();
            assert_eq!(ids, want, "{path}");
        }
    }
}
