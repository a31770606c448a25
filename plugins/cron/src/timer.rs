//! systemd's timers, from their unit files (systemd.timer(5)).

use readers::patience::is_unreadable;
use readers::root::Root;
use readers::systemd::{UnitFile, Units, assignments, expand, template_of};

use crate::{Answer, Entry, Kind};

impl Answer {
    /// Adds each time of each timer, by name. A template has its instances that other units want.
    pub(crate) fn read_timers(&mut self, root: &Root) {
        let units = Units::read(root, &|name| name.ends_with(".timer"));
        for folder in &units.unreadable {
            self.unreadable(root, folder);
        }
        self.truncated |= units.truncated;
        for file in &units.files {
            let text = match file.text(root) {
                Ok(text) => text,
                Err(error) => {
                    if is_unreadable(&error) {
                        self.unreadable(root, &file.path);
                    }
                    continue;
                }
            };
            // An empty file, or a link to /dev/null, masks the unit.
            if text.is_empty() {
                continue;
            }
            for name in names(&units, file) {
                self.add_timer(root, &units, file, &text, &name);
            }
        }
    }

    fn add_timer(&mut self, root: &Root, units: &Units, file: &UnitFile, text: &str, name: &str) {
        let mut timer = Timer::new(name);
        timer.read(text);
        for path in units.drop_ins(root, name, &file.aliases) {
            timer.read(&Units::drop_in_text(root, &path));
        }
        let is_name = |link: &str| link == name || file.aliases.iter().any(|alias| alias == link);
        let enabled = units.links.iter().any(|link| is_name(&link.name));
        for (line, schedule) in timer.times {
            self.add(Entry {
                kind: Kind::Timer,
                file: root.shown(&file.path).to_string_lossy().into_owned(),
                line: Some(line),
                schedule,
                user: None,
                command: None,
                unit: Some(timer.unit.clone()),
                name: Some(name.to_owned()),
                enabled: Some(enabled),
                environment: Vec::new(),
            });
        }
    }
}

/// Returns the names that a file's timer has: its own, or those of a template's instances.
fn names(units: &Units, file: &UnitFile) -> Vec<String> {
    if !file.name.contains("@.") {
        return vec![file.name.clone()];
    }
    let links = units.links.iter().map(|link| link.name.clone());
    let mut names: Vec<String> =
        links.filter(|link| template_of(link).as_deref() == Some(&file.name)).collect();
    names.sort_unstable();
    names.dedup();
    // An instance may have a file of its own.
    names.retain(|name| units.files.iter().all(|file| file.name != *name));
    names
}

/// The times of one timer, file by file.
pub(crate) struct Timer<'a> {
    name: &'a str,
    unit: String,
    /// The line, counted through all files, and the setting.
    pub(crate) times: Vec<(usize, String)>,
    pub(crate) lines: usize,
}

impl<'a> Timer<'a> {
    pub(crate) fn new(name: &'a str) -> Self {
        let unit = name.strip_suffix("timer").unwrap_or(name).to_owned() + "service";
        Self { name, unit, times: Vec::new(), lines: 0 }
    }

    /// Applies a file over those before: first the unit's own file, then its drop-ins.
    pub(crate) fn read(&mut self, text: &str) {
        for assignment in assignments(text).filter(|found| found.section == "Timer") {
            let value = expand(&assignment.value, self.name);
            match assignment.key {
                "OnCalendar" | "OnActiveSec" | "OnBootSec" | "OnStartupSec" | "OnUnitActiveSec"
                | "OnUnitInactiveSec" => {
                    // An empty value clears the times of every kind.
                    if value.is_empty() {
                        self.times.clear();
                    } else {
                        let line = self.lines + assignment.line;
                        self.times.push((line, format!("{}={value}", assignment.key)));
                    }
                }
                "Unit" if !value.is_empty() => self.unit = value,
                _ => {}
            }
        }
        self.lines += text.lines().count() + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_cleared() {
        let text = "[Unit]\nOnCalendar=not here\n[Timer]\nOnCalendar=mon \\\n  02:00\n#OnCalendar=no\n\
            OnBootSec = 15min\nUnit=other@%i.service\n";
        let mut timer = Timer::new("a@b.timer");
        assert_eq!(timer.unit, "a@b.service");
        timer.read(text);
        let want = [(4, "OnCalendar=mon 02:00".to_owned()), (7, "OnBootSec=15min".to_owned())];
        assert_eq!((timer.times.as_slice(), timer.unit.as_str()), (&want[..], "other@b.service"));
        timer.read("[Timer]\nOnCalendar=\nOnCalendar=weekly\n");
        assert_eq!(timer.times, [(12, "OnCalendar=weekly".to_owned())]);
    }
}
