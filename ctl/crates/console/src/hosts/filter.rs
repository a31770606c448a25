//! Which hosts a page is about: the selector, the text and the status in its query.

use crate::form::Form;
use controller_api::{HostCountQuery, HostState, HostsQuery};
use serde::Serialize;

/// Hosts that are counted exactly: a page is asked for again with each change of a host.
const MAX_COUNTED: usize = 1000;

/// The status that a filter asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Online,
    Away,
    Pending,
    Quarantined,
    Banned,
}

impl Status {
    pub(super) const ALL: [Self; 5] =
        [Self::Online, Self::Away, Self::Pending, Self::Quarantined, Self::Banned];

    /// Returns its name in a query.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Away => "away",
            Self::Pending => "pending",
            Self::Quarantined => "quarantined",
            Self::Banned => "banned",
        }
    }

    /// Returns the word for people.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Online => "Online",
            Self::Away => "Away",
            Self::Pending => "Pending",
            Self::Quarantined => "Quarantined",
            Self::Banned => "Banned",
        }
    }

    /// Returns the kind of its mark.
    pub(super) const fn kind(self) -> &'static str {
        match self {
            Self::Online => "ok",
            Self::Away => "away",
            Self::Pending => "pending",
            Self::Quarantined => "bad",
            Self::Banned => "stopped",
        }
    }

    /// Returns the status of a host.
    pub(super) const fn of(state: HostState, connected: bool) -> Self {
        match (state, connected) {
            (HostState::Active, true) => Self::Online,
            (HostState::Active, false) => Self::Away,
            (HostState::Pending, _) => Self::Pending,
            (HostState::Quarantined, _) => Self::Quarantined,
            (HostState::Banned, _) => Self::Banned,
        }
    }

    /// Returns the state and the connection that the API is asked for.
    pub(super) const fn asked(self) -> (HostState, Option<bool>) {
        match self {
            Self::Online => (HostState::Active, Some(true)),
            Self::Away => (HostState::Active, Some(false)),
            Self::Pending => (HostState::Pending, None),
            Self::Quarantined => (HostState::Quarantined, None),
            Self::Banned => (HostState::Banned, None),
        }
    }
}

/// A filter, as the page's query has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Filter {
    pub(super) selector: String,
    pub(super) text: String,
    pub(super) status: Option<Status>,
    /// As in the query; empty for those that everybody gets.
    pub(super) columns: String,
}

/// The filter as a query, in this order.
#[derive(Serialize)]
struct Query<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    l: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    q: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    state: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    columns: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    after: &'a str,
}

impl Filter {
    /// Reads a page's query, or the hidden fields of a form.
    pub(super) fn of(form: &Form) -> Self {
        let status = form.get("state");
        Self {
            selector: form.get("l").trim().to_owned(),
            text: form.get("q").trim().to_owned(),
            status: Status::ALL.into_iter().find(|known| known.name() == status),
            columns: form.get("columns").trim().to_owned(),
        }
    }

    /// Returns whether it leaves any host out.
    pub(super) fn is_any(&self) -> bool {
        !self.selector.is_empty() || !self.text.is_empty() || self.status.is_some()
    }

    /// Returns the status's name; empty without one.
    pub(super) fn status_name(&self) -> &'static str {
        self.status.map_or("", Status::name)
    }

    /// Returns the address of the list, from a host on.
    pub(super) fn list(&self, after: &str) -> String {
        let query = Query {
            l: &self.selector,
            q: &self.text,
            state: self.status_name(),
            columns: &self.columns,
            after,
        };
        match serde_urlencoded::to_string(query).unwrap_or_default() {
            query if query.is_empty() => "/hosts".to_owned(),
            query => format!("/hosts?{query}"),
        }
    }

    pub(super) fn page(&self, limit: usize, after: Option<&str>) -> HostsQuery {
        let (state, connected) = self.asked();
        HostsQuery {
            selector: self.selector(),
            q: self.text(),
            state,
            connected,
            limit: Some(limit),
            after: after.map(str::to_owned),
        }
    }

    pub(super) fn count(&self) -> HostCountQuery {
        let (state, connected) = self.asked();
        let up_to = Some(MAX_COUNTED);
        HostCountQuery { selector: self.selector(), q: self.text(), state, connected, up_to }
    }

    pub(super) fn selector(&self) -> Option<String> {
        Some(self.selector.clone()).filter(|text| !text.is_empty())
    }

    pub(super) fn text(&self) -> Option<String> {
        Some(self.text.clone()).filter(|text| !text.is_empty())
    }

    pub(super) fn asked(&self) -> (Option<HostState>, Option<bool>) {
        match self.status.map(Status::asked) {
            Some((state, connected)) => (Some(state), connected),
            None => (None, None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_read_from_its_own_address() {
        for (query, address) in [
            ("", "/hosts"),
            ("l=&q=+&state=nothing", "/hosts"),
            ("l=role+in+(web,db),!old", "/hosts?l=role+in+%28web%2Cdb%29%2C%21old"),
            ("q=a%26b&state=away&columns=os.id", "/hosts?q=a%26b&state=away&columns=os.id"),
        ] {
            let filter = Filter::of(&Form::of_query(Some(query)));
            assert_eq!(filter.list(""), address, "{query}");
            let again = Form::of_query(address.split_once('?').map(|(_, query)| query));
            assert_eq!(Filter::of(&again), filter);
        }
    }
}
