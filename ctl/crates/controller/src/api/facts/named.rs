//! Hosts by what the store's index knows: packages, services, certificates.

use super::search::{selected, selector};
use super::time;
use crate::api::document::problems::problems;
use crate::api::extract::Parameters;
use crate::api::page;
use crate::api::problem::ApiError;
use crate::api::service::Api;
use crate::api::times;
use crate::auth::Principal;
use crate::store::{DocumentHosts, DocumentNumber, EntryQuery, KeyRange};
use axum::extract::State;
use axum::response::Response;
use controller_api::{
    CertificateHosts, CertificateQuery, ExpiringCertificate, HostCertificates, HostPackages,
    HostService, PackageHosts, PackageQuery, PackageVersion, ServiceHosts, ServiceQuery, path,
};
use fleet::facts::index::{Entry, Kind};
use fleet::facts::version::Manager;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

problems! {
    /// The problems of a search by name.
    SearchingByName: Conflict
}

/// Lists the hosts that have a package installed, and its versions there.
#[utoipa::path(
    get,
    path = path::FACTS_PACKAGES,
    params(PackageQuery),
    responses((status = 200, description = "A page, ordered by id", body = PackageHosts), SearchingByName)
)]
pub(in crate::api) async fn packages(
    principal: Principal,
    State(api): State<Api>,
    Parameters(asked): Parameters<PackageQuery>,
) -> Result<Response, ApiError> {
    let wanted = Wanted::new(asked.limit, asked.after.clone(), asked.selector.as_deref())?;
    let key = KeyRange::Is(asked.name.clone());
    let fits = |(_, value): Entry| fitting(&value, &asked);
    let (found, next) = wanted.page(&api, &principal, (Kind::Package, key), fits).await?;
    let hosts = found.into_iter().map(|(host, versions)| HostPackages { host, versions });
    let answer = PackageHosts { hosts: hosts.collect(), next };
    api.respond(serde_json::to_string(&answer).expect("texts go to memory")).await
}

/// Lists the hosts that have a service, and its states there.
#[utoipa::path(
    get,
    path = path::FACTS_SERVICES,
    params(ServiceQuery),
    responses((status = 200, description = "A page, ordered by id", body = ServiceHosts), SearchingByName)
)]
pub(in crate::api) async fn services(
    principal: Principal,
    State(api): State<Api>,
    Parameters(asked): Parameters<ServiceQuery>,
) -> Result<Response, ApiError> {
    let wanted = Wanted::new(asked.limit, asked.after, asked.selector.as_deref())?;
    let state = asked.state;
    let fits =
        |(_, value): Entry| state.as_ref().is_none_or(|state| *state == value).then_some(value);
    let key = KeyRange::Is(asked.name);
    let (found, next) = wanted.page(&api, &principal, (Kind::Service, key), fits).await?;
    let hosts = found.into_iter().map(|(host, states)| HostService { host, states });
    let answer = ServiceHosts { hosts: hosts.collect(), next };
    api.respond(serde_json::to_string(&answer).expect("texts go to memory")).await
}

/// Lists the hosts with certificates that expire within a time, and those certificates.
#[utoipa::path(
    get,
    path = path::FACTS_CERTIFICATES,
    params(CertificateQuery),
    responses((status = 200, description = "A page, ordered by id", body = CertificateHosts), SearchingByName)
)]
pub(in crate::api) async fn certificates(
    principal: Principal,
    State(api): State<Api>,
    Parameters(asked): Parameters<CertificateQuery>,
) -> Result<Response, ApiError> {
    let wanted = Wanted::new(asked.limit, asked.after, asked.selector.as_deref())?;
    // As the providers write times: to the second. Texts of this form are ordered as the times are.
    let second = |text: &str| time(text).map(|at| format!("{}Z", &times::text(at)[..19]));
    let since = asked.since.as_deref().map(second).transpose()?.unwrap_or_default();
    let key = KeyRange::Within(since, second(&asked.before)?);
    let fits = |(not_after, value): Entry| {
        let (sha256, subject) = value.split_once(' ')?;
        let (sha256, subject) = (sha256.to_owned(), subject.to_owned());
        Some(ExpiringCertificate { not_after, sha256, subject })
    };
    let (found, next) = wanted.page(&api, &principal, (Kind::Certificate, key), fits).await?;
    let hosts =
        found.into_iter().map(|(host, certificates)| HostCertificates { host, certificates });
    let answer = CertificateHosts { hosts: hosts.collect(), next };
    api.respond(serde_json::to_string(&answer).expect("texts go to memory")).await
}

/// Hosts in an order, each with what was found.
type Found<T> = Vec<(String, Vec<T>)>;

/// The page that is asked for.
struct Wanted {
    limit: usize,
    after: String,
    selector: Option<fleet::Selector>,
}

impl Wanted {
    fn new(
        limit: Option<usize>,
        after: Option<String>,
        of: Option<&str>,
    ) -> Result<Self, ApiError> {
        Ok(Self {
            limit: page::limit(limit)?,
            after: after.unwrap_or_default(),
            selector: selector(of)?,
        })
    }

    /// Returns the hosts whose documents have fitting entries, with what each entry is. Each entry is
    /// looked at once, however many documents have it.
    async fn page<T: Clone + Ord>(
        self,
        api: &Api,
        principal: &Principal,
        (kind, key): (Kind, KeyRange),
        fits: impl Fn(Entry) -> Option<T>,
    ) -> Result<(Found<T>, Option<String>), ApiError> {
        let found = api.store.documents_with(EntryQuery { kind, key }).await?;
        let mut judged: HashMap<Entry, Option<T>> = HashMap::new();
        let mut fitting: HashMap<DocumentNumber, Vec<T>> = HashMap::new();
        for (document, entries) in found {
            for entry in entries {
                let verdict =
                    judged.entry(entry.clone()).or_insert_with_key(|entry| fits(entry.clone()));
                if let Some(value) = verdict {
                    fitting.entry(document).or_default().push(value.clone());
                }
            }
        }
        let current = api.store.current_documents(kind.method()).await?;
        let documents = current.iter().filter(|document| fitting.contains_key(&document.number));
        let query = DocumentHosts {
            method: kind.method().to_owned(),
            documents: Arc::new(documents.map(|it| (it.number, it.hosts)).collect()),
            hosts: selected(principal, self.selector),
            after: self.after,
            limit: self.limit,
        };
        let page = api.store.hosts_of_documents(query).await?;
        let hosts = page.hosts.into_iter().map(|(host, document)| {
            let mut values = fitting.get(&document).cloned().unwrap_or_default();
            values.sort();
            (host, values)
        });
        Ok((hosts.collect(), page.next))
    }
}

/// Returns the version that an entry names, if the query asks for it.
fn fitting(value: &str, asked: &PackageQuery) -> Option<PackageVersion> {
    let (manager, version) = value.split_once(' ')?;
    let order = |other: &str| Manager::named(manager).map(|it| it.compare(version, other));
    let is = |other: &Option<String>, wanted: Ordering| {
        other.as_deref().is_none_or(|other| order(other) == Some(wanted))
    };
    let fits = is(&asked.below, Ordering::Less)
        && is(&asked.above, Ordering::Greater)
        && is(&asked.version, Ordering::Equal);
    fits.then(|| PackageVersion { manager: manager.to_owned(), version: version.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_judged_as_their_own_manager_orders_them() {
        let asked =
            |below: Option<&str>, above: Option<&str>, version: Option<&str>| PackageQuery {
                name: "openssl".to_owned(),
                below: below.map(str::to_owned),
                above: above.map(str::to_owned),
                version: version.map(str::to_owned),
                selector: None,
                limit: None,
                after: None,
            };
        for (value, below, above, version, fits) in [
            ("dpkg 3.0.11-1~deb12u2", Some("3.0.14"), None, None, true),
            ("dpkg 3.0.14-1~deb12u2", Some("3.0.14"), None, None, false),
            ("rpm 1:3.0.7-27.el9", Some("3.0.14"), None, None, false),
            ("rpm 1:3.0.7-27.el9", Some("1:3.0.14"), None, None, true),
            ("rpm 1:3.0.7-27.el9", None, None, Some("1:3.0.7"), true),
            ("apk 3.1.4-r5", None, Some("3.1.4_rc1-r0"), None, true),
            ("pacman 1", None, None, None, true),
            ("pacman 1", Some("2"), None, None, false),
        ] {
            let found = fitting(value, &asked(below, above, version));
            assert_eq!(found.is_some(), fits, "{value}");
        }
    }
}
