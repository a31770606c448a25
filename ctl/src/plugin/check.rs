//! `check FILE.so`: is this plugin fit to be shipped? Each step says in a line what its author can act on.
//!
//! The same bounds as the agent's; what only an installed file can satisfy (owners, modes of folders) is a warning here.

use super::probe::{self, Answer, Called, Calls, Job, Outcome, Report};
use super::schema;
use super::verdict::{Level, Verdict};
use crate::error::Error;
use crate::{exit, output};
use plugin_api::host;
use plugin_api::{API_VERSION, Meta, MethodName, ProviderError};
use serde_json::Value;
use std::fs::{self, Permissions};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// From the start of a process to a described plugin, and one call: what the agent allows.
const LOAD: Duration = Duration::from_secs(2);
const CALL: Duration = Duration::from_secs(5);
/// A call beyond it is told: whoever asks waits for it.
const SLOW: Duration = Duration::from_millis(100);
/// The longest reply that the agent takes, in bytes; and one that is too short for any.
const MAX_REPLY: usize = 4 << 20;
const SMALL_REPLY: usize = 1;

/// Calls in which memory may grow by no more than this, in bytes; and how long they may take.
const CALLS: u32 = 1000;
const MAX_GROWTH: i64 = 64 << 10;
const CALLS_TIME: Duration = Duration::from_secs(20);

/// An argument that no provider has.
const NONSENSE: &str = "--no-such-argument-anywhere";

/// The most examples that are run.
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
    /// Let it keep root, as an agent does whose configuration allows that (plugins.roots)
    #[arg(long)]
    as_root: bool,
}

/// Checks a plugin and prints the verdict; the status says whether it is fit.
///
/// # Errors
/// [`Error::NotAsked`]: there is no such file, or no process to look at it with.
pub(crate) fn run(check: &Check) -> Result<ExitCode, Error> {
    let told = |why: &dyn std::fmt::Display| Error::NotAsked(format!("{}: {why}", check.file.display()));
    let file = fs::canonicalize(&check.file).map_err(|why| told(&why))?;
    if check.as_root && !nix::unistd::geteuid().is_root() {
        return Err(Error::NotAsked("--as-root needs root".to_owned()));
    }
    let mut verdict = Verdict::default();
    inspect(&file, check.as_root, &mut verdict).map_err(|why| told(&why))?;
    verdict.fit = verdict.count(Level::Fault) == 0;
    if check.json {
        let text = serde_json::to_string(&verdict).map_err(|why| told(&why))?;
        output::json(&text)?;
    } else {
        output::bytes(verdict.for_people().as_bytes())?;
    }
    Ok(ExitCode::from(if verdict.fit { exit::DONE } else { exit::FAILED }))
}

/// A folder of ours alone, removed at the end.
struct Private(PathBuf);

impl Private {
    fn new() -> std::io::Result<Self> {
        let path = std::env::temp_dir().join(format!("basicagent-check-{}", std::process::id()));
        // Not one that is there: somebody else may have made it.
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
        verdict.fault("name", format!("{name} is not the name of a plugin: getinfo.disk.smart is libgetinfo_disk_smart.so, of lower-case letters and digits"));
        return Ok(());
    };
    verdict.ok("name", format!("it is to answer {method}"));
    let private = Private::new()?;
    let copy = private.0.join(name);
    let path = match host::check(file) {
        Ok(_) => {
            verdict.ok("trust", "its file and all folders above it are root's or yours alone");
            file
        }
        // Where it lies is one thing, what it is another: looked at again where nothing is wrong with the place.
        Err(why) => {
            fs::copy(file, &copy)?;
            fs::set_permissions(&copy, Permissions::from_mode(0o644))?;
            if let Err(why) = host::check(&copy) {
                verdict.fault("file", why.to_string().replace(&copy.display().to_string(), name));
                return Ok(());
            }
            verdict.warn("trust", format!("an agent would refuse it where it lies: {why}"));
            &copy
        }
    };
    verdict.ok(
        "file",
        "a whole ELF library of this machine's kind with one entry, and no search path of its own",
    );
    let probe = Probe { path, method: method.as_str(), keep_root };
    let Some(meta) = probe.described(verdict)? else { return Ok(()) };
    let schema = description(&meta, verdict);
    let working = probe.examples(&meta, schema.as_ref(), verdict)?;
    probe.nonsense(verdict)?;
    if let Some(args) = working {
        probe.small_reply(&args, verdict)?;
        probe.many_calls(&args, verdict)?;
    }
    Ok(())
}

/// What the plugin says of itself; its schema, if that is one.
fn description(meta: &Meta, verdict: &mut Verdict) -> Option<Value> {
    if meta.api != API_VERSION {
        verdict.fault("describe", format!("api is {}, this host speaks {API_VERSION}", meta.api));
    }
    for (field, text) in [("summary", &meta.summary), ("version", &meta.version)] {
        if text.trim().is_empty() {
            verdict.fault("describe", format!("{field} is empty"));
        }
    }
    if meta.examples.is_empty() {
        verdict.warn("describe", "it has no example: nothing but its loading could be tried");
    }
    if meta.needs_root && meta.summary.is_empty() {
        verdict.warn("describe", "it needs root and does not say for what");
    }
    let Some(text) = &meta.output_schema else {
        verdict.warn("schema", "it has no output_schema: whoever reads its answers has to guess");
        return None;
    };
    let schema: Value = match serde_json::from_str(text.get()) {
        Ok(schema) => schema,
        Err(why) => {
            verdict.fault("schema", format!("its output_schema is not JSON: {why}"));
            return None;
        }
    };
    match schema::unknown(&schema) {
        Ok(unknown) if unknown.is_empty() => verdict.ok("schema", "its output_schema is a JSON Schema"),
        Ok(unknown) => {
            verdict.warn("schema", format!("not looked at in its output_schema: {}", unknown.join(", ")))
        }
        Err(why) => {
            verdict.fault("schema", format!("its output_schema is no JSON Schema: {why}"));
            return None;
        }
    }
    Some(schema)
}

/// Looks at one plugin, each time in a new process.
struct Probe<'a> {
    path: &'a Path,
    method: &'a str,
    keep_root: bool,
}

impl Probe<'_> {
    fn look(&self, calls: Option<Calls>, bound: Duration) -> std::io::Result<(Outcome, Vec<u8>)> {
        let job = Job {
            path: self.path.to_owned(),
            method: self.method.to_owned(),
            keep_root: self.keep_root,
            calls,
        };
        probe::look(&job, bound)
    }

    /// One call, or why there is none, which is a fault.
    fn call(
        &self,
        step: &'static str,
        args: &str,
        max_reply: usize,
        verdict: &mut Verdict,
    ) -> std::io::Result<Option<Called>> {
        let calls = Calls { args: args.to_owned(), max_reply, more: 0, at_most: CALL, growth: 0 };
        let (outcome, noise) = self.look(Some(calls), LOAD + CALL)?;
        let how = match outcome {
            Outcome::Report(Report::Loaded { called: Some(called), .. }) => {
                told_of_noise(step, &noise, verdict);
                return Ok(Some(called));
            }
            Outcome::Report(Report::Loaded { .. }) => "it was not called".to_owned(),
            Outcome::Report(Report::Refused(why)) => why,
            Outcome::Died(how) => format!("{how} during the call, and with it everything that waited for it"),
            Outcome::Hung => format!("no answer within {} s", CALL.as_secs()),
        };
        verdict.fault(step, format!("{args:?}: {how}"));
        Ok(None)
    }

    fn described(&self, verdict: &mut Verdict) -> std::io::Result<Option<Meta>> {
        let (outcome, noise) = self.look(None, LOAD)?;
        let how = match outcome {
            Outcome::Report(Report::Loaded { meta, load, .. }) => {
                let took = load.as_secs_f64() * 1e3;
                verdict.ok(
                    "load",
                    format!("loaded and described in {took:.1} ms: {} {}", meta.method, meta.version),
                );
                told_of_noise("load", &noise, verdict);
                return Ok(Some(*meta));
            }
            Outcome::Report(Report::Refused(why)) => why,
            Outcome::Died(how) => {
                format!("{how} while it was loaded or described itself: in a constructor, or in describe")
            }
            Outcome::Hung => format!(
                "not loaded and described within {} s: a constructor or describe waits or works",
                LOAD.as_secs()
            ),
        };
        verdict.fault("load", how);
        Ok(None)
    }

    /// Runs every example; the arguments of one that was answered.
    fn examples(
        &self,
        meta: &Meta,
        schema: Option<&Value>,
        verdict: &mut Verdict,
    ) -> std::io::Result<Option<String>> {
        let mut working = None;
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
                        format!("{args:?} needs root: check it again as root with --as-root"),
                    );
                    continue;
                }
                Answer::Failed { code, message } => {
                    verdict
                        .fault("example", format!("{args:?} is answered with an error: {code}: {message}"));
                    continue;
                }
            };
            working.get_or_insert_with(|| args.clone());
            if called.threads_after > called.threads_before {
                let more = called.threads_after - called.threads_before;
                verdict.fault(
                    "threads",
                    format!("{args:?} leaves {more} threads behind: they outlive the call and its bounds"),
                );
            }
            let value: Value = match serde_json::from_str(&reply) {
                Ok(value) => value,
                Err(why) => {
                    verdict.fault("example", format!("{args:?}: its answer is not JSON: {why}"));
                    continue;
                }
            };
            match schema.and_then(|schema| schema::mismatch(schema, &value)) {
                Some(found) => {
                    verdict.fault("example", format!("{args:?} is not as output_schema has it: {found}"))
                }
                None if called.took > SLOW => {
                    verdict
                        .warn("example", format!("{args:?}: {} bytes, but only after {took}", reply.len()));
                }
                None => verdict.ok("example", format!("{args:?}: {} bytes in {took}", reply.len())),
            }
        }
        Ok(working)
    }

    /// Arguments that make no sense are to be refused as such.
    fn nonsense(&self, verdict: &mut Verdict) -> std::io::Result<()> {
        let step = "arguments";
        match self.call(step, NONSENSE, MAX_REPLY, verdict)?.map(|called| called.answer) {
            None => {}
            Some(Answer::Failed { code, message }) if code == ProviderError::USAGE => {
                verdict.ok(step, format!("wrong ones are told: {message}"));
            }
            Some(Answer::Failed { code, .. }) if code == "needs_root" => {}
            Some(Answer::Failed { code, message }) => verdict.warn(
                step,
                format!(
                    "{NONSENSE} is answered {code:?} ({message}): wrong arguments have the code {:?}",
                    ProviderError::USAGE
                ),
            ),
            Some(Answer::Reply(_)) => {
                verdict.warn(
                    step,
                    format!("{NONSENSE} is taken without a word: a slip of the caller's is not noticed"),
                );
            }
            Some(Answer::Broken(why)) => verdict.fault(step, format!("{NONSENSE}: {why}")),
        }
        Ok(())
    }

    /// A caller who takes little gets an error, and soon.
    fn small_reply(&self, args: &str, verdict: &mut Verdict) -> std::io::Result<()> {
        let step = "bound";
        match self.call(step, args, SMALL_REPLY, verdict)?.map(|called| called.answer) {
            None => {}
            Some(Answer::Failed { .. }) => verdict.ok(step, "a caller who takes less gets an error"),
            Some(Answer::Reply(reply)) if reply.len() <= SMALL_REPLY => {
                verdict.ok(step, "its answer is short")
            }
            Some(Answer::Reply(reply)) => {
                verdict.fault(step, format!("{} bytes for a caller who takes {SMALL_REPLY}", reply.len()));
            }
            Some(Answer::Broken(why)) => verdict.fault(step, why),
        }
        Ok(())
    }

    /// Memory over many calls.
    fn many_calls(&self, args: &str, verdict: &mut Verdict) -> std::io::Result<()> {
        let step = "memory";
        let (max_reply, at_most) = (MAX_REPLY, CALLS_TIME);
        let calls = Calls { args: args.to_owned(), max_reply, more: CALLS, at_most, growth: MAX_GROWTH };
        let (outcome, _) = self.look(Some(calls), LOAD + CALLS_TIME + CALL)?;
        let how = match outcome {
            Outcome::Report(Report::Loaded { called: Some(Called { drift: Some(drift), .. }), .. }) => {
                let each = drift.took.as_secs_f64() * 1e6 / f64::from(drift.calls.max(1));
                let per_call = |calls: u32, grown: i64| grown / i64::from(calls.max(1));
                let grown = drift.grown;
                let leak = per_call(drift.calls, grown);
                // Half as fast over ten times as many calls is no leak any more.
                let goes_on = drift.later.is_some_and(|(calls, grown)| 2 * per_call(calls, grown) >= leak);
                let made = drift.calls;
                if goes_on {
                    verdict.fault(step, format!("{made} calls {args:?} leave {grown} bytes behind, {leak} each, and so do those after: it leaks"));
                } else if drift.calls < CALLS {
                    verdict.warn(
                        step,
                        format!("only {made} calls in {} s, {grown} bytes more", CALLS_TIME.as_secs()),
                    );
                } else {
                    verdict.ok(step, format!("{made} calls, {each:.0} µs each: {grown} bytes more"));
                }
                return Ok(());
            }
            Outcome::Report(Report::Loaded { .. }) => "it was not called".to_owned(),
            Outcome::Report(Report::Refused(why)) => why,
            Outcome::Died(how) => format!("{how} in one of {CALLS} calls"),
            Outcome::Hung => format!("one of {CALLS} calls is not answered"),
        };
        verdict.fault(step, format!("{args:?}: {how}"));
        Ok(())
    }
}

fn told_of_noise(step: &'static str, noise: &[u8], verdict: &mut Verdict) {
    let text = String::from_utf8_lossy(noise);
    if let Some(line) = text.lines().find(|line| !line.trim().is_empty()) {
        let line: String = line.chars().take(100).collect();
        verdict.warn(step, format!("it prints, which only the agent's log sees: {line}"));
    }
}
