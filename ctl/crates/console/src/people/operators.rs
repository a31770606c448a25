//! The list of operators, and the form that creates one.

use crate::api::Failure;
use crate::form::Form;
use crate::page::{Frame, done, html, html_with, with_query};
use crate::session::Session;
use crate::units::Moment;
use askama::Template;
use axum::extract::RawQuery;
use axum::response::Response;
use controller_api::{NewOperator, Operator, OperatorList, PageQuery, RoleList, path};
use fleet::Action;

/// Operators on one page.
const PAGE: usize = 100;

pub(super) async fn list(session: Session, RawQuery(query): RawQuery) -> Result<Response, Failure> {
    let after = Form::of_query(query.as_deref()).some("after").map(str::to_owned);
    html(&People::read(&session, after, Draft::default()).await?)
}

pub(super) async fn create(session: Session, form: Form) -> Result<Response, Failure> {
    let draft = Draft {
        name: form.get("name").trim().to_owned(),
        roles: form.all("role").map(str::to_owned).collect(),
        problem: None,
    };
    let new = NewOperator {
        name: draft.name.clone(),
        roles: draft.roles.clone(),
        password: Some(form.get("password").to_owned()).filter(|text| !text.is_empty()),
    };
    match session.api.create::<Operator>(path::OPERATORS, &new, form.csrf(), None).await {
        Ok(created) => Ok(done(&page_of(&created.name), "operator-created")),
        Err(failure) if failure.is_of_form() => {
            let draft = Draft { problem: Some(failure.sentence()), ..draft };
            html_with(failure.status, &People::read(&session, None, draft).await?)
        }
        Err(failure) => Err(failure),
    }
}

/// Returns the address of an operator's page.
pub(super) fn page_of(name: &str) -> String {
    format!("/people/{}", path::segment(name))
}

/// What was typed into the form.
#[derive(Default)]
struct Draft {
    name: String,
    roles: Vec<String>,
    problem: Option<String>,
}

#[derive(Template)]
#[template(path = "people/operators.html")]
struct People {
    frame: Frame,
    may_manage: bool,
    may_read_roles: bool,
    operators: Vec<Row>,
    roles: Vec<RoleBox>,
    draft: Draft,
    first: Option<String>,
    next: Option<String>,
}

struct Row {
    name: String,
    address: String,
    roles: Vec<String>,
    kind: &'static str,
    state: &'static str,
    password: &'static str,
    created: Option<Moment>,
}

/// A role that can be ticked.
pub(super) struct RoleBox {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) ticked: bool,
}

/// Reads the roles as boxes, some of them ticked; none where the operator may not read roles.
pub(super) async fn role_boxes(
    session: &Session,
    ticked: &[String],
) -> Result<Vec<RoleBox>, Failure> {
    if !session.may(Action::RolesRead) {
        return Ok(Vec::new());
    }
    let list: RoleList = session.api.get(path::ROLES).await?;
    let mark = |role: controller_api::Role| RoleBox {
        ticked: ticked.contains(&role.name),
        name: role.name,
        description: role.description,
    };
    Ok(list.roles.into_iter().map(mark).collect())
}

impl People {
    async fn read(session: &Session, after: Option<String>, draft: Draft) -> Result<Self, Failure> {
        let query = PageQuery { limit: Some(PAGE), after: after.clone() };
        let list: OperatorList = session.api.query(path::OPERATORS, &query).await?;
        let next = list.next.map(|next| with_query("/people", "after", &next));
        Ok(Self {
            frame: session.frame("People"),
            may_manage: session.may(Action::OperatorsManage),
            may_read_roles: session.may(Action::RolesRead),
            operators: list.operators.into_iter().map(Row::of).collect(),
            roles: role_boxes(session, &draft.roles).await?,
            draft,
            first: after.map(|_| "/people".to_owned()),
            next,
        })
    }
}

impl Row {
    fn of(operator: Operator) -> Self {
        let (kind, state) =
            if operator.disabled { ("stopped", "disabled") } else { ("ok", "active") };
        Self {
            address: page_of(&operator.name),
            name: operator.name,
            roles: operator.roles,
            kind,
            state,
            password: if operator.has_password { "password" } else { "API tokens only" },
            created: Moment::of(&operator.created_at),
        }
    }
}
