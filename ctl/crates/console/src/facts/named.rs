//! Hosts by what an index knows: packages, services, certificates.

use super::{Problem, TabLink, tabs};
use crate::api::Failure;
use crate::form::Form;
use crate::markup::Markup;
use crate::page::{Frame, host_page, html, html_with};
use crate::session::Session;
use crate::units;
use askama::Template;
use axum::extract::RawQuery;
use axum::response::Response;
use controller_api::{CertificateHosts, PackageHosts, ServiceHosts, path};
use serde::de::DeserializeOwned;

/// Hosts in one page.
const PAGE: usize = 50;

/// A field of the form.
struct Field {
    name: &'static str,
    label: &'static str,
    hint: &'static str,
    value: String,
    required: bool,
}

struct Row {
    host: String,
    href: String,
    what: Vec<What>,
    more: usize,
}

struct What {
    text: String,
    about: String,
    at: Option<Markup>,
}

#[derive(Template)]
#[template(path = "facts/named.html")]
struct Named {
    frame: Frame,
    tabs: Vec<TabLink>,
    /// What is searched, for the heading of the column.
    what: &'static str,
    fields: Vec<Field>,
    about: &'static str,
    examples: Vec<(&'static str, &'static str)>,
    problem: Option<Problem>,
    rows: Option<Vec<Row>>,
    first: Option<String>,
    next: Option<String>,
}

/// What is asked: the page's path, and the fields that the form brought.
struct Asked<'a> {
    at: &'static str,
    query: &'a Form,
    names: &'a [&'static str],
}

impl Asked<'_> {
    /// Returns the fields that are given.
    fn given(&self) -> Vec<(&'static str, String)> {
        let given = |name: &&'static str| Some((*name, self.query.some(name)?.to_owned()));
        self.names.iter().filter_map(given).collect()
    }

    fn page(&self) -> String {
        let pairs: Vec<String> = self
            .given()
            .iter()
            .map(|(name, value)| format!("{name}={}", path::segment(value)))
            .collect();
        format!("{}?{}", self.at, pairs.join("&"))
    }

    /// Asks the API, whose query calls the selector by its whole name.
    async fn ask<T: DeserializeOwned>(
        &self,
        session: &Session,
        api: &str,
        more: Vec<(&'static str, String)>,
    ) -> Result<T, Failure> {
        let mut asked = vec![("limit", PAGE.to_string())];
        for (name, value) in self.given() {
            asked.push((if name == "l" { "selector" } else { name }, value));
        }
        asked.retain(|(name, _)| *name != "days");
        asked.extend(more);
        asked.extend(self.query.some("after").map(|after| ("after", after.to_owned())));
        session.api.query(api, &asked).await
    }
}

fn row(host: String, all: Vec<What>) -> Row {
    let more = all.len().saturating_sub(6);
    let what = all.into_iter().take(6).collect();
    Row { href: host_page(&host), host, what, more }
}

impl Named {
    fn end(
        mut self,
        found: Result<(Vec<Row>, Option<String>), Failure>,
        asked: &Asked<'_>,
    ) -> Result<Response, Failure> {
        self.first = asked.query.some("after").map(|_| asked.page());
        match found {
            Ok((rows, next)) => {
                self.next =
                    next.map(|next| format!("{}&after={}", asked.page(), path::segment(&next)));
                self.rows = Some(rows);
                html(&self)
            }
            Err(failure) => {
                let problem = Problem::of(failure, "")?;
                let status = problem.status;
                self.problem = Some(problem);
                html_with(status, &self)
            }
        }
    }
}

fn field(query: &Form, name: &'static str, label: &'static str, hint: &'static str) -> Field {
    Field { name, label, hint, value: query.get(name).to_owned(), required: name == "name" }
}

pub(super) async fn packages(
    session: Session,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    let query = Form::of_query(query.as_deref());
    let page = Named {
        frame: session.frame("Packages"),
        tabs: tabs(&session),
        what: "Versions",
        fields: vec![
            field(&query, "name", "Package", "openssl"),
            field(&query, "below", "Older than", "3.0.14"),
            field(&query, "above", "Newer than", ""),
            field(&query, "l", "Hosts by labels", "env=prod"),
        ],
        about: "Finds the hosts that have a package installed. Versions are compared as dpkg, rpm and apk do.",
        examples: vec![
            ("openssl before 3.0.14", "/facts/packages?name=openssl&below=3.0.14"),
            ("Every bash", "/facts/packages?name=bash"),
        ],
        problem: None,
        rows: None,
        first: None,
        next: None,
    };
    if query.some("name").is_none() {
        return html(&page);
    }
    let asked =
        Asked { at: "/facts/packages", query: &query, names: &["name", "below", "above", "l"] };
    let found: Result<PackageHosts, Failure> =
        asked.ask(&session, path::FACTS_PACKAGES, Vec::new()).await;
    let found = found.map(|found| {
        let rows = found.hosts.into_iter().map(|one| {
            let version = |it: controller_api::PackageVersion| What {
                text: it.version,
                about: it.manager,
                at: None,
            };
            row(one.host, one.versions.into_iter().map(version).collect())
        });
        (rows.collect(), found.next)
    });
    page.end(found, &asked)
}

pub(super) async fn services(
    session: Session,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    let query = Form::of_query(query.as_deref());
    let page = Named {
        frame: session.frame("Services"),
        tabs: tabs(&session),
        what: "State",
        fields: vec![
            field(&query, "name", "Service", "ssh.service"),
            field(&query, "state", "In state", "enabled"),
            field(&query, "l", "Hosts by labels", "env=prod"),
        ],
        about: "Finds the hosts that have a service. States are those of systemctl: enabled, disabled, masked, static.",
        examples: vec![
            ("Where SSH is enabled", "/facts/services?name=ssh.service&state=enabled"),
            ("Every cron", "/facts/services?name=cron.service"),
        ],
        problem: None,
        rows: None,
        first: None,
        next: None,
    };
    if query.some("name").is_none() {
        return html(&page);
    }
    let asked = Asked { at: "/facts/services", query: &query, names: &["name", "state", "l"] };
    let found: Result<ServiceHosts, Failure> =
        asked.ask(&session, path::FACTS_SERVICES, Vec::new()).await;
    let found = found.map(|found| {
        let what = |text| What { text, about: String::new(), at: None };
        let rows = found
            .hosts
            .into_iter()
            .map(|one| row(one.host, one.states.into_iter().map(what).collect()));
        (rows.collect(), found.next)
    });
    page.end(found, &asked)
}

pub(super) async fn certificates(
    session: Session,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    let query = Form::of_query(query.as_deref());
    let page = Named {
        frame: session.frame("Certificates"),
        tabs: tabs(&session),
        what: "Certificates",
        fields: vec![
            Field {
                required: true,
                value: query.some("days").unwrap_or("30").to_owned(),
                ..field(&query, "days", "Expire within, days", "30")
            },
            field(&query, "l", "Hosts by labels", "env=prod"),
        ],
        about: "Finds the hosts with certificates that expire soon, those that have expired included.",
        examples: vec![
            ("Within a week", "/facts/certificates?days=7"),
            ("Within 90 days", "/facts/certificates?days=90"),
        ],
        problem: None,
        rows: None,
        first: None,
        next: None,
    };
    let asked = Asked { at: "/facts/certificates", query: &query, names: &["days", "l"] };
    let days: i64 = query.some("days").unwrap_or("30").parse().unwrap_or(-1);
    if !(0..=36_500).contains(&days) {
        let failure =
            Failure::new(controller_api::ProblemKind::InvalidRequest, "use 0 to 36500 days");
        return page.end(Err(failure), &asked);
    }
    let before = units::rfc3339(units::now().saturating_add(days * units::DAY));
    let found: Result<CertificateHosts, Failure> =
        asked.ask(&session, path::FACTS_CERTIFICATES, vec![("before", before)]).await;
    let found = found.map(|found| {
        let rows = found.hosts.into_iter().map(|one| {
            let what = |it: controller_api::ExpiringCertificate| What {
                text: it.subject,
                about: String::new(),
                at: Some(crate::host::time(&it.not_after)),
            };
            row(one.host, one.certificates.into_iter().map(what).collect())
        });
        (rows.collect(), found.next)
    });
    page.end(found, &asked)
}
