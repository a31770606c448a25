//! `getinfo.packages`: what is installed here, or below another root, of dpkg, rpm and apk.
//!
//! Everything comes from the managers' own databases; nothing is run and no root is needed.

mod apk;
mod dpkg;
mod header;
mod ndb;
mod package;
mod rpm;
mod selection;
mod sqlite;
mod utc;
mod wal;

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use plugin_api::{Args, Context, Meta, Provider, ProviderError, Reply, export_provider};
use serde::Serialize;

use package::Package;
use selection::Selection;

struct Packages;

/// What is read of a database that is text: some 60,000 packages.
const MAX_TEXT_BYTES: u64 = 64 << 20;
/// The most that one answer lists.
const MAX_PACKAGES: usize = 50_000;

/// The answer. Its field names are stable: new ones may join, none changes.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Answer {
    /// How many packages the arguments choose, of all managers.
    count: usize,
    /// The databases found; none where no manager is known.
    databases: Vec<Database>,
    /// The packages, each database's in its own order; empty with `-c`.
    packages: Vec<Package>,
}

/// One manager's database.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Database {
    /// `dpkg`, `rpm` or `apk`.
    manager: &'static str,
    /// The file or folder that was read.
    path: String,
    /// How many of its packages the arguments choose.
    count: usize,
    /// Why it, or the rest of it, can't be read; null where it can.
    error: Option<String>,
}

/// What one manager's database gave.
struct Read {
    manager: &'static str,
    path: PathBuf,
    error: Option<String>,
    packages: Vec<Package>,
}

impl Provider for Packages {
    fn describe() -> Meta {
        Meta::new("getinfo.packages", env!("CARGO_PKG_VERSION"), "installed packages of dpkg, rpm and apk")
            .usage("[-m MANAGER] [-c] [-r ROOT] [NAME…]")
            .arg("NAME", "these packages only; * stands for any text")
            .arg("-m MANAGER", "dpkg, rpm or apk only")
            .arg("-c", "count only")
            .arg("-r ROOT", "of the system below this folder, such as a container's image")
            .output_schema(include_str!("../schema.json"))
            .example("-c", "how many packages there are")
            .example("bash 'openssl*'", "these packages, if they are installed")
    }

    fn call(args: &Args, _ctx: &Context) -> Result<Reply, ProviderError> {
        Reply::json(&Answer::collect(&Selection::parse(args)?))
    }
}

impl Answer {
    fn collect(selection: &Selection) -> Self {
        let mut answer = Self { count: 0, databases: Vec::new(), packages: Vec::new() };
        let readers: [fn(&Selection) -> Option<Read>; 3] = [dpkg::read, rpm::read, apk::read];
        for (manager, read) in selection::MANAGERS.iter().zip(readers) {
            if !selection.wants_manager(manager) {
                continue;
            }
            let Some(mut read) = read(selection) else { continue };
            answer.count += read.packages.len();
            answer.databases.push(Database {
                manager: read.manager,
                path: read.path.to_string_lossy().into_owned(),
                count: read.packages.len(),
                error: read.error,
            });
            if !selection.count_only {
                answer.packages.append(&mut read.packages);
            }
        }
        answer.packages.truncate(MAX_PACKAGES);
        answer
    }
}

/// Below a foreign root anything may stand; a pipe would be waited for.
fn open_file(path: &Path) -> io::Result<File> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    File::open(path)
}

/// A text; not valid UTF-8 is shown with replacement characters.
fn read_bounded(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    let file = open_file(path)?;
    bytes.reserve(usize::try_from(file.metadata()?.len().min(MAX_TEXT_BYTES)).unwrap_or(0) + 1);
    file.take(MAX_TEXT_BYTES).read_to_end(&mut bytes)?;
    Ok(match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    })
}

export_provider!(Packages);

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
