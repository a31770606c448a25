//! Finds the services with processes: systemd creates a control group with the name of each service
//! (systemd's CGROUP_DELEGATION.md). A request to systemd itself would use its bus, which may
//! reject a plugin that runs as nobody.

use std::fs;
use std::path::Path;

use readers::regular;

/// The mount points of the hierarchy with systemd's names: unified, hybrid, legacy.
const MOUNTS: [&str; 3] = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd"];
/// The most levels of slices, and of groups that a service creates for itself.
const MAX_DEPTH: usize = 8;
/// The most bytes read of a group's list of processes.
const MAX_LIST_BYTES: usize = 256 << 10;

/// Returns each running service and its processes; `None` if there is no such hierarchy.
pub(crate) fn read() -> Option<Vec<(String, Vec<u32>)>> {
    MOUNTS.iter().map(Path::new).find(|mount| mount.join("system.slice").is_dir()).map(read_below)
}

fn read_below(mount: &Path) -> Vec<(String, Vec<u32>)> {
    let mut services = Vec::new();
    walk(mount, MAX_DEPTH, &mut services);
    services
}

fn walk(folder: &Path, depth: usize, services: &mut Vec<(String, Vec<u32>)>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(name) = entry.file_name().into_string() else { continue };
        // The services of users do not belong to the system.
        if depth == 0 || name == "user.slice" {
            continue;
        }
        if name.ends_with(".slice") {
            walk(&entry.path(), depth - 1, services);
        } else if let Some((_, "service" | "socket" | "mount" | "swap" | "scope")) =
            name.rsplit_once('.')
        {
            let mut pids = Vec::new();
            processes(&entry.path(), depth, &mut pids);
            if !pids.is_empty() {
                services.push((name, pids));
            }
        }
    }
}

/// Adds the processes of a group, or of the groups within it.
fn processes(group: &Path, depth: usize, pids: &mut Vec<u32>) {
    let text = regular::text(&group.join("cgroup.procs"), MAX_LIST_BYTES).unwrap_or_default();
    pids.extend(text.lines().filter_map(|pid| pid.parse::<u32>().ok()));
    if depth > 0 && pids.is_empty() {
        for entry in fs::read_dir(group).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                processes(&entry.path(), depth - 1, pids);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The groups of systemd 252.
    #[test]
    fn services_in_slices_are_found() {
        let mount =
            std::env::temp_dir().join(format!("getinfo-services-cgroup-{}", std::process::id()));
        for (group, pids) in [
            ("init.scope", "1\n"),
            ("system.slice", ""),
            ("system.slice/ssh.service", "12\n7\n"),
            ("system.slice/ended.service", ""),
            ("system.slice/system-getty.slice/getty@tty1.service", "99\n"),
            ("system.slice/docker.service", ""),
            ("system.slice/docker.service/inner/more", "500\n"),
            ("user.slice/user-0.slice/user@0.service", "600\n"),
            ("dev.slice/odd.service", "none\n"),
        ] {
            fs::create_dir_all(mount.join(group)).unwrap();
            fs::write(mount.join(group).join("cgroup.procs"), pids).unwrap();
        }
        let mut found = read_below(&mount);
        found.sort_unstable();
        fs::remove_dir_all(&mount).unwrap();
        let found: Vec<(&str, &[u32])> =
            found.iter().map(|(name, pids)| (name.as_str(), pids.as_slice())).collect();
        assert_eq!(
            found,
            [
                ("docker.service", &[500][..]),
                ("getty@tty1.service", &[99]),
                ("init.scope", &[1]),
                ("ssh.service", &[12, 7])
            ]
        );
    }
}
