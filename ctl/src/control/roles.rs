//! `role`: what operators may do.

use super::{parsed, said};
use crate::cli::{Role as Sub, RoleSet};
use crate::client::Controller;
use crate::error::Error;
use crate::print::listing::{self, List, Row};
use crate::print::{Record, document};
use crate::suggest;
use crate::terminal::{confirm, safe};
use agent_cron::Zone;
use agent_wire::json::quote;
use controller_api::{Grant, Role, RoleDefinition, RoleList, RoleSource, path};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::io::Read as _;
use std::path::Path;
use ureq::http::Method;

/// The longest definition of a role, in bytes.
const MAX_DEFINITION: u64 = 1 << 20;

impl Row for Role {
    const HEAD: &'static [&'static str] = &["ROLE", "DEFINED BY", "GRANTS", "ACTIONS"];
    const WIDE: &'static [&'static str] = &[];

    fn cells(&self, _: bool, _: &Zone) -> Vec<String> {
        let mut actions: Vec<&str> =
            self.grants.iter().flat_map(|grant| &grant.actions).map(String::as_str).collect();
        actions.sort_unstable();
        actions.dedup();
        let grants = self.grants.len().to_string();
        vec![safe(&self.name), source(self.source).to_owned(), grants, safe(&actions.join(","))]
    }

    fn name(&self) -> String {
        safe(&self.name)
    }
}

/// Runs the subcommand.
///
/// # Errors
/// Any [`Error`].
pub(super) fn run(controller: &Controller, sub: &Sub) -> Result<(), Error> {
    match sub {
        Sub::List(format) => {
            listing::whole::<Role>(controller, &List::new(path::ROLES, "roles"), format.format())
        }
        Sub::Show(show) => {
            let name = &show.name.name;
            let text = controller
                .read(&path::role(name))
                .map_err(|error| with_hint(controller, error, [name]))?;
            document(&text, show.output.format(), || {
                let role: Role = parsed(&text)?;
                let mut record = Record::default();
                record.add("role", &role.name).add("defined by", source(role.source));
                record.some("for", Some(&role.description).filter(|text| !text.is_empty()));
                grants(&mut record, &role.grants);
                Ok(record.text())
            })
        }
        Sub::Set(set) => {
            let (name, definition) = (&set.name.name, definition(set)?);
            controller.change(&Method::PUT, &path::role(name), Some(&definition))?;
            said(&format!("role {name} is set"))
        }
        Sub::Remove(remove) => {
            let name = &remove.name.name;
            confirm(&format!("remove role {name}"), remove.yes.yes)?;
            controller.change::<()>(&Method::DELETE, &path::role(name), None)?;
            said(&format!("role {name} is removed"))
        }
    }
}

/// Adds the grants of a role, or of an operator.
pub(super) fn grants(record: &mut Record, grants: &[Grant]) {
    for grant in grants {
        record.add("may", grant.actions.join(" "));
        record.add("  on", grant.selector.as_deref().unwrap_or("all hosts"));
        let list = |list: &Option<Vec<String>>, every: &str| {
            list.as_ref().map_or_else(|| every.to_owned(), |list| list.join(", "))
        };
        if grant.users.is_some() || grant.commands.is_some() {
            record.add("  as", list(&grant.users, "any account"));
            record.add("  commands", list(&grant.commands, "any"));
        }
    }
}

/// Adds the nearest known role to an error about one of `names`.
pub(super) fn with_hint<'a>(
    controller: &Controller,
    error: Error,
    names: impl IntoIterator<Item = &'a String>,
) -> Error {
    if !matches!(error, Error::Rejected(_) | Error::Failed(_) | Error::Unreachable(_)) {
        return error;
    }
    let Ok(text) = controller.read(path::ROLES) else { return error };
    let Ok(known) = parsed::<RoleList>(&text) else { return error };
    let known: Vec<String> = known.roles.into_iter().map(|role| role.name).collect();
    let hints = names.into_iter().map(|name| suggest::nearest(name, known.iter().cloned()));
    let hint: String = hints.collect();
    error.with_hint(&hint)
}

fn source(source: RoleSource) -> &'static str {
    match source {
        RoleSource::BuiltIn => "built in",
        RoleSource::File => "the controller's file",
        RoleSource::Api => "an operator",
    }
}

/// A role's file: a definition, or what `role show -o json` prints.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: Option<String>,
    #[serde(default, rename = "source")]
    _source: IgnoredAny,
    #[serde(default)]
    description: String,
    grants: Vec<Grant>,
}

/// Reads the definition of a role.
fn definition(set: &RoleSet) -> Result<RoleDefinition, Error> {
    let source = set.file.display();
    let failed = |error| Error::unavailable_by(source.to_string(), error);
    let mut text = String::new();
    let read = if set.file == Path::new("-") {
        std::io::stdin().lock().take(MAX_DEFINITION).read_to_string(&mut text)
    } else {
        std::fs::File::open(&set.file)
            .and_then(|file| file.take(MAX_DEFINITION).read_to_string(&mut text))
    };
    read.map_err(failed)?;
    let wrong = |why: String| Error::usage(format!("{}: {why}", quote(&source.to_string())));
    let file: File = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    let name = &set.name.name;
    match file.name {
        Some(other) if &other != name => {
            Err(wrong(format!("it defines role {}, not {name}", quote(&other))))
        }
        _ => Ok(RoleDefinition { description: file.description, grants: file.grants }),
    }
}
