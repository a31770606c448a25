//! `getinfo.kernel`: which kernel runs here, since when, how it was started, and in what state.
//!
//! Everything comes from uname(2), sysconf(3) and /proc; nothing is run and no root is needed.
//! Takes no arguments. Where a source is missing (a container without /proc/modules), the field is
//! null or empty rather than the whole answer lost.

mod boot;
mod modules;
mod processors;
mod source;
mod taint;

use std::fs::File;
use std::path::Path;
use std::sync::LazyLock;

use nix::sys::utsname::uname;
use nix::unistd::{SysconfVar, sysconf};
use plugin_api::{Args, Context, Meta, Provider, ProviderError, Reply, export_provider};
use readers::file;
use serde::Serialize;

use boot::Boot;
use modules::Module;
use source::Source;
use taint::Taint;

struct Kernel;

// What can't change while this kernel runs is read once: most of a call's time goes to opening files.
static PROC_VERSION: LazyLock<Option<String>> = LazyLock::new(|| line("/proc/version"));
static COMMAND_LINE: LazyLock<Option<String>> = LazyLock::new(|| line("/proc/cmdline"));
static PROCESSORS_CONFIGURED: LazyLock<Option<i64>> = LazyLock::new(|| number(SysconfVar::_NPROCESSORS_CONF));

static TAINTED: Source = Source::new(|| File::open("/proc/sys/kernel/tainted").ok());

/// The answer. Its field names are stable: new ones may join, none changes.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Answer {
    /// uname(2): always `Linux`.
    sysname: String,
    /// uname(2): `6.1.0-18-amd64`.
    release: String,
    /// uname(2): build number, options and date.
    version: String,
    /// uname(2): the machine's hardware name, `x86_64`.
    machine: String,
    /// The instruction set this answer was compiled for; differs from `machine` under a
    /// personality or a 32-bit userland.
    architecture: &'static str,
    /// uname(2): the host's name (its node name).
    hostname: String,
    /// uname(2): the NIS domain, null where none is set.
    domainname: Option<String>,
    /// /proc/version: compiler included.
    proc_version: Option<String>,
    /// Which start of the machine this is, and when it was.
    boot: Boot,
    /// The kernel's command line (/proc/cmdline).
    command_line: Option<String>,
    /// /proc/sys/kernel/tainted, decoded.
    taint: Option<Taint>,
    /// Loaded modules, sorted by name (/proc/modules).
    modules: Vec<Module>,
    /// Bytes a page.
    page_size_bytes: Option<i64>,
    /// Processors that are online.
    processors_online: Option<i64>,
    /// Processors that are configured.
    processors_configured: Option<i64>,
}

impl Provider for Kernel {
    fn describe() -> Meta {
        Meta::new(
            "getinfo.kernel",
            env!("CARGO_PKG_VERSION"),
            "the running kernel: release, boot time, command line, taint, modules",
        )
        .output_schema(include_str!("../schema.json"))
        .example("", "everything known of the kernel, as one object")
    }

    fn call(args: &Args, _ctx: &Context) -> Result<Reply, ProviderError> {
        args.none()?;
        Reply::json(&Answer::collect()?)
    }
}

impl Answer {
    fn collect() -> Result<Self, ProviderError> {
        let names = uname().map_err(|err| ProviderError::new("uname", format!("uname: {}", err.desc())))?;
        let text = |name: &std::ffi::OsStr| name.to_string_lossy().into_owned();
        Ok(Self {
            sysname: text(names.sysname()),
            release: text(names.release()),
            version: text(names.version()),
            machine: text(names.machine()),
            architecture: std::env::consts::ARCH,
            hostname: text(names.nodename()),
            domainname: Some(text(names.domainname())).filter(|name| !name.is_empty() && name != "(none)"),
            proc_version: PROC_VERSION.clone(),
            boot: Boot::read(),
            command_line: COMMAND_LINE.clone(),
            taint: TAINTED.line().and_then(|text| text.parse().ok()).map(Taint::decode),
            modules: modules::read(),
            page_size_bytes: number(SysconfVar::PAGE_SIZE),
            processors_online: processors::online(),
            processors_configured: *PROCESSORS_CONFIGURED,
        })
    }
}

/// The first line of a /proc file; not valid UTF-8 is shown with replacement characters.
fn line(path: &str) -> Option<String> {
    Some(file::text(Path::new(path))?.split('\n').next()?.to_owned())
}

fn number(var: SysconfVar) -> Option<i64> {
    sysconf(var).ok().flatten()
}

export_provider!(Kernel);

#[cfg(test)]
mod tests {
    #[test]
    fn the_schema_is_that_of_the_answer() {
        plugin_api::testing::assert_schema::<super::Answer>(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/schema.json"
        ));
    }
}
