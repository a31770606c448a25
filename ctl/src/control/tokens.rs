//! `token`: join tokens.

use super::{labels, parsed, said};
use crate::cli::{Token, TokenCreate, TokenRevoke};
use crate::client::Controller;
use crate::error::Error;
use crate::print::listing::{self, List, Row};
use crate::print::{Format, Record, document};
use crate::terminal::{confirm, safe};
use crate::{clock, output};
use agent_cron::Zone;
use controller_api::{CreatedJoinToken, JoinToken, NewJoinToken, RevokedJoinToken, path};
use ureq::http::Method;

impl Row for JoinToken {
    const HEAD: &'static [&'static str] = &["TOKEN", "STATE", "USES", "EXPIRES", "BY", "NOTE"];
    const WIDE: &'static [&'static str] = &["CREATED", "LABELS", "NETWORKS", "APPROVAL", "RATE"];

    fn cells(&self, wide: bool, zone: &Zone) -> Vec<String> {
        let mut cells = vec![
            safe(&self.id),
            state(self, clock::now()).to_owned(),
            format!("{}/{}", self.uses, self.max_uses),
            clock::shown(&self.expires, zone),
            safe(&self.created_by),
            safe(self.note.as_deref().unwrap_or("-")),
        ];
        if wide {
            let networks = self.networks.join(",");
            cells.extend([
                clock::shown(&self.created_at, zone),
                labels::of_token(&self.labels),
                if networks.is_empty() { "any".to_owned() } else { safe(&networks) },
                if self.approval { "yes" } else { "no" }.to_owned(),
                self.per_source_rate.map_or_else(|| "-".to_owned(), |rate| format!("{rate}/s")),
            ]);
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
pub(super) fn run(controller: &Controller, sub: &Token) -> Result<(), Error> {
    match sub {
        Token::Create(create) => created(controller, create),
        Token::List(format) => {
            let list = List::new(path::TOKENS, "tokens");
            listing::run::<JoinToken>(controller, &list, format.format())
        }
        Token::Show(show) => {
            let text = controller.read(&path::token(&show.id))?;
            document(&text, show.output.format(), || Ok(shown(&parsed(&text)?)))
        }
        Token::Revoke(revoke) => revoked(controller, revoke),
    }
}

/// Makes a token. Standard output gets the join line and nothing else, so that it can be piped.
fn created(controller: &Controller, create: &TokenCreate) -> Result<(), Error> {
    let narrow = |number: Option<u64>| number.and_then(|number| u32::try_from(number).ok());
    let body = NewJoinToken {
        expires_in: create.expires,
        max_uses: narrow(create.uses),
        labels: create.label.iter().cloned().collect(),
        networks: create.network.clone(),
        approval: create.approval,
        per_source_rate: narrow(create.per_address_rate),
        note: create.note.clone(),
    };
    let text = controller.create(path::TOKENS, &body)?;
    let format = create.output.format();
    if matches!(format, Format::Json | Format::Yaml) {
        return document(&text, format, || Ok(String::new()));
    }
    let created: CreatedJoinToken = parsed(&text)?;
    if format == Format::Name {
        return said(&created.token.id);
    }
    let JoinToken { id, max_uses, expires, .. } = &created.token;
    let hosts = if *max_uses == 1 { "one host".to_owned() } else { format!("{max_uses} hosts") };
    output::error_lines(&format!(
        "token {} admits {hosts} until {}; run this as root on each, it is shown only now:\n",
        safe(id),
        clock::shown(expires, &clock::here())
    ));
    said(&created.join)
}

fn revoked(controller: &Controller, revoke: &TokenRevoke) -> Result<(), Error> {
    let (hosts, query) =
        if revoke.with_hosts { (" and ban its hosts", "?with_hosts=true") } else { ("", "") };
    confirm(&format!("revoke token {}{hosts}", revoke.id), revoke.yes.yes)?;
    let path = format!("{}{query}", path::token(&revoke.id));
    let text = controller.change::<()>(&Method::DELETE, &path, None)?;
    let done: RevokedJoinToken = parsed(&text)?;
    let hosts = match (revoke.with_hosts, done.hosts_banned) {
        (false, _) => String::new(),
        (true, 1) => "; 1 host is banned".to_owned(),
        (true, count) => format!("; {count} hosts are banned"),
    };
    said(&format!("token {} is revoked{hosts}", done.token.id))
}

fn state(token: &JoinToken, now: i64) -> &'static str {
    if token.revoked_at.is_some() {
        "revoked"
    } else if token.uses >= token.max_uses {
        "used up"
    } else if clock::unix(&token.expires).is_some_and(|expires| expires <= now) {
        "expired"
    } else {
        "good"
    }
}

fn shown(token: &JoinToken) -> String {
    let zone = clock::here();
    let mut record = Record::default();
    record
        .add("token", &token.id)
        .add("state", state(token, clock::now()))
        .some("revoked", token.revoked_at.as_ref().map(|at| clock::shown(at, &zone)))
        .some("note", token.note.as_ref())
        .add("uses", format!("{} of {}", token.uses, token.max_uses))
        .add("expires", clock::shown(&token.expires, &zone))
        .add(
            "created",
            format!("{} by {}", clock::shown(&token.created_at, &zone), token.created_by),
        )
        .add("approval", if token.approval { "an operator's, for each host" } else { "none" })
        .some(
            "rate",
            token.per_source_rate.map(|rate| format!("{rate} a second from one address")),
        );
    for network in &token.networks {
        record.add("network", network);
    }
    for (key, value) in &token.labels {
        record.add("label", format!("{key}={value}"));
    }
    record.text()
}
