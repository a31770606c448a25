//! `new getinfo.NAME DIR`: writes a plugin to start from, which builds and passes its tests and
//! `check` unchanged.

use crate::error::Error;
use crate::{exit, output};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// A file of a new plugin: its name, and its text in the example that it comes from.
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

const GO: [Template; 7] = [
    ("plugin.go", include_str!("../../../examples/plugin-go/plugin.go")),
    ("entry.c", include_str!("../../../examples/plugin-go/entry.c")),
    ("go.mod", include_str!("../../../examples/plugin-go/go.mod")),
    ("Makefile", include_str!("../../../examples/plugin-go/Makefile")),
    ("README.md", include_str!("../../../examples/plugin-go/README.md")),
    ("getinfo_provider.h", include_str!("../../../plugin-api/include/getinfo_provider.h")),
    (".gitignore", include_str!("../../../examples/plugin-go/.gitignore")),
];

/// The texts in the examples that a new plugin replaces.
const METHOD: &str = "getinfo.uptime";
const PACKAGE: &str = "getinfo-uptime";
const LIBRARY: &str = "libgetinfo_uptime";
const API: &str = "path = \"../../plugin-api\"";
const HEADER_DIR: &str = "../../plugin-api/include";

/// The languages with a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Language {
    /// A crate, with tests and a schema generated from its types
    Rust,
    /// A C file and a Makefile; Rust is not required
    C,
    /// A Go file and a Makefile; Rust is not required
    Go,
}

/// The flags of `new`.
#[derive(Debug, clap::Args)]
pub(crate) struct New {
    /// The method to provide: getinfo.NAME
    method: String,
    /// The folder to write to; it must be missing or empty
    dir: PathBuf,
    /// The language of the plugin
    #[arg(long, value_enum, default_value = "rust")]
    language: Language,
    /// Use the crate plugin-api in this folder instead of the registry
    #[arg(long, value_name = "DIR")]
    api_path: Option<PathBuf>,
}

/// Writes the files and prints the next steps.
///
/// # Errors
/// [`Error::Unavailable`] if the name is invalid, or the folder is not empty or cannot be written.
pub(crate) fn run(new: &New) -> Result<ExitCode, Error> {
    let name = super::method(&new.method)?;
    let method = name.to_string();
    let library = name
        .file_name()
        .ok_or_else(|| Error::usage(format!("{method}: a plugin provides a getinfo.* method")))?;
    let dir = &new.dir;
    let failed = |path: &Path| {
        let path = path.display().to_string();
        move |why: io::Error| Error::unavailable_by(path, why)
    };
    fs::create_dir_all(dir).map_err(failed(dir))?;
    if fs::read_dir(dir).map_err(failed(dir))?.next().is_some() {
        return Err(Error::unavailable(format!(
            "{}: the folder is not empty; choose an empty or new one",
            dir.display()
        )));
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
        Language::Go => &GO,
    };
    let package = method.replace('.', "-");
    let stem = library.trim_end_matches(".so");
    let fill = |text: &str| {
        let text = text.replace(METHOD, &method).replace(PACKAGE, &package).replace(LIBRARY, stem);
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
        Language::Rust => {
            ("cargo build --release && cargo test", format!("target/release/{library}"))
        }
        Language::C | Language::Go => ("make", library.clone()),
    };
    let next = format!(
        "wrote {dir}\n  cd {dir}\n  {build}\n  BasicAgentCtl check {built}\n  sudo install -m 644 {built} /usr/lib/basicagent/plugins/\n  BasicAgentCtl -c {method}\n",
        dir = dir.display()
    );
    output::bytes(next.as_bytes())?;
    Ok(ExitCode::from(exit::DONE))
}
