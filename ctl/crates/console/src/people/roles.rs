//! The list of roles, and one role with its grants in words.

use crate::api::Failure;
use crate::form::Form;
use crate::page::{Frame, done, html, html_with, with_query};
use crate::session::Session;
use askama::Template;
use axum::extract::Path;
use axum::http::Method;
use axum::response::Response;
use controller_api::{Grant, Role, RoleList, RoleSource, path};
use fleet::Action;

pub(super) async fn list(session: Session) -> Result<Response, Failure> {
    let list: RoleList = session.api.get(path::ROLES).await?;
    html(&Roles {
        frame: session.frame("Roles"),
        may_manage: session.may(Action::RolesManage),
        roles: list.roles.iter().map(Row::of).collect(),
    })
}

pub(super) async fn show(session: Session, Path(name): Path<String>) -> Result<Response, Failure> {
    html(&RolePage::read(&session, &name, None).await?)
}

pub(super) async fn remove(
    session: Session,
    Path(name): Path<String>,
    form: Form,
) -> Result<Response, Failure> {
    match session.api.act(Method::DELETE, &path::role(&name), &(), form.csrf()).await {
        Ok(()) => Ok(done("/roles", "role-removed")),
        Err(failure) if failure.is_of_form() => {
            let page = RolePage::read(&session, &name, Some(failure.sentence())).await?;
            html_with(failure.status, &page)
        }
        Err(failure) => Err(failure),
    }
}

/// Returns the address of a role's page.
pub(super) fn page_of(name: &str) -> String {
    format!("/roles/{}", path::segment(name))
}

/// Returns where a role comes from, in a few words.
const fn source(source: RoleSource) -> &'static str {
    match source {
        RoleSource::BuiltIn => "built in",
        RoleSource::File => "from the file of --roles",
        RoleSource::Api => "made by an operator",
    }
}

#[derive(Template)]
#[template(path = "people/roles.html")]
struct Roles {
    frame: Frame,
    may_manage: bool,
    roles: Vec<Row>,
}

struct Row {
    name: String,
    address: String,
    description: String,
    source: &'static str,
    grants: Vec<GrantRow>,
}

/// A grant in words.
struct GrantRow {
    actions: Vec<(String, String)>,
    hosts: String,
    /// The list of these hosts.
    hosts_page: String,
    users: String,
    commands: Vec<String>,
}

impl Row {
    fn of(role: &Role) -> Self {
        Self {
            address: page_of(&role.name),
            name: role.name.clone(),
            description: role.description.clone(),
            source: source(role.source),
            grants: role.grants.iter().map(GrantRow::of).collect(),
        }
    }
}

impl GrantRow {
    fn of(grant: &Grant) -> Self {
        let words = |pattern: &String| (pattern.clone(), meaning(pattern));
        Self {
            actions: grant.actions.iter().map(words).collect(),
            hosts: grant.selector.clone().unwrap_or_default(),
            hosts_page: with_query("/hosts", "l", grant.selector.as_deref().unwrap_or_default()),
            users: grant.users.as_ref().map(|users| users.join(", ")).unwrap_or_default(),
            commands: grant.commands.clone().unwrap_or_default(),
        }
    }
}

/// Returns what an action's name, or a pattern of names, allows.
pub(super) fn meaning(pattern: &str) -> String {
    if pattern == "*" {
        return "everything".to_owned();
    }
    if let Some(family) = pattern.strip_suffix(".*") {
        return format!("everything about {family}");
    }
    let action = Action::ALL.into_iter().find(|action| action.name() == pattern);
    action.map_or_else(String::new, |action| action.summary().to_owned())
}

#[derive(Template)]
#[template(path = "people/role.html")]
struct RolePage {
    frame: Frame,
    role: Row,
    /// Whether the role can be changed here.
    may_edit: bool,
    problem: Option<String>,
}

impl RolePage {
    async fn read(session: &Session, name: &str, problem: Option<String>) -> Result<Self, Failure> {
        let role: Role = session.api.get(&path::role(name)).await?;
        Ok(Self {
            frame: session.frame(role.name.clone()),
            may_edit: role.source == RoleSource::Api && session.may(Action::RolesManage),
            role: Row::of(&role),
            problem,
        })
    }
}
