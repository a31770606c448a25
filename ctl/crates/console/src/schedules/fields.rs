//! The fields of a schedule, between the form and the API's body.

use crate::api::sentence;
use crate::form::Form;
use controller_api::ScheduleEntry;
use serde_json::Value;
use std::collections::BTreeMap;

/// The form's fields.
const NAMES: [&str; 24] = [
    "name",
    "description",
    "selector",
    "schedule",
    "timezone",
    "cmd",
    "user",
    "group",
    "cwd",
    "timeout",
    "jitter",
    "overlap",
    "missed",
    "horizon",
    "calendar",
    "enabled",
    "env",
    "stdin",
    "stderr",
    "max_output",
    "encoding",
    "memory",
    "cpu",
    "pids",
];

/// Those that most schedules leave as they are.
const RARE: [&str; 10] =
    ["group", "cwd", "env", "stdin", "stderr", "max_output", "encoding", "memory", "cpu", "pids"];

/// The most characters of a value in a difference.
const MAX_SHOWN: usize = 2000;

/// What is in the form.
#[derive(Clone, Default)]
pub(super) struct Values(BTreeMap<&'static str, String>);

/// What is wrong with one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FieldProblem {
    /// The form's field; none if the text does not say.
    pub(super) field: Option<&'static str>,
    pub(super) text: String,
}

impl Values {
    /// Reads what was typed.
    pub(super) fn of_form(form: &Form) -> Self {
        // Browsers send each end of a line as two characters.
        let value = |name| form.get(name).replace("\r\n", "\n");
        Self(NAMES.into_iter().map(|name| (name, value(name))).collect())
    }

    /// Fills the form with a schedule.
    pub(super) fn of_entry(entry: &ScheduleEntry) -> Self {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let number = |value: Option<u64>| value.map(|it| it.to_string()).unwrap_or_default();
        let limit = |name| number(entry.limits.as_ref().and_then(|all| all.get(name).copied()));
        let env = entry.env.iter().flatten().map(|(name, value)| format!("{name}={value}\n"));
        let enabled = if entry.enabled.unwrap_or(true) { "1" } else { "" };
        Self(BTreeMap::from([
            ("name", text(&entry.name)),
            ("description", text(&entry.description)),
            ("selector", text(&entry.selector)),
            ("schedule", text(&entry.schedule)),
            ("timezone", text(&entry.timezone)),
            ("cmd", text(&entry.cmd)),
            ("user", text(&entry.user)),
            ("group", text(&entry.group)),
            ("cwd", text(&entry.cwd)),
            ("timeout", number(entry.timeout)),
            ("jitter", number(entry.jitter)),
            ("overlap", text(&entry.overlap)),
            ("missed", text(&entry.missed)),
            ("horizon", number(entry.horizon)),
            ("calendar", text(&entry.calendar)),
            ("enabled", enabled.to_owned()),
            ("env", env.collect()),
            ("stdin", text(&entry.stdin)),
            ("stderr", text(&entry.stderr)),
            ("max_output", number(entry.max_output)),
            ("encoding", text(&entry.encoding)),
            ("memory", limit("memory")),
            ("cpu", limit("cpu")),
            ("pids", limit("pids")),
        ]))
    }

    /// Returns a field's text.
    pub(super) fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// Sets a field's text.
    pub(super) fn set(&mut self, name: &'static str, value: impl Into<String>) {
        self.0.insert(name, value.into());
    }

    /// Returns each field that has a value.
    pub(super) fn all(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().map(|(name, value)| (*name, value.as_str())).filter(|(_, it)| !it.is_empty())
    }

    /// Returns whether one of the fields that most schedules leave as they are has a value.
    pub(super) fn has_rare(&self) -> bool {
        RARE.iter().any(|name| !self.get(name).is_empty())
    }

    /// Returns the body for the API.
    ///
    /// # Errors
    /// A field that cannot even be sent: letters for a number, a variable without a name.
    pub(super) fn entry(&self) -> Result<ScheduleEntry, FieldProblem> {
        let limits: Result<BTreeMap<_, _>, _> = ["memory", "cpu", "pids"]
            .into_iter()
            .filter_map(|name| self.number(name).transpose().map(|it| it.map(|it| (name, it))))
            .collect();
        let limits = limits?.into_iter().map(|(name, it)| (name.to_owned(), it));
        Ok(ScheduleEntry {
            name: self.word("name"),
            description: self.word("description"),
            // An empty selector means every host; the form says so.
            selector: Some(self.get("selector").trim().to_owned()),
            schedule: self.word("schedule"),
            cmd: self.whole("cmd"),
            user: self.word("user"),
            group: self.word("group"),
            timeout: self.number("timeout")?,
            cwd: self.word("cwd"),
            env: Some(self.variables()?).filter(|env| !env.is_empty()),
            stdin: self.whole("stdin"),
            stderr: self.word("stderr"),
            max_output: self.number("max_output")?,
            encoding: self.word("encoding"),
            limits: Some(limits.collect::<BTreeMap<_, _>>()).filter(|limits| !limits.is_empty()),
            timezone: self.word("timezone"),
            overlap: self.word("overlap"),
            missed: self.word("missed"),
            horizon: self.number("horizon")?,
            jitter: self.number("jitter")?,
            enabled: (self.get("enabled") != "1").then_some(false),
            calendar: self.word("calendar"),
        })
    }

    fn word(&self, name: &str) -> Option<String> {
        Some(self.get(name).trim().to_owned()).filter(|text| !text.is_empty())
    }

    fn whole(&self, name: &str) -> Option<String> {
        Some(self.get(name).to_owned()).filter(|text| !text.trim().is_empty())
    }

    fn number(&self, name: &'static str) -> Result<Option<u64>, FieldProblem> {
        let Some(text) = self.word(name) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| FieldProblem {
            field: Some(name),
            text: "This must be a whole number, without a unit.".to_owned(),
        })
    }

    fn variables(&self) -> Result<BTreeMap<String, String>, FieldProblem> {
        let lines = self.get("env").lines().filter(|line| !line.trim().is_empty());
        lines
            .map(|line| match line.split_once('=') {
                Some((name, value)) if !name.trim().is_empty() => {
                    Ok((name.trim().to_owned(), value.to_owned()))
                }
                _ => Err(FieldProblem {
                    field: Some("env"),
                    text: format!("{line:?} is not of the form NAME=VALUE."),
                }),
            })
            .collect()
    }
}

impl FieldProblem {
    /// Finds the field in the API's text: `schedule "NAME": FIELD: WHY`.
    pub(super) fn of(detail: &str) -> Self {
        let own = detail
            .strip_prefix("schedule ")
            .and_then(|rest| rest.split_once(": ").map(|(_, own)| own))
            .unwrap_or(detail);
        if let Some((word, why)) = own.split_once(": ") {
            let field = match word {
                "limits.memory" => "memory",
                "limits.cpu" => "cpu",
                "limits.pids" => "pids",
                word => word.split('.').next().unwrap_or_default(),
            };
            if let Some(field) = NAMES.into_iter().find(|name| *name == field) {
                return Self { field: Some(field), text: sentence(why) };
            }
        }
        Self { field: None, text: sentence(own) }
    }
}

/// A field that changes.
pub(super) struct Change {
    pub(super) field: String,
    /// None is the default.
    pub(super) from: Option<String>,
    pub(super) to: Option<String>,
}

impl Change {
    /// Describes a change of a field.
    pub(super) fn new(field: &str, from: Option<&Value>, to: Option<&Value>) -> Self {
        let shown = |value: &Value| match (field, value) {
            ("selector", Value::String(text)) if text.is_empty() => "every host".to_owned(),
            (_, Value::String(text)) => shortened(text),
            // As the form takes it: a line for each variable or limit.
            (_, Value::Object(fields)) => {
                let line = |(name, value): (&String, &Value)| match value {
                    Value::String(text) => format!("{name}={text}"),
                    value => format!("{name}={value}"),
                };
                shortened(&fields.iter().map(line).collect::<Vec<_>>().join("\n"))
            }
            (_, value) => shortened(&value.to_string()),
        };
        Self { field: field.to_owned(), from: from.map(shown), to: to.map(shown) }
    }

    /// Compares two versions of a schedule; `None` is that there was none.
    pub(super) fn between(from: Option<&ScheduleEntry>, to: Option<&ScheduleEntry>) -> Vec<Self> {
        let fields = |entry: Option<&ScheduleEntry>| match entry.map(serde_json::to_value) {
            Some(Ok(Value::Object(fields))) => fields,
            _ => serde_json::Map::new(),
        };
        let (from, to) = (fields(from), fields(to));
        let mut names: Vec<&String> = from.keys().chain(to.keys()).collect();
        names.sort_unstable();
        names.dedup();
        names
            .into_iter()
            .filter(|name| *name != "name" && from.get(*name) != to.get(*name))
            .map(|name| Self::new(name, from.get(name), to.get(name)))
            .collect()
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{} … ({} bytes in all)", &text[..end], text.len()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(query: &str) -> Values {
        Values::of_form(&Form::of_query(Some(query)))
    }

    #[test]
    fn a_schedule_survives_the_form() {
        let entry = ScheduleEntry {
            name: Some("backup".to_owned()),
            selector: Some(String::new()),
            schedule: Some("0 30 2 * * *".to_owned()),
            cmd: Some("set -e\ntar cf /b.tar /home\n".to_owned()),
            env: Some(BTreeMap::from([("A".to_owned(), "x=y ".to_owned())])),
            limits: Some(BTreeMap::from([("pids".to_owned(), 8)])),
            jitter: Some(600),
            enabled: Some(false),
            ..ScheduleEntry::default()
        };
        let values = Values::of_entry(&entry);
        assert_eq!(values.entry().unwrap(), entry);
        assert!(values.has_rare());
        // The browser sends each end of a line as two characters.
        let sent: Vec<_> =
            values.all().map(|(name, it)| (name, it.replace('\n', "\r\n"))).collect();
        let again = typed(&serde_urlencoded::to_string(sent).unwrap());
        assert_eq!(again.entry().unwrap(), entry);
    }

    #[test]
    fn a_problem_finds_its_field() {
        let field = |detail| FieldProblem::of(detail).field;
        assert_eq!(field("schedule \"a: b\": name: too long"), None);
        assert_eq!(field("schedule \"a\": selector: no such sign"), Some("selector"));
        assert_eq!(field("schedule \"a\": limits.cpu: too much"), Some("cpu"));
        assert_eq!(field("schedule \"a\": the body calls it \"b\""), None);
        assert_eq!(field("your roles do not allow this"), None);
        assert_eq!(typed("timeout=1h").entry().unwrap_err().field, Some("timeout"));
        assert_eq!(typed("env=PATH").entry().unwrap_err().field, Some("env"));
    }

    #[test]
    fn two_versions_differ_in_the_fields_that_change() {
        let old = ScheduleEntry { cmd: Some("a".to_owned()), ..ScheduleEntry::default() };
        let new = ScheduleEntry { jitter: Some(5), cmd: Some("b".to_owned()), ..old.clone() };
        let changes = Change::between(Some(&old), Some(&new));
        let told: Vec<_> = changes
            .iter()
            .map(|it| (it.field.as_str(), it.from.as_deref(), it.to.as_deref()))
            .collect();
        assert_eq!(told, [("cmd", Some("a"), Some("b")), ("jitter", None, Some("5"))]);
        assert!(Change::between(Some(&new), Some(&new)).is_empty());
        let env = [("A".to_owned(), "x=y".to_owned()), ("B".to_owned(), String::new())];
        let env = ScheduleEntry { env: Some(env.into()), ..ScheduleEntry::default() };
        assert_eq!(Change::between(Some(&env), None)[0].from.as_deref(), Some("A=x=y\nB="));
    }
}
