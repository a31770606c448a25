//! systemd's timers, from their unit files (systemd.timer(5)).

use std::fs;
use std::path::{Path, PathBuf};

use crate::{Entry, Kind, names, read_bounded};

/// The folders of units; the first that has a unit wins.
const FOLDERS: [&str; 7] = [
    "etc/systemd/system",
    "run/systemd/system",
    "run/systemd/generator",
    "usr/local/lib/systemd/system",
    "usr/lib/systemd/system",
    "lib/systemd/system",
    "run/systemd/transient",
];

/// Returns each time of each timer, ordered by folder and name.
pub(crate) fn read(root: &Path) -> Vec<Entry> {
    let folders: Vec<PathBuf> = FOLDERS.iter().map(|folder| root.join(folder)).collect();
    let (mut seen, mut entries) = (Vec::new(), Vec::new());
    for folder in &folders {
        for name in names(folder) {
            let Some(stem) = name.strip_suffix(".timer") else { continue };
            if seen.contains(&name) {
                continue;
            }
            let file = folder.join(&name);
            let is_masked =
                fs::read_link(&file).is_ok_and(|target| target == Path::new("/dev/null"));
            // A template does nothing until it has an instance.
            if !is_masked && !stem.ends_with('@') {
                let text = with_drop_ins(&file, &name, &folders);
                let enabled = folders.iter().any(|folder| is_wanted(folder, &name));
                entries.append(&mut parse(&text, stem, &file, enabled));
            }
            seen.push(name);
        }
    }
    entries
}

/// Returns whether a target's folder has a link to the timer.
fn is_wanted(folder: &Path, name: &str) -> bool {
    names(folder)
        .iter()
        .filter(|folder| folder.ends_with(".wants") || folder.ends_with(".requires"))
        .any(|target| fs::symlink_metadata(folder.join(target).join(name)).is_ok())
}

/// Reads a unit and its drop-ins. The last value counts, as in systemd.
fn with_drop_ins(file: &Path, name: &str, folders: &[PathBuf]) -> String {
    let mut text = read_bounded(file).unwrap_or_default();
    for folder in folders.iter().rev() {
        let folder = folder.join(format!("{name}.d"));
        for drop_in in names(&folder).iter().filter(|name| name.ends_with(".conf")) {
            text.push('\n');
            text += &read_bounded(&folder.join(drop_in)).unwrap_or_default();
        }
    }
    text
}

fn parse(text: &str, stem: &str, file: &Path, enabled: bool) -> Vec<Entry> {
    let (mut times, mut unit, mut section) = (Vec::new(), format!("{stem}.service"), "");
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.starts_with('[') {
            section = line;
        }
        let Some((key, value)) = line.split_once('=') else { continue };
        let (key, value) = (key.trim_end(), value.trim_start());
        match key {
            _ if section != "[Timer]" || line.starts_with(['#', ';']) => {}
            // An empty value clears the list.
            "OnCalendar" | "OnActiveSec" | "OnBootSec" | "OnStartupSec" | "OnUnitActiveSec"
            | "OnUnitInactiveSec"
                if value.is_empty() =>
            {
                times.clear()
            }
            "OnCalendar" | "OnActiveSec" | "OnBootSec" | "OnStartupSec" | "OnUnitActiveSec"
            | "OnUnitInactiveSec" => {
                times.push((index + 1, format!("{key}={value}")));
            }
            "Unit" if !value.is_empty() => value.clone_into(&mut unit),
            _ => {}
        }
    }
    let entry = |(line, schedule)| Entry {
        kind: Kind::Timer,
        file: file.to_string_lossy().into_owned(),
        line: Some(line),
        schedule,
        user: None,
        command: None,
        unit: Some(unit.clone()),
        name: Some(format!("{stem}.timer")),
        enabled: Some(enabled),
        environment: Vec::new(),
    };
    times.into_iter().map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_cleared() {
        let text = "[Unit]\nOnCalendar=not here\n[Timer]\nOnCalendar=daily\n#OnCalendar=no\nOnBootSec = 15min\nUnit=other.service\n";
        let found = |text: &str| -> Vec<(Option<usize>, String)> {
            parse(text, "a", Path::new("/a.timer"), true)
                .into_iter()
                .map(|entry| (entry.line, entry.schedule))
                .collect()
        };
        assert_eq!(
            found(text),
            [(Some(4), "OnCalendar=daily".to_owned()), (Some(6), "OnBootSec=15min".to_owned())]
        );
        assert_eq!(found(&format!("{text}\n[Timer]\nOnCalendar=\nOnCalendar=weekly")).len(), 1);
        assert_eq!(
            parse(text, "a", Path::new("/a.timer"), true)[0].unit.as_deref(),
            Some("other.service")
        );
    }
}
