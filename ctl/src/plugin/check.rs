//! `check FILE.so`: checks whether a plugin is ready to ship. Each step prints a line that its
//! author can act on.
//!
//! The bounds are the agent's. Requirements that only an installed file can satisfy (owners and
//! modes of folders) are warnings here.
//!
//! It is longer than 400 lines because it is one list: each check is a few lines, and their order
//! is the order in which an author reads them.

use super::probe::{self, Answer, CALL, Called, Calls, LOAD, Order, Outcome, Ran, Report};
use super::schema::Schema;
use super::strays::Strays;
use super::verdict::{Level, Verdict};
use crate::error::Error;
use crate::{exit, output};
use agent_wire::Method;
use agent_wire::json::check_part;
use plugin_api::host::worker::Load;
use plugin_api::host::{self, Trust};
use plugin_api::{API_VERSION, Args, Meta, MethodName, ProviderError};
use serde_json::Value;
use std::fs::{self, Permissions};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// A slower call causes a warning, because the caller waits for it.
const SLOW: Duration = Duration::from_millis(100);
/// The longest reply that the agent accepts, in bytes, and a limit that is too small for any reply.
const MAX_REPLY: usize = 4 << 20;
const SMALL_REPLY: usize = 1;

/// The number of calls in the leak test, the growth of memory it allows, in bytes, and its
/// duration.
const CALLS: u32 = 1000;
const MAX_GROWTH: i64 = 64 << 10;
const CALLS_TIME: Duration = Duration::from_secs(20);

/// An argument that no provider supports.
const NONSENSE: &str = "--no-such-argument-anywhere";

/// The most examples that run.
const MAX_EXAMPLES: usize = 32;

/// The flags of `check`.
#[derive(Debug, clap::Args)]
pub(crate) struct Check {
    /// The plugin's file
    #[arg(value_name = "FILE.so")]
    file: PathBuf,
    /// Print the verdict as JSON
    #[arg(long)]
    json: bool,
    /// Let the plugin keep root, like an agent whose configuration allows it (plugins.roots)
    #[arg(long)]
    as_root: bool,
}

/// Checks a plugin and prints the verdict, which determines the exit status.
///
/// # Errors
/// [`Error::Unavailable`] if there is no such file, or no process can be started.
pub(crate) fn run(check: &Check) -> Result<ExitCode, Error> {
    let failed = |why| Error::unavailable_by(check.file.display().to_string(), why);
    let file = fs::canonicalize(&check.file).map_err(failed)?;
    if check.as_root && !nix::unistd::geteuid().is_root() {
        return Err(Error::unavailable("--as-root requires root"));
    }
    let mut verdict = Verdict::default();
    inspect(&file, check.as_root, &mut verdict).map_err(failed)?;
    verdict.fit = verdict.count(Level::Fault) == 0;
    if check.json {
        let text = serde_json::to_string(&verdict).expect("a verdict serializes to memory");
        output::json(&text)?;
    } else {
        output::bytes(verdict.for_people().as_bytes())?;
    }
    Ok(ExitCode::from(if verdict.fit { exit::DONE } else { exit::FAILED }))
}

/// A folder that only this user can write, removed at the end.
struct Private(PathBuf);

impl Private {
    fn new() -> std::io::Result<Self> {
        let path = std::env::temp_dir().join(format!("basicagent-check-{}", std::process::id()));
        // Fails if the folder exists: another user may have created it.
        fs::DirBuilder::new().mode(0o755).create(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn inspect(file: &Path, keep_root: bool, verdict: &mut Verdict) -> std::io::Result<()> {
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let Some(method) = MethodName::from_file_name(name) else {
        verdict.fault("name", format!("{name} is not a plugin's file name: expected lower-case letters and digits as in libgetinfo_disk_smart.so, for getinfo.disk.smart"));
        return Ok(());
    };
    if Method::OWN.iter().any(|own| own.name() == method.as_str()) {
        verdict.fault(
            "name",
            format!(
                "an agent answers {method} itself and never calls this plugin: choose another name"
            ),
        );
        return Ok(());
    }
    verdict.ok("name", format!("the file name stands for {method}"));
    let private = Private::new()?;
    let copy = private.0.join(name);
    let path = match host::check(file) {
        Ok(_) => {
            verdict.ok(
                "trust",
                "the file and all folders above it are owned by root or you, and not writable by others",
            );
            file
        }
        // The place can be at fault, or the file: check the file again in a place without faults.
        Err(why) => {
            fs::copy(file, &copy)?;
            fs::set_permissions(&copy, Permissions::from_mode(0o644))?;
            if let Err(why) = host::check(&copy) {
                verdict.fault("file", why.to_string().replace(&copy.display().to_string(), name));
                return Ok(());
            }
            verdict.warn("trust", format!("an agent would refuse it at this path: {why}"));
            &copy
        }
    };
    verdict.ok("file", "valid ELF library for this architecture: one entry point, no RPATH");
    let probe = Probe { path, method: method.as_str(), keep_root, strays: Strays::adopt()? };
    let Some(meta) = probe.described(verdict)? else { return Ok(()) };
    let schema = description(&meta, verdict);
    let working = probe.examples(&meta, schema.as_ref(), verdict)?;
    probe.nonsense(verdict)?;
    if let Some(args) = working.iter().find(|args| !args.trim().is_empty()) {
        probe.quoted(args, verdict)?;
    }
    if let Some(args) = working.first() {
        probe.help(verdict)?;
        probe.small_reply(args, verdict)?;
        probe.many_calls(args, verdict)?;
    }
    Ok(())
}

/// Checks the description, and returns its schema if it is valid.
fn description(meta: &Meta, verdict: &mut Verdict) -> Option<Schema> {
    if meta.api != API_VERSION {
        verdict.fault("describe", format!("api is {}; this host supports {API_VERSION}", meta.api));
    }
    for (field, text) in [("summary", &meta.summary), ("version", &meta.version)] {
        if text.trim().is_empty() {
            verdict.fault("describe", format!("{field} is empty"));
        }
    }
    if meta.examples.is_empty() {
        verdict.warn("describe", "no examples: only loading could be tested");
    }
    if meta.needs_root && meta.summary.is_empty() {
        verdict.warn("describe", "needs_root is set, but the summary does not say why");
    }
    let Some(text) = &meta.output_schema else {
        verdict.warn("schema", "no output_schema: users must guess the fields of the reply");
        return None;
    };
    let schema: Value = match serde_json::from_str(text.get()) {
        Ok(schema) => schema,
        Err(why) => {
            verdict.fault("schema", format!("output_schema is not JSON: {why}"));
            return None;
        }
    };
    match Schema::new(schema) {
        Ok(schema) => {
            verdict.ok("schema", "output_schema is a valid JSON Schema");
            Some(schema)
        }
        Err(why) => {
            verdict.fault("schema", format!("output_schema is not a JSON Schema: {why}"));
            None
        }
    }
}

/// Runs one plugin, each time in a new process.
struct Probe<'a> {
    path: &'a Path,
    method: &'a str,
    keep_root: bool,
    strays: Strays,
}

impl Probe<'_> {
    fn run(&self, calls: Option<Calls>, bound: Duration) -> std::io::Result<Ran> {
        let plugin = Load {
            method: self.method.to_owned(),
            path: self.path.to_owned(),
            trust: Trust::default(),
            keep_root: self.keep_root,
        };
        let order = Order { plugin, calls };
        probe::run(&order, bound, &self.strays)
    }

    /// Makes one call. If it fails, records a fault and returns `None`.
    fn call(
        &self,
        step: &'static str,
        args: &str,
        max_reply: usize,
        verdict: &mut Verdict,
    ) -> std::io::Result<Option<Called>> {
        let calls = Calls { args: args.to_owned(), max_reply, more: 0, at_most: CALL, growth: 0 };
        let Ran { outcome, printed, strays } = self.run(Some(calls), LOAD + CALL)?;
        let why = match outcome {
            Outcome::Report(Report::Loaded { called: Some(called), .. }) => {
                warn_of_output(step, &printed, verdict);
                if called.children > 0 || strays > 0 {
                    let why = "a process that outlives the call; wait for each that it starts";
                    verdict.fault("processes", format!("{args:?} leaves {why}"));
                }
                return Ok(Some(called));
            }
            Outcome::Report(Report::Loaded { .. }) => "the plugin was not called".to_owned(),
            Outcome::Report(Report::Refused(why)) => why,
            Outcome::Died(how) => format!("{how} during the call, which takes the worker down"),
            Outcome::Hung => format!("no reply within {} s", CALL.as_secs()),
        };
        verdict.fault(step, format!("{args:?}: {why}"));
        Ok(None)
    }

    fn described(&self, verdict: &mut Verdict) -> std::io::Result<Option<Meta>> {
        let Ran { outcome, printed, strays } = self.run(None, LOAD)?;
        let why = match outcome {
            Outcome::Report(Report::Loaded { meta, load, .. }) => {
                let took = load.as_secs_f64() * 1e3;
                verdict.ok(
                    "load",
                    format!(
                        "loaded and described in {took:.1} ms: {} {}",
                        meta.method, meta.version
                    ),
                );
                warn_of_output("load", &printed, verdict);
                if strays > 0 {
                    verdict.fault("load", "a constructor or describe leaves a process behind");
                }
                return Ok(Some(*meta));
            }
            Outcome::Report(Report::Refused(why)) => why,
            Outcome::Died(how) => {
                format!("{how} while loading, in a constructor or in describe")
            }
            Outcome::Hung => {
                format!(
                    "loading took more than {} s: a constructor or describe blocks",
                    LOAD.as_secs()
                )
            }
        };
        verdict.fault("load", why);
        Ok(None)
    }

    /// Runs every example, and returns the arguments of each that succeeded.
    fn examples(
        &self,
        meta: &Meta,
        schema: Option<&Schema>,
        verdict: &mut Verdict,
    ) -> std::io::Result<Vec<String>> {
        let mut working = Vec::new();
        for example in meta.examples.iter().take(MAX_EXAMPLES) {
            let args = &example.args;
            let Some(called) = self.call("example", args, MAX_REPLY, verdict)? else { continue };
            let took = format!("{} µs", called.took.as_micros());
            let reply = match called.answer {
                Answer::Reply(reply) => reply,
                Answer::Broken(why) => {
                    verdict.fault("example", format!("{args:?}: {why}"));
                    continue;
                }
                Answer::Failed { code, .. } if code == "needs_root" && !self.keep_root => {
                    verdict.warn(
                        "example",
                        format!("{args:?} requires root: repeat the check as root with --as-root"),
                    );
                    continue;
                }
                Answer::Failed { code, message } => {
                    verdict.fault("example", format!("{args:?} fails: {code}: {message}"));
                    continue;
                }
            };
            working.push(args.clone());
            if called.threads_after > called.threads_before {
                let more = called.threads_after - called.threads_before;
                verdict.fault(
                    "threads",
                    format!("{args:?} leaves {more} threads behind: they outlive the call"),
                );
            }
            let value: Value = match serde_json::from_str(&reply) {
                Ok(value) => value,
                Err(why) => {
                    verdict.fault("example", format!("{args:?}: the reply is not JSON: {why}"));
                    continue;
                }
            };
            if let Err(why) = check_part(&reply, 1) {
                verdict.fault(
                    "example",
                    format!("{args:?}: an agent cannot send the reply: {}", why.message),
                );
                continue;
            }
            if let Err(why) = check_part(&reply, 3) {
                verdict.warn(
                    "example",
                    format!("{args:?}: the reply does not fit into getinfo.all: {}", why.message),
                );
            }
            match schema.and_then(|schema| schema.mismatch(&value)) {
                Some(found) => verdict.fault(
                    "example",
                    format!("{args:?}: the reply does not match output_schema: {found}"),
                ),
                None if called.took > SLOW => {
                    verdict.warn(
                        "example",
                        format!("{args:?}: slow, {} bytes in {took}", reply.len()),
                    );
                }
                None => verdict.ok("example", format!("{args:?}: {} bytes in {took}", reply.len())),
            }
        }
        Ok(working)
    }

    /// Checks that the plugin rejects an unknown argument.
    fn nonsense(&self, verdict: &mut Verdict) -> std::io::Result<()> {
        let step = "arguments";
        match self.call(step, NONSENSE, MAX_REPLY, verdict)?.map(|called| called.answer) {
            None => {}
            Some(Answer::Failed { code, message }) if code == ProviderError::USAGE => {
                verdict.ok(step, format!("rejects unknown arguments: {message}"));
            }
            Some(Answer::Failed { code, .. }) if code == "needs_root" => {}
            Some(Answer::Failed { code, message }) => verdict.warn(
                step,
                format!(
                    "{NONSENSE} fails with code {code:?} ({message}); expected {:?} for unknown arguments",
                    ProviderError::USAGE
                ),
            ),
            Some(Answer::Reply(_)) => {
                verdict.warn(step, format!("{NONSENSE} is accepted silently: caller mistakes go unnoticed"));
            }
            Some(Answer::Broken(why)) => verdict.fault(step, format!("{NONSENSE}: {why}")),
        }
        Ok(())
    }

    /// Checks that the plugin splits its arguments into words as a shell does.
    fn quoted(&self, args: &str, verdict: &mut Verdict) -> std::io::Result<()> {
        let step = "arguments";
        let Ok(words) = Args::parse(args) else { return Ok(()) };
        let quote = |word: &str| format!("'{}'", word.replace('\'', "'\\''"));
        let quoted = words.words().map(quote).collect::<Vec<_>>().join("  ");
        match self.call(step, &quoted, MAX_REPLY, verdict)?.map(|called| called.answer) {
            None => {}
            Some(Answer::Reply(_)) => verdict.ok(step, "splits words as a shell does"),
            Some(Answer::Failed { code, .. }) if code == "needs_root" => {}
            Some(Answer::Failed { message, .. } | Answer::Broken(message)) => verdict.fault(
                step,
                format!(
                    "{quoted:?} fails, though {args:?} is the same to a shell: {message} \
                     (in C, use the request's words)"
                ),
            ),
        }
        Ok(())
    }

    /// Checks that `-h` gets a reply.
    fn help(&self, verdict: &mut Verdict) -> std::io::Result<()> {
        let step = "help";
        match self.call(step, "-h", MAX_REPLY, verdict)?.map(|called| called.answer) {
            None => {}
            Some(Answer::Reply(_)) => verdict.ok(step, "-h prints the description"),
            Some(Answer::Failed { code, message }) => {
                verdict.fault(step, format!("-h fails: {code}: {message}"));
            }
            Some(Answer::Broken(why)) => verdict.fault(step, format!("-h: {why}")),
        }
        Ok(())
    }

    /// Checks that a reply beyond the caller's limit becomes an error.
    fn small_reply(&self, args: &str, verdict: &mut Verdict) -> std::io::Result<()> {
        let step = "bound";
        match self.call(step, args, SMALL_REPLY, verdict)?.map(|called| called.answer) {
            None => {}
            Some(Answer::Failed { .. }) => verdict.ok(step, "respects the caller's size limit"),
            Some(Answer::Reply(reply)) if reply.len() <= SMALL_REPLY => {
                verdict.ok(step, "the reply is short")
            }
            Some(Answer::Reply(reply)) => {
                verdict.fault(
                    step,
                    format!("{} bytes for a caller with a limit of {SMALL_REPLY}", reply.len()),
                );
            }
            Some(Answer::Broken(why)) => verdict.fault(step, why),
        }
        Ok(())
    }

    /// Checks for a memory leak over many calls.
    fn many_calls(&self, args: &str, verdict: &mut Verdict) -> std::io::Result<()> {
        let step = "memory";
        let (max_reply, at_most) = (MAX_REPLY, CALLS_TIME);
        let calls =
            Calls { args: args.to_owned(), max_reply, more: CALLS, at_most, growth: MAX_GROWTH };
        let Ran { outcome, .. } = self.run(Some(calls), LOAD + CALLS_TIME + CALL)?;
        let why = match outcome {
            Outcome::Report(Report::Loaded {
                called: Some(Called { drift: Some(drift), .. }),
                ..
            }) => {
                let each = drift.took.as_secs_f64() * 1e6 / f64::from(drift.calls.max(1));
                let per_call = |calls: u32, grown: i64| grown / i64::from(calls.max(1));
                let grown = drift.grown;
                let leak = per_call(drift.calls, grown);
                // Growth that halves over ten times as many calls is not a leak.
                let goes_on =
                    drift.later.is_some_and(|(calls, grown)| 2 * per_call(calls, grown) >= leak);
                let made = drift.calls;
                if goes_on {
                    verdict.fault(step, format!("memory leak with {args:?}: {grown} bytes after {made} calls ({leak} per call), still growing"));
                } else if drift.calls < CALLS {
                    verdict.warn(
                        step,
                        format!(
                            "only {made} calls in {} s; memory grew by {grown} bytes",
                            CALLS_TIME.as_secs()
                        ),
                    );
                } else {
                    verdict.ok(
                        step,
                        format!("{made} calls, {each:.0} µs each; memory grew by {grown} bytes"),
                    );
                }
                return Ok(());
            }
            Outcome::Report(Report::Loaded { .. }) => "the plugin was not called".to_owned(),
            Outcome::Report(Report::Refused(why)) => why,
            Outcome::Died(how) => format!("{how} in one of {CALLS} calls"),
            Outcome::Hung => format!("one of {CALLS} calls hangs"),
        };
        verdict.fault(step, format!("{args:?}: {why}"));
        Ok(())
    }
}

fn warn_of_output(step: &'static str, noise: &[u8], verdict: &mut Verdict) {
    let text = String::from_utf8_lossy(noise);
    if let Some(line) = text.lines().find(|line| !line.trim().is_empty()) {
        let line: String = line.chars().take(100).collect();
        verdict.warn(step, format!("it prints, which only the agent's log shows: {line}"));
    }
}
