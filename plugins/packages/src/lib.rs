//! `getinfo.packages`: the packages that dpkg, rpm and apk have installed here or below another
//! root folder.
//!
//! Everything comes from the managers' own databases; nothing is run and root is not needed.

mod apk;
mod database;
mod dpkg;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod header;
mod ndb;
mod package;
mod rpm;
mod selection;
mod sqlite;

use std::io;
use std::time::{Duration, Instant};

use plugin_api::{Args, Context, Meta, Provider, ProviderError, Reply, export_provider};
use readers::patience::{self, Watch};
use readers::root::Root;
use serde::Serialize;

use database::{Database, Read};
use package::Package;
use selection::{Manager, OPTIONS, Selection};

struct Packages;

/// The most packages that one answer lists.
const MAX_PACKAGES: usize = 50_000;
/// How much of the caller's time is left for the answer when reading stops.
const TIME_TO_ANSWER: Duration = Duration::from_millis(500);

/// The installed packages. Field names are stable: new ones may be added, none changes.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Answer {
    /// How many packages the arguments select, of all managers.
    count: usize,
    /// The databases that were found; empty where there is no known manager.
    databases: Vec<Database>,
    /// The packages, in the order of each database; empty with `-c`.
    packages: Vec<Package>,
    /// Whether there are more packages than the 50,000 that are listed.
    truncated: bool,
}

impl Provider for Packages {
    fn describe() -> Meta {
        Meta::new(
            "getinfo.packages",
            env!("CARGO_PKG_VERSION"),
            "installed packages of dpkg, rpm and apk",
        )
        .options(&OPTIONS)
        .output_schema(include_str!("../schema.json"))
        .example("-c", "how many packages are installed")
        .example("bash 'openssl*'", "these packages, if they are installed")
    }

    fn call(args: &Args, ctx: &Context) -> Result<Reply, ProviderError> {
        let wait = Some(Duration::from_millis(ctx.deadline_ms)).filter(|wait| !wait.is_zero());
        let deadline = wait.map(|wait| Instant::now() + wait.saturating_sub(TIME_TO_ANSWER));
        let selection = OPTIONS.parse(args)?;
        let work = move |watch: &Watch| -> io::Result<Answer> {
            Ok(Answer::collect(&Root::open(&selection.root, watch)?, &selection, deadline))
        };
        let unreadable = |error: io::Error| ProviderError::new("unreadable", error.to_string());
        let answer = patience::run(ctx.deadline_ms, work).and_then(|answer| answer);
        Reply::json(&answer.map_err(unreadable)?)
    }
}

impl Answer {
    fn collect(root: &Root, selection: &Selection, deadline: Option<Instant>) -> Self {
        let mut answer =
            Self { count: 0, databases: Vec::new(), packages: Vec::new(), truncated: false };
        for manager in Manager::ALL {
            if !selection.wants_manager(manager) {
                continue;
            }
            let read: Option<Read> = match manager {
                Manager::Dpkg => dpkg::read(root, selection),
                Manager::Rpm => rpm::read(root, selection, deadline),
                Manager::Apk => apk::read(root, selection),
            };
            let Some(read) = read else { continue };
            let (database, mut packages) = read.into_parts();
            answer.count += packages.len();
            answer.databases.push(database);
            if !selection.count_only {
                answer.packages.append(&mut packages);
            }
        }
        answer.truncated = answer.packages.len() > MAX_PACKAGES;
        answer.packages.truncate(MAX_PACKAGES);
        answer
    }
}

export_provider!(Packages);

#[cfg(test)]
plugin_api::testing::schema_test!(Answer);
