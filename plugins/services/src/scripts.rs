//! Services of other managers: scripts of System V and OpenRC in /etc/init.d, and folders of runit.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use readers::folder;

use crate::read_bounded;
use crate::service::Service;

/// Scripts that are not services (Debian's /etc/init.d).
const NO_SERVICES: [&str; 5] = ["README", "skeleton", "rc", "rcS", "functions"];
/// The most entries read from one folder.
const MAX_ENTRIES: usize = 5000;
/// The run levels of normal operation.
const RUNLEVELS: [&str; 5] = ["etc/rcS.d", "etc/rc2.d", "etc/rc3.d", "etc/rc4.d", "etc/rc5.d"];

/// Returns all services below a root, by name.
pub(crate) fn read(root: &Path) -> Vec<Service> {
    let mut services = Vec::new();
    let openrc = folder::names(&root.join("etc/runlevels"), MAX_ENTRIES);
    for name in folder::names(&root.join("etc/init.d"), MAX_ENTRIES) {
        let path = root.join("etc/init.d").join(&name);
        let runs = fs::metadata(&path)
            .is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0);
        if !runs || NO_SERVICES.contains(&name.as_str()) || name.ends_with(".sh") {
            continue;
        }
        let text = read_bounded(&path).unwrap_or_default();
        let (manager, enabled) = if text.starts_with("#!/sbin/openrc-run") {
            (
                "openrc",
                openrc
                    .iter()
                    .any(|level| root.join("etc/runlevels").join(level).join(&name).exists()),
            )
        } else {
            ("sysv", is_started(root, &name))
        };
        services.push(service(name, manager, &path, enabled, description(&text)));
    }
    for name in folder::names(&root.join("etc/sv"), MAX_ENTRIES) {
        let path = root.join("etc/sv").join(&name);
        let enabled = ["etc/service", "var/service", "etc/runit/runsvdir/default"]
            .iter()
            .any(|folder| root.join(folder).join(&name).exists());
        services.push(service(name, "runit", &path, enabled, None));
    }
    services
}

/// Returns whether a run level has a link such as `S20name`.
fn is_started(root: &Path, name: &str) -> bool {
    RUNLEVELS.iter().any(|level| {
        folder::names(&root.join(level), MAX_ENTRIES).iter().any(|link| {
            link.strip_prefix('S')
                .is_some_and(|link| link.trim_start_matches(|c: char| c.is_ascii_digit()) == name)
        })
    })
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
