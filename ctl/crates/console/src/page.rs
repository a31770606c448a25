//! What a page is made of: its place in the navigation, its routes, and the frame around it.

use crate::api::Failure;
use crate::theme::Theme;
use askama::Template;
use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use controller_api::{ProblemKind, path};
use fleet::Action;

/// A page, or a few that belong together.
pub(crate) struct Page {
    /// The entry in the navigation, if there is one.
    pub(crate) section: Option<Section>,
    /// The routes. Each handler takes a `Session`.
    pub(crate) routes: Router,
    /// What `?done=KEY` says at the top of a page, by key.
    pub(crate) notices: &'static [(&'static str, &'static str)],
}

/// An entry in the navigation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Section {
    /// The heading that it stands below.
    pub(crate) group: &'static str,
    /// What it is called.
    pub(crate) name: &'static str,
    /// Its icon, of `parts/icons.html`.
    pub(crate) icon: &'static str,
    /// Where it leads.
    pub(crate) path: &'static str,
    /// Other paths, and all below them, that belong to it.
    pub(crate) also: &'static [&'static str],
    /// The action without which it is not offered.
    pub(crate) needs: Option<Action>,
}

impl Section {
    /// Returns whether a path belongs to the section.
    pub(crate) fn holds(&self, path: &str) -> bool {
        let below = |root: &str| {
            path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        path == self.path
            || (self.path != "/" && below(self.path))
            || self.also.iter().any(|root| below(root))
    }
}

/// What the frame around a page shows.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    /// The page's title.
    pub(crate) title: String,
    /// The navigation.
    pub(crate) nav: Vec<NavGroup>,
    /// The operator's name.
    pub(crate) me: String,
    /// The session's CSRF token, for forms.
    pub(crate) csrf: String,
    /// The colors.
    pub(crate) theme: Theme,
    /// The path and query of this page.
    pub(crate) here: String,
    /// What was just done.
    pub(crate) notice: Option<&'static str>,
}

/// Entries of the navigation below one heading.
#[derive(Clone, Debug)]
pub(crate) struct NavGroup {
    pub(crate) name: &'static str,
    pub(crate) items: Vec<NavItem>,
}

/// One entry of the navigation.
#[derive(Clone, Debug)]
pub(crate) struct NavItem {
    pub(crate) path: &'static str,
    pub(crate) name: &'static str,
    pub(crate) icon: &'static str,
    /// Whether the page belongs to it.
    pub(crate) current: bool,
}

/// Draws a page.
///
/// # Errors
/// When the template fails.
pub(crate) fn html(template: &impl Template) -> Result<Response, Failure> {
    html_with(StatusCode::OK, template)
}

/// Draws a page with a status: 4xx where a form is shown again with its problem.
///
/// # Errors
/// When the template fails.
pub(crate) fn html_with(status: StatusCode, template: &impl Template) -> Result<Response, Failure> {
    let text = text(template)?;
    Ok((status, [(header::CONTENT_TYPE, HTML)], text).into_response())
}

/// The media type of a page.
pub(crate) const HTML: &str = "text/html; charset=utf-8";

/// Draws a page as text.
///
/// # Errors
/// When the template fails.
pub(crate) fn text(template: &impl Template) -> Result<String, Failure> {
    template
        .render()
        .map_err(|error| Failure::new(ProblemKind::Internal, format!("the page: {error}")))
}

/// Ends a form: the browser goes on to a page, by GET.
pub(crate) fn see(path: &str) -> Response {
    // A path of ours is ASCII: `controller_api::path::segment` encodes what comes from outside.
    (StatusCode::SEE_OTHER, [(header::LOCATION, path.to_owned())]).into_response()
}

/// Returns the address of a host's page.
pub(crate) fn host_page(id: &str) -> String {
    format!("/hosts/{}", path::segment(id))
}

/// Returns a page's address with one field of its query.
pub(crate) fn with_query(path: &str, name: &str, value: &str) -> String {
    // Texts can always be encoded.
    let query = serde_urlencoded::to_string([(name, value)]).unwrap_or_default();
    format!("{path}?{query}")
}

/// Ends a form that has done something: the page says so, by a key of [`Page::notices`].
pub(crate) fn done(path: &str, key: &str) -> Response {
    let mark = if path.contains('?') { '&' } else { '?' };
    see(&format!("{path}{mark}done={key}"))
}
