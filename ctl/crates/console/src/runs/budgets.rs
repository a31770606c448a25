//! `/budgets`: how many of some hosts may be at work at once, and how many are now.

use super::equation::share;
use super::words;
use crate::api::Failure;
use crate::form::Form;
use crate::page::{Frame, done, html, html_with};
use crate::session::Session;
use crate::units::Moment;
use askama::Template;
use axum::extract::RawQuery;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use controller_api::{Budget, BudgetDefinition, BudgetList, MAX_BUDGETS, PageQuery, path};
use fleet::Action;
use std::collections::BTreeMap;

pub(super) async fn show(session: Session, RawQuery(query): RawQuery) -> Result<Response, Failure> {
    // `?edit=NAME` puts a budget into the form.
    let query = Form::of_query(query.as_deref());
    let page = BudgetsPage::read(&session).await?;
    let edited = page.rows.iter().find(|row| row.name == query.get("edit"));
    let typed = edited.map(|row| Typed {
        name: row.name.clone(),
        selector: row.selector.clone(),
        limit: row.limit.to_string(),
    });
    html(&BudgetsPage { typed: typed.unwrap_or_default(), ..page })
}

pub(super) async fn set(session: Session, form: Form) -> Result<Response, Failure> {
    let text = |name: &str| form.get(name).trim().to_owned();
    let typed = Typed { name: text("name"), selector: text("selector"), limit: text("limit") };
    let mut problems = BTreeMap::new();
    if typed.name.is_empty() {
        problems.insert("name", "Give the budget a name.".to_owned());
    }
    let limit = typed.limit.parse::<u32>().unwrap_or_else(|_| {
        problems.insert("limit", "Write a number of hosts, 1 or more.".to_owned());
        0
    });
    if typed.selector.is_empty() && !form.has("all") {
        let why = "Say which hosts, as in role=db, or tick “All hosts”.";
        problems.insert("selector", why.to_owned());
    }
    let mut status = StatusCode::BAD_REQUEST;
    if problems.is_empty() {
        let budget = BudgetDefinition { selector: typed.selector.clone(), limit };
        let path = path::budget(&typed.name);
        match session.api.act(Method::PUT, &path, &budget, form.csrf()).await {
            Ok(()) => return Ok(done("/budgets", "budget-set")),
            Err(failure) if matches!(failure.status.as_u16(), 400 | 409) => {
                status = failure.status;
                let detail = failure.problem.detail.as_str();
                let field = if detail.starts_with("selector") {
                    "selector"
                } else if detail.contains("limit") {
                    "limit"
                } else {
                    "name"
                };
                let why = detail.strip_prefix("selector: ").unwrap_or(detail);
                problems.insert(field, crate::api::sentence(why));
            }
            Err(failure) => return Err(failure),
        }
    }
    let page = BudgetsPage::read(&session).await?;
    html_with(status, &BudgetsPage { typed, problems, ..page })
}

pub(super) async fn remove(session: Session, form: Form) -> Result<Response, Failure> {
    let path = path::budget(form.get("name"));
    session.api.act(Method::DELETE, &path, &(), form.csrf()).await?;
    Ok(done("/budgets", "budget-removed"))
}

#[derive(Template)]
#[template(path = "runs/budgets.html")]
struct BudgetsPage {
    frame: Frame,
    rows: Vec<Row>,
    may_manage: bool,
    typed: Typed,
    problems: BTreeMap<&'static str, String>,
}

/// What was typed into the form.
#[derive(Default)]
struct Typed {
    name: String,
    selector: String,
    limit: String,
}

/// One budget.
struct Row {
    name: String,
    selector: String,
    limit: u64,
    working: u64,
    length: u64,
    is_full: bool,
    by: String,
    at: Moment,
    edit: String,
}

impl BudgetsPage {
    async fn read(session: &Session) -> Result<Self, Failure> {
        let wanted = PageQuery { limit: Some(MAX_BUDGETS), after: None };
        let list: BudgetList = session.api.query(path::BUDGETS, &wanted).await?;
        Ok(Self {
            frame: session.frame("Budgets"),
            rows: list.budgets.into_iter().map(Row::of).collect(),
            may_manage: session.may(Action::BudgetsManage),
            typed: Typed::default(),
            problems: BTreeMap::new(),
        })
    }

    fn problem(&self, name: &str) -> Option<&String> {
        self.problems.get(name)
    }
}

impl Row {
    fn of(budget: Budget) -> Self {
        Self {
            length: share(u64::from(budget.working), u64::from(budget.limit)),
            is_full: budget.working >= budget.limit,
            limit: u64::from(budget.limit),
            working: u64::from(budget.working),
            at: words::moment(&budget.set_at),
            edit: super::address("/budgets", [("edit", budget.name.as_str())]),
            selector: budget.selector,
            by: budget.set_by,
            name: budget.name,
        }
    }
}
