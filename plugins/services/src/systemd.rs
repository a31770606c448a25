//! systemd's units and their states, by the rules of `systemctl list-unit-files` (systemd.unit(5),
//! systemctl(1), unit_file_lookup_state in systemd's src/shared/install.c).

use readers::root::Root;
use readers::systemd::{UnitFile, Units, template_of};

use crate::service::Service;
use crate::unit::Unit;

/// The folders that `systemctl enable` writes to: permanently, and until the next boot.
const PERSISTENT: &str = "etc/systemd/system";
const RUNTIME: &str = "run/systemd/system";

/// Which of the folders have links that enable a unit.
#[derive(Default)]
struct Enabled {
    persistent: bool,
    runtime: bool,
}

impl Enabled {
    fn add(&mut self, folder: &str) {
        self.persistent |= folder == PERSISTENT;
        self.runtime |= folder == RUNTIME;
    }
}

/// Returns the services, or other units, of these files.
pub(crate) fn services<'a>(
    root: &Root,
    units: &Units,
    files: impl Iterator<Item = &'a UnitFile>,
) -> Vec<Service> {
    files.map(|file| service(root, units, file)).collect()
}

fn service(root: &Root, units: &Units, file: &UnitFile) -> Service {
    let name = file.name.as_str();
    let mut unit = Unit::default();
    let text = file.text(root);
    let masked = text.as_ref().is_ok_and(String::is_empty);
    let error = text.as_ref().err().map(ToString::to_string);
    unit.read(&text.unwrap_or_default());
    let drop_ins = units.drop_ins(root, name, &file.aliases);
    for path in &drop_ins {
        unit.read(&Units::drop_in_text(root, path));
    }
    let state = if masked {
        if file.folder.starts_with("run/") { "masked-runtime" } else { "masked" }
    } else if error.is_some() {
        "bad"
    } else {
        state(units, file, &unit)
    };
    let mut instances: Vec<String> = enabling(units).map(|(name, _)| name.to_owned()).collect();
    instances.retain(|link| template_of(link).as_deref() == Some(name));
    instances.sort_unstable();
    instances.dedup();
    Service {
        name: name.to_owned(),
        manager: "systemd",
        path: root.shown(&file.path).to_string_lossy().into_owned(),
        enabled: matches!(state, "enabled" | "enabled-runtime"),
        state,
        aliases: file.aliases.clone(),
        instances,
        user: unit.user(name),
        description: unit.description,
        service_type: unit.kind,
        exec_start: unit.exec_start,
        drop_ins: drop_ins
            .iter()
            .map(|path| root.shown(path).to_string_lossy().into_owned())
            .collect(),
        running: None,
        pids: Vec::new(),
        error,
    }
}

/// Returns the links that `systemctl enable` made, and their folders.
fn enabling(units: &Units) -> impl Iterator<Item = (&str, &'static str)> {
    let links = units.links.iter().map(|link| (link.name.as_str(), link.folder));
    links.filter(|(_, folder)| [PERSISTENT, RUNTIME].contains(folder))
}

/// Returns the state in systemctl's words.
fn state(units: &Units, file: &UnitFile, unit: &Unit) -> &'static str {
    match file.folder {
        "run/systemd/transient" => return "transient",
        "run/systemd/generator" | "run/systemd/generator.early" | "run/systemd/generator.late" => {
            return "generated";
        }
        _ => {}
    }
    // Enabling creates links with the unit's name (for a template, its default instance) and its
    // aliases.
    let name = file.name.as_str();
    let default = unit
        .default_instance
        .as_ref()
        .map(|instance| name.replacen('@', &format!("@{instance}"), 1));
    let own = default.filter(|_| name.contains("@.")).unwrap_or_else(|| name.to_owned());
    let mut enabled = Enabled::default();
    let mut other = false;
    for (link, folder) in enabling(units) {
        if link == own || link == name {
            enabled.add(folder);
        }
        other |= template_of(link).as_deref() == Some(name);
    }
    for (alias, _, folder) in units.aliases.iter().filter(|(_, of, _)| of == name) {
        if unit.aliases.contains(alias) {
            enabled.add(folder);
        }
        other |= [PERSISTENT, RUNTIME].contains(folder);
    }
    match (&file.target, enabled) {
        (_, Enabled { persistent: true, .. }) => "enabled",
        (_, Enabled { runtime: true, .. }) => "enabled-runtime",
        (Some(_), _) if file.folder == PERSISTENT => "linked",
        (Some(_), _) if file.folder == RUNTIME => "linked-runtime",
        _ if other => "indirect",
        _ if !unit.wanted_by.is_empty() || !unit.aliases.is_empty() => "disabled",
        _ if unit.has_also => "indirect",
        _ => "static",
    }
}
