//! `getinfo.uptime`: how long this machine has been up.

use plugin_api::{
    Args, Context, Meta, Opt, Options, Provider, ProviderError, Reply, export_provider,
};
use serde::Serialize;

struct Uptime;

/// The reply. Its field names are stable: fields may be added, but never change.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Reading {
    /// The time since boot.
    uptime_seconds: f64,
    /// The load averages; null without `-l`.
    load: Option<Load>,
}

/// The average number of runnable processes, from /proc/loadavg.
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
            .example("", "the uptime")
            .example("-l", "the uptime and the load averages")
    }

    fn call(args: &Args, _ctx: &Context) -> Result<Reply, ProviderError> {
        let chosen = OPTIONS.parse(args)?;
        let uptime_seconds =
            *numbers("/proc/uptime")?.first().ok_or_else(|| unreadable("/proc/uptime"))?;
        let load = if chosen.load { Some(Load::read()?) } else { None };
        Reply::json(&Reading { uptime_seconds, load })
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

/// Returns the numbers at the beginning of a file.
fn numbers(path: &str) -> Result<Vec<f64>, ProviderError> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        ProviderError::new("unreadable", format!("cannot read {path}: {error}"))
    })?;
    Ok(text.split_whitespace().map_while(|word| word.parse().ok()).collect())
}

fn unreadable(path: &str) -> ProviderError {
    ProviderError::new("unreadable", format!("unexpected content in {path}"))
}

export_provider!(Uptime);

// `UPDATE_SCHEMA=1 cargo test` rewrites the file after a change of the reply.
#[cfg(test)]
plugin_api::testing::schema_test!(Reading);
