//! The operator whose browser asks, and the frame around their pages.

use crate::api::{Caller, Failure};
use crate::page::{Frame, NavGroup, NavItem, Section};
use crate::theme::Theme;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use controller_api::{Me, ProblemKind};
use fleet::Action;
use std::sync::Arc;

/// The operator's session.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    /// Asks the API as this operator.
    pub(crate) api: Caller,
    /// The operator.
    pub(crate) me: Arc<Me>,
    /// The path and query that the browser asked for.
    pub(crate) here: String,
    /// The colors that the operator chose.
    pub(crate) theme: Theme,
    /// What was just done.
    pub(crate) notice: Option<&'static str>,
    pub(crate) sections: Arc<[Section]>,
}

impl Session {
    /// Returns whether the operator's roles allow an action, at least on some hosts.
    pub(crate) fn may(&self, action: Action) -> bool {
        let name = action.name();
        self.me.grants.iter().flat_map(|grant| &grant.actions).any(|pattern| {
            pattern == "*"
                || pattern == name
                || pattern
                    .strip_suffix('*')
                    .is_some_and(|family| family.ends_with('.') && name.starts_with(family))
        })
    }

    /// Returns whether a section of the navigation is offered.
    pub(crate) fn offers(&self, section: &Section) -> bool {
        section.needs.is_none_or(|action| self.may(action))
    }

    /// Returns the frame of a page with this title.
    pub(crate) fn frame(&self, title: impl Into<String>) -> Frame {
        let path = self.here.split('?').next().unwrap_or_default();
        let mut nav: Vec<NavGroup> = Vec::new();
        for section in self.sections.iter() {
            if !self.offers(section) {
                continue;
            }
            let item = NavItem {
                path: section.path,
                name: section.name,
                icon: section.icon,
                current: section.holds(path),
            };
            match nav.last_mut() {
                Some(group) if group.name == section.group => group.items.push(item),
                _ => nav.push(NavGroup { name: section.group, items: vec![item] }),
            }
        }
        Frame {
            title: title.into(),
            nav,
            me: self.me.name.clone(),
            csrf: self.me.csrf.clone().unwrap_or_default(),
            theme: self.theme,
            here: self.here.clone(),
            notice: self.notice,
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Session {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| {
            Failure::new(ProblemKind::Internal, "a page was asked for without a session")
        })
    }
}
