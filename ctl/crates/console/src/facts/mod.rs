//! Questions to the facts of all hosts: by path (`ask`), by value (`count`), by name (`named`:
//! packages, services, certificates), and what differs between two (`diff`).

mod ask;
mod count;
mod diff;
mod named;

use crate::api::Failure;
use crate::markup::Markup;
use crate::page::{Page, Section};
use crate::session::Session;
use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use controller_api::path;
use fleet::Action;
use fleet::facts::QuestionError;
use serde_json::value::RawValue;

pub(crate) fn page() -> Page {
    Page {
        section: Some(Section {
            group: "Fleet",
            name: "Facts",
            icon: "facts",
            path: "/facts",
            also: &[],
            needs: Some(Action::FactsRead),
        }),
        routes: Router::new()
            .route("/facts", get(ask::show))
            .route("/facts/count", get(count::show))
            .route("/facts/packages", get(named::packages))
            .route("/facts/services", get(named::services))
            .route("/facts/certificates", get(named::certificates))
            .route("/facts/diff", get(diff::show)),
        notices: &[],
    }
}

/// A tab of these pages.
pub(crate) struct TabLink {
    pub(crate) name: &'static str,
    pub(crate) href: &'static str,
    pub(crate) current: bool,
}

/// Returns the tabs, the page's own marked.
fn tabs(session: &Session) -> Vec<TabLink> {
    let here = session.here.split('?').next().unwrap_or_default();
    [
        ("Ask", "/facts"),
        ("Counts", "/facts/count"),
        ("Packages", "/facts/packages"),
        ("Services", "/facts/services"),
        ("Certificates", "/facts/certificates"),
        ("Compare", "/facts/diff"),
    ]
    .map(|(name, href)| TabLink { name, href, current: href == here })
    .into()
}

/// Why a question has no answer.
pub(crate) struct Problem {
    /// What is wrong, as a sentence.
    pub(crate) text: String,
    /// The question, and the column of the mistake in it.
    pub(crate) caret: Option<String>,
    /// The status of the page.
    status: StatusCode,
}

impl Problem {
    /// Takes a failure that belongs to what was asked; others are pages of their own.
    fn of(failure: Failure, question: &str) -> Result<Self, Failure> {
        let own = matches!(
            failure.status,
            StatusCode::BAD_REQUEST
                | StatusCode::NOT_FOUND
                | StatusCode::CONFLICT
                | StatusCode::FORBIDDEN
                | StatusCode::SERVICE_UNAVAILABLE
        );
        if !own {
            return Err(failure);
        }
        let place = QuestionError::place(&failure.problem.detail);
        let caret = place.filter(|_| question.len() <= 500).map(|at| {
            let before = question.char_indices().take_while(|(place, _)| *place < at).count();
            format!("{question}\n{}^", " ".repeat(before))
        });
        Ok(Self { text: failure.sentence(), caret, status: failure.status })
    }
}

/// Draws a value of a fact in one line.
fn value(raw: &RawValue) -> Markup {
    use crate::document::{Html, Json, value::brief};
    let mut html = Html::new(2000);
    match serde_json::from_str::<Json>(raw.get()) {
        Ok(value) if value.is_scalar() => brief(&mut html, "", &value, crate::units::now()),
        // A list or an object is shown as it is.
        _ => {
            html.markup("<code><bdi>").clipped(raw.get(), 160).markup("</bdi></code>");
        }
    }
    html.finish()
}

/// Returns the address of a page that asks for a path, on the hosts of a selector; all if it is
/// empty.
fn question(at: &str, path: &str, selector: &str) -> String {
    let mut address = format!("{at}?path={}", path::segment(path));
    if !selector.is_empty() {
        address.push_str(&format!("&l={}", path::segment(selector)));
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;
    use controller_api::ProblemKind;

    #[test]
    fn a_mistake_in_a_path_is_pointed_at() {
        let failure = |detail: &str| Failure::new(ProblemKind::InvalidRequest, detail);
        let sentence = "the path is wrong at byte 7: expected a name";
        let problem = Problem::of(failure(sentence), "$.äbc[?").unwrap();
        // The place is one of bytes, the caret's of characters.
        assert_eq!(problem.caret.as_deref(), Some("$.äbc[?\n      ^"));
        assert_eq!(Problem::of(failure("limit is wrong"), "$.a").unwrap().caret, None);
        assert!(Problem::of(Failure::new(ProblemKind::Internal, "x"), "$").is_err());
    }
}
