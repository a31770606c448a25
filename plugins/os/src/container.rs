//! Detects a container and its manager by what managers leave behind, in the order of
//! systemd-detect-virt(1).

use std::path::Path;

use readers::{file, regular};
use serde::Serialize;

/// The `container` object of the answer.
#[derive(Serialize, Debug, PartialEq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Container {
    /// The manager: `none`, `docker`, `podman`, `lxc`, `systemd-nspawn`, `containerd`, `cri-o`,
    /// `openvz`, `wsl`, or another manager's own name.
    pub(crate) kind: String,
    /// Whether it belongs to a Kubernetes pod.
    pub(crate) kubernetes: bool,
    /// The file that identified the manager; null for `none`.
    pub(crate) found_by: Option<String>,
}

/// The most that is read of the environment of process 1.
const MAX_ENVIRON_BYTES: usize = 64 << 10;

/// Parts of cgroup paths and of a root overlay that identify a manager.
const PATHS: [(&str, &str); 12] = [
    ("/docker/", "docker"),
    ("/docker-", "docker"),
    ("/lib/docker/", "docker"),
    ("libpod", "podman"),
    ("/crio-", "cri-o"),
    ("/cri-containerd", "containerd"),
    ("/containerd/", "containerd"),
    ("/containers/storage/", "podman"),
    ("/lxc/", "lxc"),
    ("/lxc.payload", "lxc"),
    ("/machine.slice/machine-", "systemd-nspawn"),
    ("/garden/", "garden"),
];

/// Examines the system whose root folder is `root`.
pub(crate) fn read(root: &Path) -> Container {
    let (kind, found_by) = match manager(root) {
        Some((kind, path)) => (kind, Some(format!("/{path}"))),
        None => ("none".to_owned(), None),
    };
    Container { kind, kubernetes: is_pod(root), found_by }
}

fn manager(root: &Path) -> Option<(String, &'static str)> {
    if root.join("proc/vz").exists() && !root.join("proc/bc").exists() {
        return Some(("openvz".to_owned(), "proc/vz"));
    }
    let release = "proc/sys/kernel/osrelease";
    if file::line(&root.join(release))
        .is_some_and(|text| text.contains("Microsoft") || text.contains("WSL"))
    {
        return Some(("wsl".to_owned(), release));
    }
    // systemd writes these, and managers that follow its container interface.
    for path in ["run/host/container-manager", "run/systemd/container"] {
        if let Some(name) = file::line(&root.join(path)) {
            return Some((name, path));
        }
    }
    if let Some(name) = file::bytes(&root.join("proc/1/environ"), MAX_ENVIRON_BYTES)
        .ok()
        .and_then(|environ| container_variable(&environ))
    {
        return Some((name, "proc/1/environ"));
    }
    for (path, kind) in [("run/.containerenv", "podman"), (".dockerenv", "docker")] {
        if root.join(path).exists() {
            return Some((kind.to_owned(), path));
        }
    }
    for path in ["proc/1/cgroup", "proc/self/cgroup"] {
        if let Some(kind) = file::text(&root.join(path)).as_deref().and_then(named) {
            return Some((kind.to_owned(), path));
        }
    }
    // A cgroup namespace hides the path; the layers of the root folder still show it.
    let path = "proc/self/mountinfo";
    let mounts = file::text(&root.join(path))?;
    let overlay =
        mounts.lines().find(|line| line.contains(" / / ") && line.contains(" - overlay "))?;
    Some((named(overlay)?.to_owned(), path))
}

/// Returns `container=` of process 1.
fn container_variable(environ: &[u8]) -> Option<String> {
    let value = environ
        .split(|byte| *byte == 0)
        .find_map(|variable| variable.strip_prefix(b"container="))?;
    (!value.is_empty()).then(|| String::from_utf8_lossy(value).into_owned())
}

fn named(text: &str) -> Option<&'static str> {
    PATHS.iter().find(|(part, _)| text.contains(part)).map(|(_, kind)| *kind)
}

/// Returns whether the kubelet left its files, which it does in almost every container.
fn is_pod(root: &Path) -> bool {
    ["run/secrets/kubernetes.io", "var/run/secrets/kubernetes.io"]
        .iter()
        .any(|path| root.join(path).exists())
        || regular::text(&root.join("etc/hosts"), MAX_ENVIRON_BYTES)
            .is_ok_and(|text| text.starts_with("# Kubernetes-managed"))
        || file::text(&root.join("proc/1/cgroup")).is_some_and(|text| text.contains("/kubepods"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use test_support::Scratch;

    #[test]
    fn leftovers_identify_the_container_manager() {
        let nspawn = "0::/machine.slice/machine-qemu.scope\n";
        let overlay =
            "1 0 0:9 / / rw - overlay overlay rw,upperdir=/var/lib/containerd/io/1/fs,workdir=/w\n";
        for (path, content, kind, kubernetes) in [
            ("etc/nothing", "", "none", false),
            (".dockerenv", "", "docker", false),
            ("run/.containerenv", "engine=\"podman\"\n", "podman", false),
            ("run/systemd/container", "lxc\n", "lxc", false),
            ("run/host/container-manager", "systemd-nspawn\n", "systemd-nspawn", false),
            ("proc/1/environ", "A=b\0container=lxc-libvirt\0C=d\0", "lxc-libvirt", false),
            ("proc/1/environ", "A=b\0notcontainer=x\0container=\0", "none", false),
            ("proc/1/cgroup", "12:pids:/docker/0123abc\n0::/docker/0123abc\n", "docker", false),
            (
                "proc/1/cgroup",
                "0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-1.scope\n",
                "containerd",
                true,
            ),
            ("proc/self/cgroup", nspawn, "systemd-nspawn", false),
            ("proc/self/cgroup", "0::/system.slice/docker.service\n", "none", false),
            ("proc/self/mountinfo", overlay, "containerd", false),
            ("proc/sys/kernel/osrelease", "5.15.90.1-microsoft-standard-WSL2\n", "wsl", false),
            ("etc/hosts", "# Kubernetes-managed hosts file.\n", "none", true),
            ("proc/1/environ", "container=\u{fffd}\n\0", "\u{fffd}\n", false),
        ] {
            let root = Scratch::new("getinfo-os-container");
            root.write(path, content);
            let found = read(root.path());
            assert_eq!(
                (found.kind.as_str(), found.kubernetes),
                (kind, kubernetes),
                "{path} {content:?}"
            );
            assert_eq!(found.found_by.is_none(), kind == "none");
        }
    }
}
