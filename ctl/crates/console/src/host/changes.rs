//! What changed on a host, newest first, with each difference in lines.

use super::head::{self, Head, Tab};
use crate::api::Failure;
use crate::form::Form;
use crate::markup::Markup;
use crate::page::html;
use crate::session::Session;
use crate::units;
use askama::Template;
use axum::extract::{Path, RawQuery};
use axum::response::Response;
use controller_api::{
    FactChange, FactChanges, FactChangesQuery, FactDiff, FactState, HostChanges, path,
};

/// Changes in one page: each is compared with the state before.
const PAGE: usize = 12;

/// Lines of one change that stand in the page.
const LINES: usize = 20;

/// The word for a fact that nothing was known of before.
const FIRST: &str = "known for the first time";

/// A change of a fact.
pub(super) struct Change {
    pub(super) name: String,
    pub(super) href: String,
    pub(super) since: Markup,
    /// What became of the fact, in a word.
    pub(super) word: &'static str,
    pub(super) diff: String,
    pub(super) lines: Vec<Line>,
    pub(super) more: usize,
    from: String,
}

/// A line of a difference.
pub(crate) struct Line {
    pub(crate) sign: &'static str,
    pub(crate) word: &'static str,
    pub(crate) class: &'static str,
    pub(crate) path: String,
    pub(crate) old: Option<String>,
    pub(crate) new: Option<String>,
}

#[derive(Template)]
#[template(path = "host/changes.html")]
struct Changes {
    head: Head,
    changes: Vec<Change>,
    first: Option<String>,
    next: Option<String>,
    frame: crate::page::Frame,
}

/// Describes a change without its difference. A first answer is called such: it changed nothing.
pub(super) async fn told(
    session: &Session,
    state: &FactState,
    id: &str,
    at: &str,
) -> Result<Change, Failure> {
    let before = FactChangesQuery { limit: Some(1), after: units::millis(&state.since) };
    let log = path::host_fact_changes(id, &state.method);
    let log: FactChanges = session.api.query(&log, &before).await?;
    let mut change = change(state, id, at);
    if log.changes.is_empty() && state.present {
        change.word = FIRST;
    }
    Ok(change)
}

/// Describes a change without its difference.
fn change(state: &FactState, id: &str, at: &str) -> Change {
    let name = state.method.strip_prefix("getinfo.").unwrap_or(&state.method).to_owned();
    let before = units::millis(&state.since).map(|since| units::rfc3339(since - 1));
    let (from, to) =
        (format!("{id}@{}", before.unwrap_or_default()), format!("{id}@{}", state.since));
    Change {
        href: format!("{at}/facts/{}?at={}", path::segment(&name), path::segment(&state.since)),
        since: super::time(&state.since),
        word: if state.present { "changed" } else { "is not installed" },
        diff: format!(
            "/facts/diff?from={}&to={}&method={}",
            path::segment(&from),
            path::segment(&to),
            path::segment(&name)
        ),
        lines: Vec::new(),
        more: 0,
        from,
        name,
    }
}

/// Makes lines of a difference.
pub(crate) fn lines(diff: &FactDiff, most: usize) -> Vec<Line> {
    let cut = |text: &Option<String>| {
        text.as_ref().map(|text| match text.char_indices().nth(240) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text.clone(),
        })
    };
    let line = |line: &controller_api::FactLine| {
        let (sign, word, class) = match line.change {
            FactChange::Added => ("+", "added", "added"),
            FactChange::Removed => ("−", "removed", "removed"),
            FactChange::Changed => ("~", "changed", "changed"),
        };
        let path = line.path.chars().take(200).collect();
        Line { sign, word, class, path, old: cut(&line.old), new: cut(&line.new) }
    };
    diff.lines.iter().take(most).map(line).collect()
}

pub(super) async fn show(
    session: Session,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    let query = Form::of_query(query.as_deref());
    let (head, _) = head::read(&session, &id, Tab::Changes).await?;
    let limit = PAGE.to_string();
    let mut asked = vec![("limit", limit.as_str())];
    asked.extend(query.some("after").map(|after| ("after", after)));
    let log: HostChanges = session.api.query(&path::host_changes(&id), &asked).await?;
    let mut changes = Vec::with_capacity(log.changes.len());
    for state in &log.changes {
        let mut one = change(state, &id, &head.path);
        let to = format!("{id}@{}", state.since);
        let between =
            [("from", one.from.as_str()), ("to", to.as_str()), ("method", one.name.as_str())];
        // Nothing was known before the first answer, and the log may not go back that far.
        match session.api.query::<FactDiff>(path::FACTS_DIFF, &between).await {
            Ok(diff) => {
                if !state.present {
                    one.word = "is not installed anymore";
                }
                one.lines = lines(&diff, LINES);
                one.more = diff.lines.len().saturating_sub(LINES);
            }
            Err(_) if state.present => one.word = FIRST,
            Err(_) => {}
        }
        changes.push(one);
    }
    let at = format!("{}/changes", head.path);
    html(&Changes {
        first: query.some("after").map(|_| at.clone()),
        next: log.next.map(|next| format!("{at}?after={}", path::segment(&next))),
        changes,
        frame: head.frame.clone(),
        head,
    })
}
