//! A run that is being composed: the form's fields as texts, the plan that they ask for, and the
//! texts of a plan that is changed.

use super::words;
use crate::form::Form;
use controller_api::{AgentRequest, Amount, NewPlan, Plan, PlanOptions, Tolerance};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

/// The method that stands for a command.
pub(super) const COMMAND: &str = "async.bash";

/// The most hosts that a form names.
pub(super) const MAX_HOSTS: usize = 1000;

/// The names of the form's texts; each is a field of the form, and of the page's query.
pub(super) const TEXTS: [&str; 20] = [
    "method",
    "command",
    "fields",
    "user",
    "group",
    "cwd",
    "timeout",
    "env",
    "stdin",
    "memory",
    "cpu",
    "pids",
    "max_output",
    "l",
    "stages",
    "soak",
    "max_failed",
    "concurrency",
    "stop_after",
    "wait",
];

/// The fields of the form, as they were typed.
#[derive(Clone, Debug, Default)]
pub(super) struct Draft {
    texts: BTreeMap<&'static str, String>,
    /// The hosts that are ticked.
    pub(super) hosts: Vec<String>,
    /// Whether an empty selector means all hosts, on purpose.
    pub(super) all: bool,
    /// Whether hosts that are offline are left out.
    pub(super) no_wait: bool,
    /// Whether the run does not begin with one host.
    pub(super) no_ramp: bool,
}

/// The problems of a form, by field.
pub(super) type Problems = BTreeMap<&'static str, String>;

impl Draft {
    pub(super) fn of(form: &Form) -> Self {
        let text = |name: &&'static str| (*name, form.get(name).to_owned());
        Self {
            texts: TEXTS.iter().map(text).collect(),
            hosts: form.all("hosts").take(MAX_HOSTS).map(str::to_owned).collect(),
            all: form.has("all"),
            no_wait: form.has("no_wait"),
            no_ramp: form.has("no_ramp"),
        }
    }

    /// Returns a text of the form.
    pub(super) fn get(&self, name: &str) -> &str {
        self.texts.get(name).map_or("", String::as_str)
    }

    fn some(&self, name: &str) -> Option<&str> {
        Some(self.get(name).trim()).filter(|text| !text.is_empty())
    }

    fn set(&mut self, name: &'static str, text: impl Into<String>) {
        self.texts.insert(name, text.into());
    }

    /// Returns the method; a command unless another one is chosen.
    pub(super) fn method(&self) -> &str {
        self.some("method").unwrap_or(COMMAND)
    }

    pub(super) fn is_command(&self) -> bool {
        self.method() == COMMAND
    }

    /// Returns the form of a plan that is to be changed; values of variables and input are not known.
    pub(super) fn of_plan(plan: &Plan, hosts: Vec<String>) -> Self {
        let mut draft = Self { hosts, ..Self::default() };
        let request = &plan.request;
        if words::is_command(request) {
            draft.set("method", COMMAND);
            for (name, field) in [
                ("command", "cmd"),
                ("user", "user"),
                ("group", "group"),
                ("cwd", "cwd"),
                ("timeout", "timeout"),
                ("max_output", "max_output"),
            ] {
                draft.set(name, words::field(request, field).unwrap_or_default());
            }
            if let Some(Value::Object(env)) = request.fields.get("env") {
                let names: String = env.keys().map(|name| format!("{name}=\n")).collect();
                draft.set("env", names);
            }
            if let Some(Value::Object(limits)) = request.fields.get("limits") {
                let number = |name: &str| limits.get(name).and_then(Value::as_u64);
                let text = |number: Option<u64>| number.map(|n| n.to_string()).unwrap_or_default();
                draft.set("memory", text(number("memory").map(|bytes| bytes >> 20)));
                draft.set("cpu", text(number("cpu")));
                draft.set("pids", text(number("pids")));
            }
        } else {
            draft.set("method", request.method.clone());
            if !request.fields.is_empty() {
                let text = serde_json::to_string_pretty(&request.fields);
                draft.set("fields", text.unwrap_or_default());
            }
        }
        draft.set("l", plan.selector.clone().unwrap_or_default());
        draft.all = plan.selector.as_deref() == Some("");
        draft.set_options(&plan.options);
        draft
    }

    fn set_options(&mut self, options: &PlanOptions) {
        let stages: Vec<String> = options.stages.iter().map(Amount::to_string).collect();
        if stages.len() > 1 {
            self.set("stages", stages.join(", "));
        }
        if options.soak > 0 {
            self.set("soak", options.soak.to_string());
        }
        self.set("concurrency", options.concurrency.to_string());
        self.set("stop_after", options.stop_after.to_string());
        if options.max_failed != options.stop_after {
            self.set("max_failed", options.max_failed.to_string());
        }
        self.set("wait", options.not_after.clone().unwrap_or_default());
        (self.no_wait, self.no_ramp) = (options.no_wait, !options.ramp);
    }

    /// Returns whether the less usual fields have something in them.
    pub(super) fn has_more(&self) -> bool {
        ["group", "cwd", "env", "stdin", "memory", "cpu", "pids", "max_output"]
            .iter()
            .any(|name| self.some(name).is_some())
    }

    /// Returns the plan that the form asks for.
    ///
    /// # Errors
    /// The problems by field.
    pub(super) fn plan(&self) -> Result<NewPlan, Problems> {
        let mut problems = Problems::new();
        let request = self.request(&mut problems);
        let (selector, hosts) = self.meant(&mut problems);
        let stages: Vec<Amount> = self.list("stages", &mut problems);
        let plan = NewPlan {
            request,
            selector,
            hosts,
            stages: Some(stages).filter(|stages| !stages.is_empty()),
            soak: self.parsed("soak", "whole seconds", &mut problems),
            max_failed: self.amount::<Tolerance>("max_failed", &mut problems),
            concurrency: self.amount::<Amount>("concurrency", &mut problems),
            ramp: self.no_ramp.then_some(false),
            stop_after: self.amount::<Tolerance>("stop_after", &mut problems),
            not_after: self.not_after(&mut problems),
            no_wait: self.no_wait,
        };
        if problems.is_empty() { Ok(plan) } else { Err(problems) }
    }

    /// Returns the hosts that are meant, by labels or by name. Nothing chosen is nothing meant.
    fn meant(&self, problems: &mut Problems) -> (Option<String>, Option<Vec<String>>) {
        match (self.some("l"), self.hosts.as_slice()) {
            (Some(_), [_, ..]) => {
                let why = "Hosts are ticked already. Untick them, or empty the selector.";
                problems.insert("l", why.to_owned());
                (None, None)
            }
            (None, [_, ..]) => (None, Some(self.hosts.clone())),
            (Some(selector), []) => (Some(selector.to_owned()), None),
            (None, []) if self.all => (Some(String::new()), None),
            (None, []) => {
                let why = "Say which hosts: by a selector, or tick “All hosts”.";
                problems.insert("l", why.to_owned());
                (None, None)
            }
        }
    }

    fn request(&self, problems: &mut Problems) -> AgentRequest {
        let method = self.method().to_owned();
        if !self.is_command() {
            let fields = match self.some("fields").map(serde_json::from_str) {
                None => Map::new(),
                Some(Ok(Value::Object(fields))) => fields,
                Some(_) => {
                    let why = "Write a JSON object, as in {\"name\": \"backup\"}.";
                    problems.insert("fields", why.to_owned());
                    Map::new()
                }
            };
            return AgentRequest { method, fields };
        }
        let mut fields = Map::new();
        // Nothing is trimmed: it is the shell's.
        let command = self.get("command").replace("\r\n", "\n");
        if command.trim().is_empty() {
            problems.insert("command", "Write the command that is to run.".to_owned());
        }
        fields.insert("cmd".to_owned(), command.into());
        for name in ["user", "group", "cwd"] {
            if let Some(text) = self.some(name) {
                fields.insert(name.to_owned(), text.into());
            }
        }
        if !self.get("stdin").is_empty() {
            fields.insert("stdin".to_owned(), self.get("stdin").replace("\r\n", "\n").into());
        }
        for name in ["timeout", "max_output"] {
            if let Some(number) = self.parsed::<u64>(name, "a whole number", problems) {
                fields.insert(name.to_owned(), number.into());
            }
        }
        let env = self.env(problems);
        if !env.is_empty() {
            fields.insert("env".to_owned(), env.into());
        }
        let limits = self.limits(problems);
        if !limits.is_empty() {
            fields.insert("limits".to_owned(), limits.into());
        }
        AgentRequest { method, fields }
    }

    fn env(&self, problems: &mut Problems) -> Map<String, Value> {
        let mut env = Map::new();
        for line in self.get("env").lines().filter(|line| !line.trim().is_empty()) {
            match line.split_once('=') {
                Some((name, value)) if !name.trim().is_empty() => {
                    env.insert(name.trim().to_owned(), value.trim_end_matches('\r').into());
                }
                _ => {
                    let why = "Write one variable a line, as in NAME=value.";
                    problems.insert("env", why.to_owned());
                }
            }
        }
        env
    }

    fn limits(&self, problems: &mut Problems) -> Map<String, Value> {
        let mut limits = Map::new();
        for (name, factor) in [("memory", 1 << 20), ("cpu", 1), ("pids", 1)] {
            let number: Option<u64> = self.parsed(name, "a whole number", problems);
            if let Some(number) = number {
                limits.insert(name.to_owned(), number.saturating_mul(factor).into());
            }
        }
        limits
    }

    fn parsed<T: FromStr>(
        &self,
        name: &'static str,
        wanted: &str,
        problems: &mut Problems,
    ) -> Option<T> {
        let found = self.some(name)?.parse();
        if found.is_err() {
            problems.insert(name, format!("Write {wanted}."));
        }
        found.ok()
    }

    fn amount<T: FromStr>(&self, name: &'static str, problems: &mut Problems) -> Option<T> {
        let wanted = "a number of hosts, as in 20, or a share of them, as in 10%";
        self.parsed(name, wanted, problems)
    }

    fn list(&self, name: &'static str, problems: &mut Problems) -> Vec<Amount> {
        let texts = self.get(name).split([',', ' ']).filter(|text| !text.is_empty());
        let read: Result<Vec<Amount>, _> = texts.map(str::parse).collect();
        read.unwrap_or_else(|_| {
            let why = "Write numbers or shares that grow, the last one 100%: 1, 10%, 100%.";
            problems.insert(name, why.to_owned());
            Vec::new()
        })
    }

    /// Reads how long hosts are waited for: a time, or a duration from now on.
    fn not_after(&self, problems: &mut Problems) -> Option<String> {
        let text = self.some("wait")?;
        if humantime::parse_rfc3339(text).is_ok() {
            return Some(text.to_owned());
        }
        let at = humantime::parse_duration(text)
            .ok()
            .filter(|wait| *wait <= Duration::from_secs(366 * 86_400))
            .and_then(|wait| SystemTime::now().checked_add(wait));
        if at.is_none() {
            let why = "Write a duration, as in 90m or 2h, or a time, as in 2026-01-31T09:30:00Z.";
            problems.insert("wait", why.to_owned());
        }
        at.map(|at| humantime::format_rfc3339_seconds(at).to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn draft(query: &str) -> Draft {
        Draft::of(&Form::of_query(Some(query)))
    }

    #[test]
    fn a_form_becomes_the_plan_that_it_says() {
        let given = "command=systemctl+restart+app&user=app&timeout=60&env=A%3Db%0D%0AC%3D%0D%0A\
                     &memory=512&l=env%3Dprod&stages=1,+10%25,100%25&soak=30&concurrency=20\
                     &stop_after=3&wait=2026-01-31T09:30:00Z&no_ramp=on";
        let plan = draft(given).plan().unwrap();
        assert_eq!(
            serde_json::to_value(&plan).unwrap(),
            json!({
                "request": {
                    "method": "async.bash", "cmd": "systemctl restart app", "user": "app",
                    "timeout": 60, "env": {"A": "b", "C": ""}, "limits": {"memory": 536_870_912},
                },
                "selector": "env=prod", "stages": [1, "10%", "100%"], "soak": 30,
                "concurrency": 20, "ramp": false, "stop_after": 3,
                "not_after": "2026-01-31T09:30:00Z",
            })
        );
        let facts = draft("method=cron.run&fields=%7B%22name%22:%22b%22%7D&hosts=a&hosts=b");
        assert_eq!(
            serde_json::to_value(facts.plan().unwrap()).unwrap(),
            json!({"request": {"method": "cron.run", "name": "b"}, "hosts": ["a", "b"]})
        );
    }

    #[test]
    fn nothing_chosen_is_never_all_hosts() {
        let problems = draft("command=true").plan().unwrap_err();
        assert_eq!(problems.keys().collect::<Vec<_>>(), [&"l"]);
        assert_eq!(draft("command=true&all=on").plan().unwrap().selector.as_deref(), Some(""));
        assert!(draft("command=true&l=a&hosts=b").plan().is_err());
    }

    #[test]
    fn each_problem_stands_beside_its_field() {
        let wrong = draft(
            "command=&timeout=x&env=novalue&pids=-1&stages=a&soak=x&concurrency=x&stop_after=x\
             &wait=soon&l=a",
        );
        let problems = wrong.plan().unwrap_err();
        let names: Vec<_> = problems.keys().copied().collect();
        assert_eq!(
            names,
            [
                "command",
                "concurrency",
                "env",
                "pids",
                "soak",
                "stages",
                "stop_after",
                "timeout",
                "wait"
            ]
        );
    }
}
