//! The form of a role: a description, and grants. One empty grant is always there to be filled.

use super::roles::{meaning, page_of};
use crate::api::Failure;
use crate::form::Form;
use crate::page::{Frame, done, html, html_with};
use crate::session::Session;
use askama::Template;
use axum::extract::Path;
use axum::http::Method;
use axum::response::Response;
use controller_api::{Grant, Role, RoleDefinition, path};
use fleet::Action;

/// Grants that the form takes.
const MAX_GRANTS: usize = 32;

pub(super) async fn new(session: Session) -> Result<Response, Failure> {
    html(&RoleForm::of(&session, None, &RoleDefinition::default(), None))
}

pub(super) async fn create(session: Session, form: Form) -> Result<Response, Failure> {
    let name = form.get("name").trim().to_owned();
    put(&session, &name, &form, true).await
}

pub(super) async fn edit(session: Session, Path(name): Path<String>) -> Result<Response, Failure> {
    let role: Role = session.api.get(&path::role(&name)).await?;
    let definition = RoleDefinition { description: role.description, grants: role.grants };
    html(&RoleForm::of(&session, Some(&name), &definition, None))
}

pub(super) async fn save(
    session: Session,
    Path(name): Path<String>,
    form: Form,
) -> Result<Response, Failure> {
    put(&session, &name, &form, false).await
}

async fn put(session: &Session, name: &str, form: &Form, new: bool) -> Result<Response, Failure> {
    let definition = definition(form);
    let again = |status, problem| {
        let name = Some(name).filter(|_| !new);
        let mut page = RoleForm::of(session, name, &definition, Some(problem));
        form.get("name").trim().clone_into(&mut page.typed);
        html_with(status, &page)
    };
    if name.is_empty() {
        return again(axum::http::StatusCode::BAD_REQUEST, "A role needs a name.".to_owned());
    }
    if new && session.api.get::<Role>(&path::role(name)).await.is_ok() {
        let problem = format!("There is a role {name} already. Edit it, or choose another name.");
        return again(axum::http::StatusCode::CONFLICT, problem);
    }
    match session.api.act(Method::PUT, &path::role(name), &definition, form.csrf()).await {
        Ok(()) => Ok(done(&page_of(name), "role-saved")),
        Err(failure) if failure.is_of_form() => again(failure.status, failure.sentence()),
        Err(failure) => Err(failure),
    }
}

/// Reads the form. A grant without an action is left out.
fn definition(form: &Form) -> RoleDefinition {
    let grant = |number: usize| {
        let field = |name: &str| format!("{name}-{number}");
        let list = |name: &str, apart: &[char]| -> Option<Vec<String>> {
            let text = form.get(&field(name));
            let parts = text.split(apart).map(str::trim).filter(|part| !part.is_empty());
            Some(parts.map(str::to_owned).collect::<Vec<_>>()).filter(|list| !list.is_empty())
        };
        Grant {
            actions: form.all(&field("action")).map(str::to_owned).collect(),
            selector: form.some(&field("selector")).map(str::to_owned),
            users: list("users", &[',', ' ', '\n']),
            commands: list("commands", &['\n']),
        }
    };
    RoleDefinition {
        description: form.get("description").trim().to_owned(),
        grants: (0..MAX_GRANTS).map(grant).filter(|grant| !grant.actions.is_empty()).collect(),
    }
}

#[derive(Template)]
#[template(path = "people/role_form.html")]
struct RoleForm {
    frame: Frame,
    /// The role that is edited; none for a new one.
    name: Option<String>,
    /// The name that was typed for a new one.
    typed: String,
    target: String,
    back: String,
    description: String,
    grants: Vec<GrantFields>,
    problem: Option<String>,
}

/// The fields of one grant.
struct GrantFields {
    number: usize,
    title: String,
    is_empty: bool,
    families: Vec<Family>,
    selector: String,
    users: String,
    commands: String,
}

/// Actions that begin with the same word.
struct Family {
    name: &'static str,
    boxes: Vec<ActionBox>,
}

struct ActionBox {
    pattern: String,
    meaning: String,
    ticked: bool,
}

impl RoleForm {
    fn of(
        session: &Session,
        name: Option<&str>,
        definition: &RoleDefinition,
        problem: Option<String>,
    ) -> Self {
        let title = name.map_or_else(|| "New role".to_owned(), |name| format!("Edit {name}"));
        let mut grants: Vec<_> = definition
            .grants
            .iter()
            .enumerate()
            .map(|(at, grant)| GrantFields::of(at, grant))
            .collect();
        if grants.len() < MAX_GRANTS {
            grants.push(GrantFields::of(grants.len(), &Grant::default()));
        }
        Self {
            frame: session.frame(title),
            target: name.map_or_else(|| "/roles/new".to_owned(), |it| page_of(it) + "/edit"),
            back: name.map_or_else(|| "/roles".to_owned(), page_of),
            name: name.map(str::to_owned),
            typed: String::new(),
            description: definition.description.clone(),
            grants,
            problem,
        }
    }
}

impl GrantFields {
    fn of(number: usize, grant: &Grant) -> Self {
        let ticked = |pattern: &str| grant.actions.iter().any(|action| action == pattern);
        let action = |pattern: String| ActionBox {
            meaning: meaning(&pattern),
            ticked: ticked(&pattern),
            pattern,
        };
        let mut families = vec![Family { name: "All", boxes: vec![action("*".to_owned())] }];
        for name in Action::ALL.map(Action::name) {
            let family = name.split('.').next().unwrap_or_default();
            if families.last().is_none_or(|last| last.name != family) {
                let whole = action(format!("{family}.*"));
                families.push(Family { name: family, boxes: vec![whole] });
            }
            if let Some(last) = families.last_mut() {
                last.boxes.push(action(name.to_owned()));
            }
        }
        // A family of one needs no box for the whole of it, unless it is ticked.
        for family in &mut families {
            if family.boxes.len() == 2 && !family.boxes[0].ticked {
                family.boxes.remove(0);
            }
        }
        let empty = grant.actions.is_empty();
        Self {
            number,
            title: if empty { "Another grant".to_owned() } else { format!("Grant {}", number + 1) },
            is_empty: empty,
            families,
            selector: grant.selector.clone().unwrap_or_default(),
            users: grant.users.as_ref().map(|users| users.join(", ")).unwrap_or_default(),
            commands: grant.commands.as_ref().map(|it| it.join("\n")).unwrap_or_default(),
        }
    }
}
