//! `getinfo.uptime`: how long this machine has been up.

use plugin_api::{Args, Context, Meta, Provider, ProviderError, Reply, export_provider};
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

impl Provider for Uptime {
    fn describe() -> Meta {
        Meta::new("getinfo.uptime", env!("CARGO_PKG_VERSION"), "how long this machine has been up")
            .arg("-l", "with the load averages")
            .output_schema(include_str!("../schema.json"))
            .example("", "the time alone")
            .example("-l", "time and load")
    }

    fn call(args: &Args, _ctx: &Context) -> Result<Reply, ProviderError> {
        let mut with_load = false;
        for word in args.words() {
            match word {
                "-l" => with_load = true,
                other => return Err(ProviderError::usage(format!("{other:?} is no argument of getinfo.uptime"))),
            }
        }
        let uptime_seconds = *numbers("/proc/uptime")?.first().ok_or_else(|| unreadable("/proc/uptime"))?;
        let load = if with_load { Some(Load::read()?) } else { None };
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
