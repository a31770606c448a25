//! `getinfo.services`: the services of this host, how they start, and whether they are running.
//!
//! Reads unit files and scripts, the links that enable them, and control groups; runs no program,
//! uses no bus and requires no root.

mod cgroup;
mod scripts;
mod service;
mod systemd;
mod unit;

use std::io;
use std::path::{Path, PathBuf};

use plugin_api::{
    Args, Context, Meta, Opt, Options, Provider, ProviderError, Reply, export_provider,
};
use readers::patience::{self, Watch};
use readers::root::Root;
use readers::systemd::{Units, is_unit, template_of};
use serde::Serialize;

use service::Service;

struct Services;

/// The most bytes of a process's name.
const MAX_NAME_BYTES: usize = 64;

/// The reply. Its field names are stable: fields may be added, but never change.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Answer {
    /// The service manager: `systemd`, `openrc`, `runit`, `sysv` or `other`; null with `-r`.
    manager: Option<&'static str>,
    /// The name of process 1; null with `-r`, or if /proc does not show it.
    init: Option<String>,
    /// systemd's target at boot, such as `multi-user.target`; null if it is not set.
    default_target: Option<String>,
    /// The services by name, systemd's first; with `-a`, units of all kinds.
    services: Vec<Service>,
    /// Files and folders without read permission, or whose file system does not answer.
    unreadable: Vec<String>,
    /// Whether there are more than 5,000 units or scripts; the rest is left out.
    truncated: bool,
}

/// A call's arguments.
#[derive(Default)]
struct Selection {
    all: bool,
    name: Option<String>,
    root: Option<PathBuf>,
}

const OPTIONS: Options<Selection> = Options::new(&[
    Opt::value(
        "-n NAME",
        "show this service only; the suffix .service is optional",
        |chosen, value| {
            chosen.name = Some(value.as_str().to_owned());
            Ok(())
        },
    ),
    Opt::flag("-a", "show systemd units of all kinds, not only services", |chosen| {
        chosen.all = true
    }),
    Opt::value(
        "-r ROOT",
        "read the system below this folder, such as a container image",
        |chosen, value| {
            chosen.root = Some(value.absolute_path()?.to_owned());
            Ok(())
        },
    ),
]);

impl Provider for Services {
    fn describe() -> Meta {
        Meta::new(
            "getinfo.services",
            env!("CARGO_PKG_VERSION"),
            "services: whether they are enabled, what they start, whether they are running",
        )
        .options(&OPTIONS)
        .output_schema(include_str!("../schema.json"))
        .example("", "all services")
        .example("-n ssh", "one service, if it exists")
    }

    fn call(args: &Args, ctx: &Context) -> Result<Reply, ProviderError> {
        let selection = OPTIONS.parse(args)?;
        let work = move |watch: &Watch| Answer::collect(&selection, watch);
        let unreadable = |error: io::Error| ProviderError::new("unreadable", error.to_string());
        let answer = patience::run(ctx.deadline_ms, work).and_then(|answer| answer);
        Reply::json(&answer.map_err(unreadable)?)
    }
}

impl Selection {
    /// Returns whether `name` is selected. An instance selects its template.
    fn is_named(&self, name: &str) -> bool {
        self.name.as_ref().is_none_or(|wanted| {
            let full = if is_unit(wanted) { wanted.clone() } else { format!("{wanted}.service") };
            name == wanted || name == full || template_of(&full).as_deref() == Some(name)
        })
    }
}

impl Answer {
    fn collect(selection: &Selection, watch: &Watch) -> io::Result<Self> {
        let root = Root::open(selection.root.as_deref().unwrap_or(Path::new("/")), watch)?;
        let manager = if root.is_host() { Some(manager()) } else { None };
        // Aliases are links beside the units, so all units must be read first.
        let units = Units::read(&root, &|name| {
            selection.all || name.ends_with(".service") || selection.name.is_some()
        });
        let is_named = |name: &String| selection.is_named(name);
        let files = units.files.iter();
        let files = files.filter(|unit| is_named(&unit.name) || unit.aliases.iter().any(is_named));
        let mut services = systemd::services(&root, &units, files);
        if manager == Some("systemd") {
            mark_running(&mut services);
        }
        let mut scripts = scripts::read(&root);
        scripts.services.retain(|script| {
            let unit = format!("{}.service", script.name);
            is_named(&script.name) && services.iter().all(|service| service.name != unit)
        });
        services.append(&mut scripts.services);
        let target = ["etc/systemd/system/default.target", "usr/lib/systemd/system/default.target"];
        let target = target.iter().find_map(|link| root.read_link(Path::new(link)).ok());
        let init = || root.text(Path::new("proc/1/comm"), MAX_NAME_BYTES).ok();
        let unreadable = units.unreadable.iter().chain(&scripts.unreadable);
        Ok(Self {
            manager,
            init: if root.is_host() { init() } else { None }.map(|name| name.trim_end().to_owned()),
            default_target: target
                .and_then(|link| Some(link.file_name()?.to_string_lossy().into_owned())),
            services,
            unreadable: unreadable
                .map(|path| root.shown(path).to_string_lossy().into_owned())
                .collect(),
            truncated: units.truncated || scripts.truncated,
        })
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

/// Identifies the service manager by its files in /run (sd_booted(3)).
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

export_provider!(Services);

#[cfg(test)]
plugin_api::testing::schema_test!(Answer);
