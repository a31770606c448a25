//! Process 1 and the kind of service manager it is.

use std::path::Path;

use readers::process;
use serde::Serialize;

/// The `init` object of the answer.
#[derive(Serialize, Debug, PartialEq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Init {
    /// The name of process 1 (/proc/1/comm), 15 bytes at most.
    pub(crate) process: Option<String>,
    /// The service manager: `systemd`, `openrc`, `runit`, `s6`, `dinit`, `upstart` or `sysvinit`;
    /// null if unknown, as in containers.
    pub(crate) manager: Option<&'static str>,
}

/// Examines the system whose root folder is `root`.
pub(crate) fn read(root: &Path) -> Init {
    let process = process::name(&root.join("proc/1")).filter(|name| !name.is_empty());
    let by_folder = [("run/systemd/system", "systemd"), ("run/openrc", "openrc"), ("run/s6", "s6")];
    let manager = match process.as_deref() {
        Some("systemd") => Some("systemd"),
        Some("runit") => Some("runit"),
        Some("s6-svscan") => Some("s6"),
        Some("dinit") => Some("dinit"),
        Some("upstart") => Some("upstart"),
        // The others share the name `init`; sd_booted(3) and the like check for a folder.
        Some("openrc-init" | "init") => by_folder
            .iter()
            .find(|(path, _)| root.join(path).exists())
            .map(|(_, manager)| *manager)
            .or_else(|| root.join("etc/inittab").exists().then_some("sysvinit")),
        _ => None,
    };
    Init { process, manager }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use test_support::Scratch;

    #[test]
    fn process_1_and_its_folder_identify_the_manager() {
        for (comm, folder, manager) in [
            ("systemd\n", "etc", Some("systemd")),
            ("init\n", "run/systemd/system", Some("systemd")),
            ("init\n", "run/openrc", Some("openrc")),
            ("init\n", "etc/inittab", Some("sysvinit")),
            ("init\n", "etc", None),
            ("runit\n", "etc", Some("runit")),
            ("bash\n", "run/systemd/system", None),
            ("", "etc", None),
        ] {
            let root = Scratch::new("getinfo-os-init");
            root.write("proc/1/comm", comm);
            fs::create_dir_all(root.file(folder)).unwrap();
            assert_eq!(read(root.path()).manager, manager, "{comm:?} {folder}");
        }
    }
}
