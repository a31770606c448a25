//! Services of other managers: scripts of System V and OpenRC in /etc/init.d, and folders of runit.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use readers::patience::is_unreadable;
use readers::root::Root;

use crate::service::Service;

/// Scripts that are not services (Debian's /etc/init.d).
const NO_SERVICES: [&str; 5] = ["README", "skeleton", "rc", "rcS", "functions"];
/// The most entries read from one folder.
const MAX_ENTRIES: usize = 5000;
/// The most bytes read from one script.
const MAX_SCRIPT_BYTES: usize = 256 << 10;
/// The run levels of normal operation.
const RUNLEVELS: [&str; 5] = ["etc/rcS.d", "etc/rc2.d", "etc/rc3.d", "etc/rc4.d", "etc/rc5.d"];
/// The folders of the services that runit runs.
const RUNIT: [&str; 3] = ["etc/service", "var/service", "etc/runit/runsvdir/default"];

/// The services of scripts.
#[derive(Default)]
pub(crate) struct Scripts {
    /// All services below a root, by name.
    pub(crate) services: Vec<Service>,
    /// Folders, relative to the root, that can't be read.
    pub(crate) unreadable: Vec<PathBuf>,
    /// Whether a folder has more entries than are read.
    pub(crate) truncated: bool,
}

/// Reads all services below a root.
pub(crate) fn read(root: &Root) -> Scripts {
    let mut scripts = Scripts::default();
    let levels = scripts.names(root, "etc/runlevels");
    let started: Vec<String> =
        RUNLEVELS.iter().flat_map(|level| scripts.names(root, level)).collect();
    for name in scripts.names(root, "etc/init.d") {
        let path = Path::new("etc/init.d").join(&name);
        let runs = root
            .metadata(&path)
            .is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0);
        if !runs || NO_SERVICES.contains(&name.as_str()) || name.ends_with(".sh") {
            continue;
        }
        let text = root.text(&path, MAX_SCRIPT_BYTES).unwrap_or_default();
        let (manager, enabled) = if text.starts_with("#!/sbin/openrc-run") {
            let folder = Path::new("etc/runlevels");
            let has_link =
                |level: &String| root.symlink_metadata(&folder.join(level).join(&name)).is_ok();
            ("openrc", levels.iter().any(has_link))
        } else {
            ("sysv", started.iter().any(|link| is_start(link, &name)))
        };
        let path = root.shown(&path);
        scripts.services.push(service(name, manager, &path, enabled, description(&text)));
    }
    for name in scripts.names(root, "etc/sv") {
        let path = root.shown(&Path::new("etc/sv").join(&name));
        let has_link =
            |folder: &&str| root.symlink_metadata(&Path::new(folder).join(&name)).is_ok();
        let enabled = RUNIT.iter().any(has_link);
        scripts.services.push(service(name, "runit", &path, enabled, None));
    }
    scripts
}

impl Scripts {
    fn names(&mut self, root: &Root, folder: &str) -> Vec<String> {
        let names = root.names(Path::new(folder), MAX_ENTRIES + 1);
        let mut names = names.unwrap_or_else(|error| {
            if is_unreadable(&error) {
                self.unreadable.push(folder.into());
            }
            Vec::new()
        });
        self.truncated |= names.len() > MAX_ENTRIES;
        names.truncate(MAX_ENTRIES);
        names
    }
}

/// Returns whether a run level's link, such as `S20name`, starts a script.
fn is_start(link: &str, name: &str) -> bool {
    link.strip_prefix('S')
        .is_some_and(|link| link.trim_start_matches(|c: char| c.is_ascii_digit()) == name)
}

/// Returns the description: `# Short-Description:` of LSB, `description=` of OpenRC, `#
/// description:` of chkconfig.
fn description(text: &str) -> Option<String> {
    let value = |prefix: &str| text.lines().find_map(|line| line.trim().strip_prefix(prefix));
    let found = value("# Short-Description:")
        .or_else(|| value("description="))
        .or_else(|| value("# description:"))?;
    Some(found.trim().trim_matches('"').trim_end_matches('\\').trim_end().to_owned())
}

fn service(
    name: String,
    manager: &'static str,
    path: &Path,
    enabled: bool,
    description: Option<String>,
) -> Service {
    Service {
        name,
        manager,
        path: path.to_string_lossy().into_owned(),
        enabled,
        state: if enabled { "enabled" } else { "disabled" },
        aliases: Vec::new(),
        instances: Vec::new(),
        description,
        service_type: None,
        exec_start: Vec::new(),
        user: None,
        drop_ins: Vec::new(),
        running: None,
        pids: Vec::new(),
        error: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_of_each_kind_are_found() {
        for (text, want) in [
            (
                "#!/bin/sh\n### BEGIN INIT INFO\n# Short-Description: OpenBSD server\n",
                Some("OpenBSD server"),
            ),
            ("#!/sbin/openrc-run\ndescription=\"Runs it\"\n", Some("Runs it")),
            ("# chkconfig: 2345 90 10\n# description: Does \\\n#  more\n", Some("Does")),
            ("#!/bin/sh\n", None),
        ] {
            assert_eq!(description(text).as_deref(), want);
        }
    }
}
