//! `getinfo.services`: the services of this host, how they are started, and whether they run.
//!
//! Everything comes from unit files and scripts, from the links that enable them, and from control groups; nothing is
//! run, no bus is asked and no root is needed.

mod cgroup;
mod scripts;
mod service;
mod systemd;
mod unit;

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use plugin_api::{Args, Context, Meta, Opt, Options, Provider, ProviderError, Reply, export_provider};
use serde::Serialize;

use service::Service;
use unit::template_of;

struct Services;

/// What is read of one file.
const MAX_FILE_BYTES: u64 = 256 << 10;

/// The answer. Its field names are stable: new ones may join, none changes.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Answer {
    /// Who starts services: `systemd`, `openrc`, `runit`, `sysv` or `other`; null with `-r`, where nothing runs.
    manager: Option<&'static str>,
    /// The name of the first process; null with `-r`, or where /proc does not say.
    init: Option<String>,
    /// What systemd starts at boot, such as `multi-user.target`; null where that is not set.
    default_target: Option<String>,
    /// Services by name, systemd's first; with `-a` units of all kinds.
    services: Vec<Service>,
}

/// A call's arguments.
#[derive(Default)]
struct Selection {
    all: bool,
    name: Option<String>,
    root: Option<PathBuf>,
}

const OPTIONS: Options<Selection> = Options::new(&[
    Opt::value("-n NAME", "show this one only; .service can be left out", |chosen, value| {
        chosen.name = Some(value.as_str().to_owned());
        Ok(())
    }),
    Opt::flag("-a", "show systemd units of all kinds, not only services", |chosen| chosen.all = true),
    Opt::value("-r ROOT", "read the system below this folder, such as a container image", |chosen, value| {
        chosen.root = Some(value.absolute_path()?.to_owned());
        Ok(())
    }),
]);

impl Provider for Services {
    fn describe() -> Meta {
        Meta::new(
            "getinfo.services",
            env!("CARGO_PKG_VERSION"),
            "services: enabled or not, what they start, running or not",
        )
        .options(&OPTIONS)
        .output_schema(include_str!("../schema.json"))
        .example("", "all services")
        .example("-n ssh", "one service, if it is there")
    }

    fn call(args: &Args, _ctx: &Context) -> Result<Reply, ProviderError> {
        Reply::json(&Answer::collect(&OPTIONS.parse(args)?))
    }
}

impl Selection {
    /// Of a name with an instance, its template is meant.
    fn is_named(&self, name: &str) -> bool {
        self.name.as_ref().is_none_or(|wanted| {
            let full = if systemd::is_unit(wanted) { wanted.clone() } else { format!("{wanted}.service") };
            name == wanted || name == full || template_of(&full).as_deref() == Some(name)
        })
    }
}

impl Answer {
    fn collect(selection: &Selection) -> Self {
        let root = selection.root.as_deref().unwrap_or(Path::new("/"));
        let is_host = root == Path::new("/");
        let manager = if is_host { Some(manager()) } else { None };
        // Aliases are links beside the units, so all have to be seen first.
        let mut services = systemd::read(root, &|name| {
            selection.all || name.ends_with(".service") || selection.name.is_some()
        });
        services.retain(|unit| {
            selection.is_named(&unit.name) || unit.aliases.iter().any(|alias| selection.is_named(alias))
        });
        if manager == Some("systemd") {
            mark_running(&mut services);
        }
        let units: Vec<String> = services.iter().map(|unit| unit.name.clone()).collect();
        let mut scripts = scripts::read(root);
        scripts.retain(|script| {
            selection.is_named(&script.name) && !units.contains(&format!("{}.service", script.name))
        });
        services.append(&mut scripts);
        let target = ["etc/systemd/system/default.target", "usr/lib/systemd/system/default.target"];
        let target = target.iter().find_map(|link| fs::read_link(root.join(link)).ok());
        Self {
            manager,
            init: if is_host {
                read_bounded(Path::new("/proc/1/comm")).ok().map(|name| name.trim_end().to_owned())
            } else {
                None
            },
            default_target: target.and_then(|link| Some(link.file_name()?.to_string_lossy().into_owned())),
            services,
        }
    }
}

fn mark_running(services: &mut [Service]) {
    let Some(running) = cgroup::read() else { return };
    for service in services {
        let names = |name: &str| {
            name == service.name
                || template_of(name).as_deref() == Some(&service.name)
                || service.aliases.iter().any(|alias| alias == name)
        };
        service.pids = running
            .iter()
            .filter(|(name, _)| names(name))
            .flat_map(|(_, pids)| pids.iter().copied())
            .collect();
        service.running = Some(!service.pids.is_empty());
    }
}

/// By what each leaves in /run (sd_booted(3)).
fn manager() -> &'static str {
    let exists = |path: &str| Path::new(path).exists();
    if exists("/run/systemd/system") {
        "systemd"
    } else if exists("/run/openrc") {
        "openrc"
    } else if exists("/run/runit") {
        "runit"
    } else if exists("/run/initctl") || exists("/dev/initctl") {
        "sysv"
    } else {
        "other"
    }
}

/// A text; not valid UTF-8 is shown with replacement characters.
fn read_bounded(path: &Path) -> io::Result<String> {
    // Below a foreign root anything may stand; a pipe would be waited for.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_FILE_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

export_provider!(Services);

#[cfg(test)]
mod tests {
    #[test]
    fn the_schema_is_that_of_the_answer() {
        plugin_api::testing::assert_schema::<super::Answer>(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/schema.json"
        ));
    }
}
