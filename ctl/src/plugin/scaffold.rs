//! `new getinfo.NAME DIR`: a plugin to begin with, which builds, passes its tests and `check` as it is.

use crate::error::Error;
use crate::{exit, output};
use plugin_api::MethodName;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// A file of a new plugin: its name, and its text in the example that it is made from.
type Template = (&'static str, &'static str);

const RUST: [Template; 6] = [
    ("Cargo.toml", include_str!("../../../examples/plugin-rust/Cargo.toml")),
    ("src/lib.rs", include_str!("../../../examples/plugin-rust/src/lib.rs")),
    ("tests/loaded.rs", include_str!("../../../examples/plugin-rust/tests/loaded.rs")),
    ("schema.json", include_str!("../../../examples/plugin-rust/schema.json")),
    ("README.md", include_str!("../../../examples/plugin-rust/README.md")),
    (".gitignore", include_str!("../../../examples/plugin-rust/.gitignore")),
];

const C: [Template; 5] = [
    ("plugin.c", include_str!("../../../examples/plugin-c/plugin.c")),
    ("Makefile", include_str!("../../../examples/plugin-c/Makefile")),
    ("README.md", include_str!("../../../examples/plugin-c/README.md")),
    ("getinfo_provider.h", include_str!("../../../plugin-api/include/getinfo_provider.h")),
    (".gitignore", include_str!("../../../examples/plugin-c/.gitignore")),
];

/// What the examples say where a new plugin says something of its own.
const METHOD: &str = "getinfo.uptime";
const PACKAGE: &str = "getinfo-uptime";
const LIBRARY: &str = "libgetinfo_uptime.so";
const API: &str = "path = \"../../plugin-api\"";
const HEADER_DIR: &str = "../../plugin-api/include";

/// The languages there are files for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Language {
    /// A crate, with tests and a schema that can't drift from its types
    Rust,
    /// One file and a Makefile; no Rust is needed
    C,
}

/// The flags of `new`.
#[derive(Debug, clap::Args)]
pub(crate) struct New {
    /// The method it is to answer: getinfo.NAME
    method: String,
    /// Where to write it; has to be absent or empty
    dir: PathBuf,
    /// What it is written in
    #[arg(long, value_enum, default_value = "rust")]
    language: Language,
    /// Take the crate plugin-api from this folder instead of the registry
    #[arg(long, value_name = "DIR")]
    api_path: Option<PathBuf>,
}

/// Writes the files and says what to do next.
///
/// # Errors
/// [`Error::NotAsked`]: the name is none, or the folder is not empty, or can't be written.
pub(crate) fn run(new: &New) -> Result<ExitCode, Error> {
    let not_asked = |why: String| Error::NotAsked(why);
    let (method, _) = MethodName::split_call(&new.method);
    let name = MethodName::parse(&method).map_err(|why| not_asked(format!("{method:?}: {why}")))?;
    let library =
        name.file_name().ok_or_else(|| not_asked(format!("{method}: a plugin answers a getinfo method")))?;
    let dir = &new.dir;
    let failed = |path: &Path| {
        let path = path.display().to_string();
        move |why: io::Error| Error::NotAsked(format!("{path}: {why}"))
    };
    fs::create_dir_all(dir).map_err(failed(dir))?;
    if fs::read_dir(dir).map_err(failed(dir))?.next().is_some() {
        return Err(not_asked(format!("{}: is not empty; nothing is written over", dir.display())));
    }
    let api = match &new.api_path {
        None => format!("version = \"{}\"", plugin_api::API_VERSION),
        Some(path) => {
            let path = fs::canonicalize(path).map_err(failed(path))?;
            // As a TOML basic string: quotes and backslashes escaped.
            format!("path = {:?}", path.display().to_string())
        }
    };
    let templates: &[Template] = match new.language {
        Language::Rust => &RUST,
        Language::C => &C,
    };
    let package = method.replace('.', "-");
    let fill = |text: &str| {
        let text = text.replace(METHOD, &method).replace(PACKAGE, &package).replace(LIBRARY, &library);
        text.replace(API, &api).replace(HEADER_DIR, ".")
    };
    for (file, text) in templates {
        let path = dir.join(file);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(failed(parent))?;
        }
        fs::write(&path, fill(text)).map_err(failed(&path))?;
    }
    let (build, built) = match new.language {
        Language::Rust => ("cargo build --release && cargo test", format!("target/release/{library}")),
        Language::C => ("make", library),
    };
    let next = format!(
        "written to {dir}\n  cd {dir}\n  {build}\n  BasicAgentCtl check {built}\n  sudo install -m 644 {built} /usr/lib/basicagent/plugins/\n  BasicAgentCtl -c {method}\n",
        dir = dir.display()
    );
    output::bytes(next.as_bytes())?;
    Ok(ExitCode::from(exit::DONE))
}
