//! What an operator asks for, checked field by field.

use controller_api::{Amount, MAX_PLAN_HOSTS, NewPlan, Tolerance};
use fleet::run::{self, NotAfter, Options, OptionsError, Request, Share};
use fleet::{Selector, UnixMillis};
use std::time::UNIX_EPOCH;

/// The most bytes of a selector.
const MAX_SELECTOR: usize = 4096;

/// A plan that is wanted.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// What each host is asked.
    pub(crate) request: Request,
    /// How the request reaches the hosts.
    pub(crate) options: Options,
    /// The hosts.
    pub(crate) hosts: Hosts,
}

/// The hosts that a plan is wanted for.
#[derive(Clone, Debug)]
pub(crate) enum Hosts {
    /// Those that a selector matches.
    Selected {
        /// The selector.
        selector: Selector,
        /// Its text.
        text: String,
    },
    /// These, each of which must exist.
    Listed(Vec<String>),
    /// These, which were targets of an earlier run: some may have been removed since.
    Again {
        /// The hosts.
        hosts: Vec<String>,
        /// The selector of the earlier run.
        selector: Option<String>,
    },
}

/// A field of a plan that is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WrongField {
    /// The field.
    pub(crate) field: &'static str,
    /// What is wrong with it.
    pub(crate) why: String,
}

/// For `map_err`: names the field.
fn of<E: ToString>(field: &'static str) -> impl FnOnce(E) -> WrongField {
    move |error| WrongField { field, why: error.to_string() }
}

impl Wanted {
    /// Checks a plan.
    ///
    /// # Errors
    /// When a field is beyond its bounds.
    pub(crate) fn read(plan: &NewPlan, now: UnixMillis) -> Result<Self, WrongField> {
        let mut fields = plan.request.fields.clone();
        fields.insert("method".to_owned(), plan.request.method.clone().into());
        let request = Request::parse(fields).map_err(of("request"))?;
        let (options, hosts) = (options(plan, now)?, hosts(plan)?);
        Ok(Self { request, options, hosts })
    }
}

fn hosts(plan: &NewPlan) -> Result<Hosts, WrongField> {
    match (&plan.selector, &plan.hosts) {
        (Some(text), None) => {
            if text.len() > MAX_SELECTOR {
                let why = format!("a selector has at most {MAX_SELECTOR} bytes");
                return Err(WrongField { field: "selector", why });
            }
            let parsed = Selector::parse(text);
            let pointed = |error| WrongField { field: "selector", why: format!("{error:#}") };
            Ok(Hosts::Selected { selector: parsed.map_err(pointed)?, text: text.clone() })
        }
        (None, Some(hosts)) => {
            if !(1..=MAX_PLAN_HOSTS).contains(&hosts.len()) {
                let why =
                    format!("a plan names 1 to {MAX_PLAN_HOSTS} hosts; select more by labels");
                return Err(WrongField { field: "hosts", why });
            }
            Ok(Hosts::Listed(hosts.clone()))
        }
        (None, None) | (Some(_), Some(_)) => {
            let why = "give either selector, which is empty for all hosts, or hosts".to_owned();
            Err(WrongField { field: "selector", why })
        }
    }
}

fn options(plan: &NewPlan, now: UnixMillis) -> Result<Options, WrongField> {
    let mut options = Options { no_wait: plan.no_wait, ..Options::default() };
    if let Some(stages) = &plan.stages {
        if stages.is_empty() {
            let why = "name at least one stage, as in [\"100%\"]".to_owned();
            return Err(WrongField { field: "stages", why });
        }
        options.stages = stages.iter().copied().map(share).collect();
    }
    if let Some(soak) = plan.soak {
        options.soak = u32::try_from(soak).unwrap_or(u32::MAX);
    }
    if let Some(concurrency) = plan.concurrency {
        options.concurrency = share(concurrency);
    }
    if let Some(ramp) = plan.ramp {
        options.ramp = ramp;
    }
    if let Some(stop_after) = plan.stop_after {
        options.stop_after = tolerance(stop_after);
    }
    options.max_failed = plan.max_failed.map(tolerance);
    if let Some(text) = &plan.not_after {
        options.not_after = NotAfter::At(time(text).map_err(of("not_after"))?);
    }
    options
        .check(now)
        .map_err(|error| WrongField { field: field(error), why: error.to_string() })?;
    Ok(options)
}

/// Returns the field that an error is about.
const fn field(error: OptionsError) -> &'static str {
    match error {
        OptionsError::TooManyStages | OptionsError::EmptyStage | OptionsError::Stages(..) => {
            "stages"
        }
        OptionsError::Soak => "soak",
        OptionsError::Concurrency => "concurrency",
        OptionsError::NotAfter => "not_after",
    }
}

/// Reads a time.
///
/// # Errors
/// When it is no RFC 3339 time.
pub(crate) fn time(text: &str) -> Result<UnixMillis, String> {
    let wrong = || "a time is as in 2026-01-31T09:30:00Z (RFC 3339, UTC)".to_owned();
    let time = humantime::parse_rfc3339(text).map_err(|_| wrong())?;
    let since = time.duration_since(UNIX_EPOCH).map_err(|_| wrong())?;
    UnixMillis::try_from(since.as_millis()).map_err(|_| wrong())
}

const fn share(amount: Amount) -> Share {
    match amount {
        Amount::Count(number) => Share::Number(number),
        Amount::Percent(percent) => Share::Percent(percent as u32 * 100),
    }
}

const fn tolerance(tolerance: Tolerance) -> run::Tolerance {
    match tolerance {
        Tolerance::AtMost(amount) => run::Tolerance::UpTo(share(amount)),
        Tolerance::Unlimited => run::Tolerance::Any,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const NOW: UnixMillis = 1_800_000_000_000;

    fn read(besides: &Value) -> Result<Wanted, WrongField> {
        let mut plan = json!({"request": {"method": "sync.bash", "cmd": "id"}, "selector": ""});
        for (name, value) in besides.as_object().unwrap() {
            plan[name] = value.clone();
        }
        Wanted::read(&serde_json::from_value(plan).unwrap(), NOW)
    }

    #[test]
    fn what_is_not_given_has_a_default() {
        let wanted = read(&json!({})).unwrap();
        assert_eq!(wanted.options, Options::default());
        let wanted = read(&json!({
            "stages": ["1", "10%", 50], "soak": 5, "concurrency": "50%", "ramp": false,
            "stop_after": "none", "max_failed": 2, "not_after": "2027-01-15T09:00:00Z",
            "no_wait": true,
        }));
        let options = wanted.unwrap().options;
        assert_eq!(options.stages, [Share::Number(1), Share::Percent(1000), Share::Number(50)]);
        assert_eq!((options.soak, options.ramp, options.no_wait), (5, false, true));
        assert_eq!(options.stop_after, run::Tolerance::Any);
        assert_eq!(options.not_after, NotAfter::At(1_800_003_600_000));
    }

    #[test]
    fn each_field_beyond_its_bounds_is_named() {
        for (besides, field, why) in [
            (json!({"selector": "env==="}), "selector", "^"),
            (json!({"selector": "a,".repeat(4096)}), "selector", "4096"),
            (json!({"selector": null}), "selector", "either"),
            (json!({"hosts": ["a"]}), "selector", "either"),
            (json!({"selector": null, "hosts": []}), "hosts", "1 to"),
            (json!({"selector": null, "hosts": vec!["h"; 10_001]}), "hosts", "1 to"),
            (json!({"stages": []}), "stages", "at least one"),
            (json!({"stages": ["0"]}), "stages", "0"),
            (json!({"stages": ["10%", "5%"]}), "stages", "5%"),
            (json!({"stages": (1..40).collect::<Vec<_>>()}), "stages", "32"),
            (json!({"soak": 604_801}), "soak", "604800"),
            (json!({"soak": u64::MAX}), "soak", "604800"),
            (json!({"concurrency": 0}), "concurrency", "1"),
            (json!({"concurrency": "0%"}), "concurrency", "1"),
            (json!({"not_after": "tomorrow"}), "not_after", "RFC 3339"),
            (json!({"not_after": "2020-01-01T00:00:00Z"}), "not_after", "days"),
            (json!({"not_after": "2099-01-01T00:00:00Z"}), "not_after", "days"),
            (json!({"request": {"method": "cert.trust"}}), "request", "cert."),
            (json!({"request": {"method": "sync.bash"}}), "request", "cmd"),
            (
                json!({"request": {"method": "sync.bash", "cmd": "x", "timeout": 0}}),
                "request",
                "timeout",
            ),
        ] {
            let wrong = read(&besides).unwrap_err();
            assert_eq!(wrong.field, field, "{besides}: {}", wrong.why);
            assert!(wrong.why.contains(why), "{besides}: {}", wrong.why);
        }
    }
}
