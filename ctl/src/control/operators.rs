//! `operator`: people and programs that may ask something, and their API tokens.

use super::{parsed, roles, said};
use crate::cli::{ApiToken as TokenSub, ApiTokenCreate, Operator as Sub, OperatorCreate};
use crate::client::Controller;
use crate::context::new_password;
use crate::error::Error;
use crate::print::listing::{self, List, Row};
use crate::print::{Format, Record, document};
use crate::terminal::{confirm, safe};
use crate::{clock, output};
use agent_cron::Zone;
use controller_api::{
    ApiToken, CreatedApiToken, LoginLink, NewApiToken, NewOperator, Operator, OperatorChange, path,
};
use ureq::http::Method;

impl Row for Operator {
    const HEAD: &'static [&'static str] = &["OPERATOR", "STATE", "PASSWORD", "ROLES"];
    const WIDE: &'static [&'static str] = &["CREATED"];

    fn cells(&self, wide: bool, zone: &Zone) -> Vec<String> {
        let mut cells = vec![
            safe(&self.name),
            state(self).to_owned(),
            if self.has_password { "yes" } else { "no" }.to_owned(),
            safe(&self.roles.join(",")),
        ];
        if wide {
            cells.push(clock::shown(&self.created_at, zone));
        }
        cells
    }

    fn name(&self) -> String {
        safe(&self.name)
    }
}

impl Row for ApiToken {
    const HEAD: &'static [&'static str] = &["TOKEN", "NAME", "EXPIRES", "LAST USED"];
    const WIDE: &'static [&'static str] = &["CREATED"];

    fn cells(&self, wide: bool, zone: &Zone) -> Vec<String> {
        let never = || "never".to_owned();
        let time = |text: &Option<String>| {
            text.as_ref().map_or_else(never, |text| clock::shown(text, zone))
        };
        let mut cells =
            vec![safe(&self.id), safe(&self.name), time(&self.expires), time(&self.last_used)];
        if wide {
            cells.push(clock::shown(&self.created_at, zone));
        }
        cells
    }

    fn name(&self) -> String {
        safe(&self.id)
    }
}

/// Runs the subcommand.
///
/// # Errors
/// Any [`Error`].
pub(super) fn run(controller: &Controller, sub: &Sub) -> Result<(), Error> {
    match sub {
        Sub::List(format) => {
            let list = List::new(path::OPERATORS, "operators");
            listing::run::<Operator>(controller, &list, format.format())
        }
        Sub::Create(create) => created(controller, create),
        Sub::Show(show) => {
            let text = controller.read(&path::operator(&show.name.name))?;
            document(&text, show.output.format(), || Ok(shown(&parsed(&text)?)))
        }
        Sub::Roles(set) => {
            let change = OperatorChange { roles: Some(set.roles.clone()), ..Default::default() };
            let changed = changed(controller, &set.name.name, &change)
                .map_err(|error| roles::with_hint(controller, error, &set.roles))?;
            output::bytes(shown(&changed).as_bytes())
        }
        Sub::Disable(disable) => {
            let change = OperatorChange { disabled: Some(!disable.undo), ..Default::default() };
            let changed = changed(controller, &disable.name.name, &change)?;
            said(&format!("operator {} is {}", changed.name, state(&changed)))
        }
        Sub::Remove(remove) => {
            let name = &remove.name.name;
            confirm(&format!("remove operator {name} and all of its tokens"), remove.yes.yes)?;
            controller.change::<()>(&Method::DELETE, &path::operator(name), None)?;
            said(&format!("operator {name} is removed"))
        }
        Sub::Password(set) => {
            let name = &set.name.name;
            let password = Some(new_password(&set.password, name)?);
            let change = OperatorChange { password, ..Default::default() };
            changed(controller, name, &change)?;
            said(&format!("the password of {name} is set; its sessions have ended"))
        }
        Sub::Link(link) => login_link(controller, &link.name.name, link.output.format()),
        Sub::Token(token) => tokens(controller, token),
    }
}

/// Makes a link. Standard output gets it and nothing else.
fn login_link(controller: &Controller, name: &str, format: Format) -> Result<(), Error> {
    let made = controller.change::<()>(&Method::POST, &path::operator_login_link(name), None)?;
    let link: LoginLink = parsed(&made)?;
    let url = controller.page(&link.path)?;
    if matches!(format, Format::Json | Format::Yaml) {
        return document(&made, format, || Ok(String::new()));
    }
    output::error_lines(&format!(
        "it logs {} in once, until {}:\n",
        safe(name),
        clock::shown(&link.expires, &clock::here())
    ));
    said(&url)
}

fn created(controller: &Controller, create: &OperatorCreate) -> Result<(), Error> {
    let name = &create.name.name;
    let password =
        if create.no_password { None } else { Some(new_password(&create.password, name)?) };
    let body = NewOperator { name: name.clone(), roles: create.role.clone(), password };
    let text = controller
        .create(path::OPERATORS, &body)
        .map_err(|error| roles::with_hint(controller, error, &create.role))?;
    output::bytes(shown(&parsed(&text)?).as_bytes())
}

fn changed(
    controller: &Controller,
    name: &str,
    change: &OperatorChange,
) -> Result<Operator, Error> {
    parsed(&controller.change(&Method::PATCH, &path::operator(name), Some(change))?)
}

fn tokens(controller: &Controller, sub: &TokenSub) -> Result<(), Error> {
    match sub {
        TokenSub::Create(create) => created_token(controller, create),
        TokenSub::List(list) => {
            let tokens = List::new(path::operator_tokens(&list.name.name), "tokens");
            listing::run::<ApiToken>(controller, &tokens, list.output.format())
        }
        TokenSub::Revoke(revoke) => {
            let (name, id) = (&revoke.operator.name, &revoke.id);
            confirm(&format!("revoke token {id} of {name}"), revoke.yes.yes)?;
            let path = path::operator_token(name, id);
            controller.change::<()>(&Method::DELETE, &path, None)?;
            said(&format!("token {id} of {name} is revoked"))
        }
    }
}

/// Makes an API token. Standard output gets the token and nothing else, so that it can be piped
/// into a file.
fn created_token(controller: &Controller, create: &ApiTokenCreate) -> Result<(), Error> {
    let body = NewApiToken { name: create.name.clone(), days: create.days };
    let text = controller.create(&path::operator_tokens(&create.operator.name), &body)?;
    let format = create.output.format();
    if matches!(format, Format::Json | Format::Yaml) {
        return document(&text, format, || Ok(String::new()));
    }
    let created: CreatedApiToken = parsed(&text)?;
    if format == Format::Name {
        return said(&created.token.id);
    }
    let zone = clock::here();
    let until = created.token.expires.as_ref().map_or_else(
        || "it does not expire".to_owned(),
        |at| format!("it expires {}", clock::shown(at, &zone)),
    );
    output::error_lines(&format!(
        "token {} of {}; {until}; it is shown only now:\n",
        safe(&created.token.id),
        safe(&create.operator.name)
    ));
    said(&created.secret)
}

fn state(operator: &Operator) -> &'static str {
    if operator.disabled { "disabled" } else { "enabled" }
}

fn shown(operator: &Operator) -> String {
    let mut record = Record::default();
    record
        .add("operator", &operator.name)
        .add("state", state(operator))
        .add("roles", operator.roles.join(", "))
        .add("password", if operator.has_password { "yes" } else { "no, API tokens only" })
        .add("created", clock::shown(&operator.created_at, &clock::here()));
    record.text()
}
