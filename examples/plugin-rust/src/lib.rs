//! `getinfo.uptime`: how long this machine has been up.

use plugin_api::{Args, Context, Meta, Opt, Options, Provider, ProviderError, Reply, export_provider};
use serde::Serialize;

struct Uptime;

/// The answer. Its field names are stable: new ones may join, none changes.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Answer {
    /// Since the machine was started.
    uptime_seconds: f64,
    /// Runnable processes on average; null unless asked for.
    load: Option<Load>,
}

/// As in /proc/loadavg.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Load {
    /// Over the last minute.
    one: f64,
    /// Over the last five minutes.
    five: f64,
    /// Over the last fifteen minutes.
    fifteen: f64,
}

/// A call's arguments.
#[derive(Default)]
struct Selection {
    load: bool,
}

/// The options of a call. The help and the parser both come from this table.
const OPTIONS: Options<Selection> =
    Options::new(&[Opt::flag("-l", "add the load averages", |chosen| chosen.load = true)]);

impl Provider for Uptime {
    fn describe() -> Meta {
        Meta::new("getinfo.uptime", env!("CARGO_PKG_VERSION"), "how long this machine has been up")
            .options(&OPTIONS)
            .output_schema(include_str!("../schema.json"))
            .example("", "the time alone")
            .example("-l", "time and load")
    }

    fn call(args: &Args, _ctx: &Context) -> Result<Reply, ProviderError> {
        let chosen = OPTIONS.parse(args)?;
        let uptime_seconds = *numbers("/proc/uptime")?.first().ok_or_else(|| unreadable("/proc/uptime"))?;
        let load = if chosen.load { Some(Load::read()?) } else { None };
        Reply::json(&Answer { uptime_seconds, load })
    }
}

impl Load {
    fn read() -> Result<Self, ProviderError> {
        match numbers("/proc/loadavg")?[..] {
            [one, five, fifteen, ..] => Ok(Self { one, five, fifteen }),
            _ => Err(unreadable("/proc/loadavg")),
        }
    }
}

/// The numbers that a file begins with.
fn numbers(path: &str) -> Result<Vec<f64>, ProviderError> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| ProviderError::new("unreadable", format!("{path}: {error}")))?;
    Ok(text.split_whitespace().map_while(|word| word.parse().ok()).collect())
}

fn unreadable(path: &str) -> ProviderError {
    ProviderError::new("unreadable", format!("{path} is not what it is on Linux"))
}

export_provider!(Uptime);

#[cfg(test)]
mod tests {
    /// `UPDATE_SCHEMA=1 cargo test` writes the file anew when the answer has changed.
    #[test]
    fn the_schema_is_that_of_the_answer() {
        plugin_api::testing::assert_schema::<super::Answer>(concat!(env!("CARGO_MANIFEST_DIR"), "/schema.json"));
    }
}
