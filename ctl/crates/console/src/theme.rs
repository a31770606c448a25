//! The colors: as the system has them, or as the operator chose. The choice is a cookie, set by a
//! form, so that it needs no script.

use crate::form::Form;
use crate::security::own_path;
use axum::Router;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;

/// The colors of pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Theme {
    System,
    Light,
    Dark,
}

impl Theme {
    /// Returns the value in the cookie, in forms, and of `data-theme`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    fn named(name: &str) -> Self {
        match name {
            "light" => Self::Light,
            "dark" => Self::Dark,
            _ => Self::System,
        }
    }

    /// Reads the choice from a request's cookies.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let cookies = headers.get(header::COOKIE).and_then(|value| value.to_str().ok());
        let pairs = cookies.unwrap_or_default().split(';');
        let chosen = pairs.filter_map(|pair| pair.trim().strip_prefix("theme=")).next();
        Self::named(chosen.unwrap_or_default())
    }
}

/// Returns the route of the form.
pub(crate) fn routes() -> Router {
    Router::new().route("/theme", post(choose))
}

async fn choose(form: Form) -> Response {
    let theme = Theme::named(form.get("theme")).name();
    let cookie = format!("theme={theme}; Path=/; Max-Age=31536000; HttpOnly; SameSite=Strict");
    let back = own_path(form.get("back")).unwrap_or("/").to_owned();
    (StatusCode::SEE_OTHER, [(header::LOCATION, back), (header::SET_COOKIE, cookie)])
        .into_response()
}
