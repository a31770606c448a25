//! `getinfo.kernel`: the running kernel, its boot time, command line, taint and modules.
//!
//! Everything comes from uname(2), sysconf(3), /proc and /sys; nothing is run and root is not
//! required. It takes no arguments. If a source is missing (a container without /proc/modules), the
//! field is null or empty and the rest of the answer is complete.

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

// Values that cannot change while this kernel runs are read once: most of a call is opening files.
static PROC_VERSION: LazyLock<Option<String>> = LazyLock::new(|| line("/proc/version"));
static COMMAND_LINE: LazyLock<Option<String>> = LazyLock::new(|| line("/proc/cmdline"));
static PROCESSORS_CONFIGURED: LazyLock<Option<i64>> =
    LazyLock::new(|| number(SysconfVar::_NPROCESSORS_CONF));

static TAINTED: Source = Source::new(|| File::open("/proc/sys/kernel/tainted").ok());

/// The answer. Field names are stable: fields may be added, none is renamed or removed.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Answer {
    /// The system name (uname(2)): always `Linux`.
    sysname: String,
    /// The kernel release (uname(2)), `6.1.0-18-amd64`.
    release: String,
    /// Build number, options and date (uname(2)).
    version: String,
    /// The hardware name (uname(2)), `x86_64`.
    machine: String,
    /// The architecture that the plugin was compiled for; differs from `machine` under a
    /// personality(2) or a 32-bit userland.
    architecture: &'static str,
    /// The host name (uname(2), its node name).
    hostname: String,
    /// The NIS domain name (uname(2)); null if none is set.
    domainname: Option<String>,
    /// The text of /proc/version, which includes the compiler.
    proc_version: Option<String>,
    /// The time and id of this boot.
    boot: Boot,
    /// The kernel's command line (/proc/cmdline).
    command_line: Option<String>,
    /// The kernel's taint flags (/proc/sys/kernel/tainted).
    taint: Option<Taint>,
    /// Loaded modules, sorted by name (/proc/modules).
    modules: Vec<Module>,
    /// Bytes per page of memory.
    page_size_bytes: Option<i64>,
    /// Online processors.
    processors_online: Option<i64>,
    /// Configured processors.
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
        let names =
            uname().map_err(|err| ProviderError::new("uname", format!("uname: {}", err.desc())))?;
        let text = |name: &std::ffi::OsStr| name.to_string_lossy().into_owned();
        Ok(Self {
            sysname: text(names.sysname()),
            release: text(names.release()),
            version: text(names.version()),
            machine: text(names.machine()),
            architecture: std::env::consts::ARCH,
            hostname: text(names.nodename()),
            domainname: Some(text(names.domainname()))
                .filter(|name| !name.is_empty() && name != "(none)"),
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

/// Returns the first line of a /proc file, with U+FFFD for what isn't UTF-8.
fn line(path: &str) -> Option<String> {
    Some(file::text(Path::new(path))?.split('\n').next()?.to_owned())
}

fn number(var: SysconfVar) -> Option<i64> {
    sysconf(var).ok().flatten()
}

export_provider!(Kernel);

#[cfg(test)]
plugin_api::testing::schema_test!(Answer);
