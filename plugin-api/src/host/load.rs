//! Loads a checked descriptor with dlopen and calls the plugin through its Rust or C entry.

#![expect(unsafe_code, reason = "opens libraries and takes symbols from them")]

use std::fmt;
use std::ops::Deref;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use abi_stable::library::{AbiHeaderRef, LibraryError, RootModule};
use abi_stable::sabi_types::VersionStrings;
use abi_stable::std_types::{RResult, RStr, RString};
use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use serde::de::IgnoredAny;

use super::elf::EntryKind;
use super::{CheckedFile, HostError, call_c};
use crate::context::Request;
use crate::entry_c::{self, ProviderV1};
use crate::entry_rust::{self, ProviderModuleRef};
use crate::{Args, Context, Meta, MethodName, ProviderError};

/// The longest description, in bytes.
const MAX_DESCRIPTION: usize = 64 << 10;

/// A plugin loaded into this process. Any thread may call it, one call at a time.
///
/// Its library stays loaded for the life of the process: nothing tells when a plugin's threads, or
/// the texts it returned, no longer need it.
#[derive(Debug)]
pub struct LoadedProvider {
    path: PathBuf,
    meta: Meta,
    entry: Entry,
}

enum Entry {
    Rust(ProviderModuleRef),
    C(ProviderV1),
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rust(_) => "Rust",
            Self::C(_) => "C",
        })
    }
}

/// Loads a checked plugin and verifies that it provides `method`.
///
/// The file's constructors run in this process, with its privileges.
///
/// # Errors
/// [`HostError::Load`], [`HostError::WrongMethod`], [`HostError::BadReply`].
pub fn load(checked: CheckedFile, method: &MethodName) -> Result<LoadedProvider, HostError> {
    let CheckedFile { file, path, kind, .. } = checked;
    let library = dlopen(&file).map_err(|why| HostError::Load { path: path.clone(), why })?;
    // Both stay open forever. The library: see `LoadedProvider`. The descriptor: the linker knows a
    // library by the name it was opened with, here /proc/self/fd/N; if N were reused, the linker
    // would return this library in place of the new one.
    std::mem::forget(file);
    let library: &'static Library = Box::leak(Box::new(library));
    let entry = match kind {
        EntryKind::Rust => rust_entry(library).map(Entry::Rust),
        EntryKind::C => c_entry(library).map(Entry::C),
    };
    let entry = entry.map_err(|why| HostError::Load { path: path.clone(), why })?;
    let meta = describe(&entry).map_err(|why| HostError::BadReply { path: path.clone(), why })?;
    if meta.method != method.as_str() {
        return Err(HostError::WrongMethod { path, described: meta.method });
    }
    Ok(LoadedProvider { path, meta, entry })
}

impl LoadedProvider {
    /// Returns the plugin's description of itself.
    pub fn describe(&self) -> &Meta {
        &self.meta
    }

    /// Returns the path that the plugin was loaded from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes one call and returns the reply, a JSON value as text.
    ///
    /// Checks that a C plugin's reply is UTF-8 and JSON. Does not parse a Rust plugin's reply
    /// again: its SDK produces it by serializing. For a C plugin, does what the SDK does for one in
    /// Rust: splits `args` into words, and replies to `-h` and `--schema` where the plugin rejects
    /// them.
    ///
    /// # Errors
    /// [`HostError::Provider`] with the plugin's own error; [`HostError::BadReply`] when it breaks
    /// the interface.
    pub fn call(&self, args: &str, ctx: &Context) -> Result<Json, HostError> {
        let mut request = Request { args: args.to_owned(), ctx: ctx.clone(), words: None };
        if let Entry::C(_) = self.entry {
            let words = Args::parse(args).map_err(HostError::Provider)?;
            request.words = Some(words.words().map(str::to_owned).collect());
        }
        let request = serde_json::to_string(&request).expect("strings and numbers serialize");
        let (answer, is_error) = match &self.entry {
            Entry::Rust(module) => match module.call()(RStr::from_str(&request)) {
                RResult::ROk(text) => (Json(Text::Plugin(text)), false),
                RResult::RErr(text) => (Json(Text::Plugin(text)), true),
            },
            Entry::C(provider) => {
                let (text, is_error) = call_c::call(provider, &request, ctx.max_reply)
                    .map_err(|why| self.broken(why))?;
                (Json(Text::Host(text)), is_error)
            }
        };
        if is_error {
            let error: ProviderError = serde_json::from_str(&answer)
                .map_err(|err| self.broken(format!("its error is not {{code, message}}: {err}")))?;
            if let Entry::C(_) = self.entry
                && error.code() == ProviderError::USAGE
                && let Ok(args) = Args::parse(args)
                && let Some(reply) = self.about_itself(&args)
            {
                return reply;
            }
            return Err(HostError::Provider(error));
        }
        if answer.len() > ctx.max_reply {
            let message = format!(
                "the reply has {} bytes; the caller's limit is {}",
                answer.len(),
                ctx.max_reply
            );
            return Err(HostError::Provider(ProviderError::new(
                ProviderError::REPLY_TOO_LARGE,
                message,
            )));
        }
        if let Entry::C(_) = self.entry {
            serde_json::from_str::<IgnoredAny>(&answer)
                .map_err(|err| self.broken(format!("its reply is not JSON: {err}")))?;
        }
        Ok(answer)
    }

    /// Returns the reply to `-h` or `--schema` for a plugin in C that does not know it, as the Rust
    /// SDK does; `None` for other arguments.
    fn about_itself(&self, args: &Args) -> Option<Result<Json, HostError>> {
        let reply = if args.wants_help() {
            entry_rust::usage_reply(&self.meta)
        } else if args.wants_schema() {
            entry_rust::schema_reply(&self.meta)
        } else {
            return None;
        };
        let reply = reply.map_err(HostError::Provider);
        Some(reply.map(|reply| Json(Text::Host(reply.into_string()))))
    }

    fn broken(&self, why: String) -> HostError {
        HostError::BadReply { path: self.path.clone(), why }
    }
}

/// A JSON value as text, in the memory that the plugin allocated: a long reply is not copied.
#[derive(Debug)]
pub struct Json(Text);

#[derive(Debug)]
enum Text {
    Plugin(RString),
    Host(String),
}

impl Deref for Json {
    type Target = str;

    fn deref(&self) -> &str {
        match &self.0 {
            Text::Plugin(text) => text.as_str(),
            Text::Host(text) => text,
        }
    }
}

impl From<Json> for String {
    fn from(json: Json) -> Self {
        match json.0 {
            Text::Plugin(text) => text.into_string(),
            Text::Host(text) => text,
        }
    }
}

fn dlopen(file: &std::fs::File) -> Result<Library, String> {
    let name = format!("/proc/self/fd/{}", file.as_raw_fd());
    // SAFETY: opening a library runs its constructors, which must be sound. That cannot be proved
    // of foreign code; the file was checked to come from root or from our own user, who can run any
    // code in this process by other means as well.
    let opened = unsafe { Library::open(Some(&name), RTLD_NOW | RTLD_LOCAL) };
    opened.map_err(|err| {
        // The linker's own message is in the source; the descriptor that it names helps nobody.
        let why =
            std::error::Error::source(&err).map_or_else(|| err.to_string(), ToString::to_string);
        one_line(why.trim_start_matches(&name).trim_start_matches(": "))
    })
}

fn rust_entry(library: &'static Library) -> Result<ProviderModuleRef, String> {
    // SAFETY: the symbol must be of the type asked for: this mangled name is abi_stable's own, for
    // a static that begins with an `AbiHeader` in every version of it.
    let symbol = unsafe { library.get::<AbiHeaderRef>(entry_rust::SYMBOL) };
    let symbol = symbol.map_err(|_| "its entry symbol is missing".to_owned())?;
    let header: AbiHeaderRef = *symbol;
    let header = header.upgrade().map_err(|err| summary(&err))?;
    // Without layout constants abi_stable would skip the very check it is used for.
    if header.layout().is_none() {
        return Err("it was built without the layout of its interface, which cannot be checked: \
                    build it with export_provider!"
            .to_owned());
    }
    header.init_root_module::<ProviderModuleRef>().map_err(|err| summary(&err))
}

fn c_entry(library: &'static Library) -> Result<ProviderV1, String> {
    // SAFETY: the symbol must be of the type asked for: a pointer to an object, not yet read.
    let symbol = unsafe { library.get::<*const u8>(entry_c::SYMBOL) };
    let symbol = symbol.map_err(|_| "its entry symbol is missing".to_owned())?;
    call_c::read_provider(*symbol)
}

fn describe(entry: &Entry) -> Result<Meta, String> {
    let text = match entry {
        Entry::Rust(module) => module.describe()().into_string(),
        Entry::C(provider) => call_c::describe(provider, MAX_DESCRIPTION)?,
    };
    if text.is_empty() || text.len() > MAX_DESCRIPTION {
        return Err(format!(
            "its description has {} bytes; expected 1 to {MAX_DESCRIPTION}",
            text.len()
        ));
    }
    serde_json::from_str(&text).map_err(|err| format!("its description is invalid: {err}"))
}

/// Shortens abi_stable's messages, which run to pages, to the line that an operator needs.
fn summary(err: &LibraryError) -> String {
    let own = ProviderModuleRef::VERSION_STRINGS;
    match err {
        LibraryError::IncompatibleVersionNumber { actual_version, .. } => {
            format!(
                "it was built for plugin API {}; this host supports {}",
                actual_version.major,
                major(own)
            )
        }
        LibraryError::AbiInstability(_) => {
            "its interface has another layout than this host's: it was built with another \
             version of plugin-api or a changed one"
                .to_owned()
        }
        LibraryError::InvalidAbiHeader(_) | LibraryError::InvalidCAbi { .. } => {
            "it was built with a version of abi_stable that this host cannot load".to_owned()
        }
        other => one_line(&other.to_string()),
    }
}

fn major(version: VersionStrings) -> String {
    version.version.as_str().split('.').next().unwrap_or_default().to_owned()
}

/// The longest message of a library that is passed on, in characters.
const MAX_MESSAGE: usize = 300;

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(MAX_MESSAGE).collect()
}
