//! The stylesheet, the script and the icon, in the binary. A path names its content, so that
//! browsers keep it for good.

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use std::sync::LazyLock;

/// The parts of the stylesheet, in order; a page adds its own at the end.
const CSS: &[&str] = &[
    include_str!("../assets/css/tokens.css"),
    include_str!("../assets/css/base.css"),
    include_str!("../assets/css/components.css"),
    include_str!("../assets/css/chart.css"),
    include_str!("../assets/css/hosts.css"),
    include_str!("../assets/css/runs.css"),
    include_str!("../assets/css/people.css"),
    include_str!("../assets/css/host.css"),
    include_str!("../assets/css/schedules.css"),
    include_str!("../assets/css/join.css"),
];

/// The script, without the lines that are comments only.
static JS: LazyLock<String> = LazyLock::new(|| {
    let comment = |line: &&str| {
        let line = line.trim();
        line.starts_with("//")
            || line.starts_with("* ")
            || (line.starts_with("/**") && (line.ends_with("*/") || !line.contains("*/")))
    };
    let lines = include_str!("../assets/console.js").lines();
    lines.filter(|line| !comment(line)).flat_map(|line| [line.trim_start(), "\n"]).collect()
});

const ICON: &str = include_str!("../assets/icon.svg");

static STYLE: LazyLock<String> = LazyLock::new(|| CSS.concat());

static CSS_PATH: LazyLock<String> = LazyLock::new(|| path(&STYLE, "css"));

static JS_PATH: LazyLock<String> = LazyLock::new(|| path(&JS, "js"));

fn path(text: &str, kind: &str) -> String {
    format!("/assets/console.{:08x}.{kind}", crc32fast::hash(text.as_bytes()))
}

/// Returns the path of the stylesheet.
pub(crate) fn css_path() -> &'static str {
    &CSS_PATH
}

/// Returns the path of the script.
pub(crate) fn js_path() -> &'static str {
    &JS_PATH
}

/// Returns the routes.
pub(crate) fn routes() -> Router {
    Router::new()
        .route(css_path(), get(async || kept("text/css; charset=utf-8", STYLE.as_str())))
        .route(js_path(), get(async || kept("text/javascript; charset=utf-8", JS.as_str())))
        .route("/assets/icon.svg", get(async || kept("image/svg+xml", ICON)))
        .route("/favicon.ico", get(async || kept("image/svg+xml", ICON)))
        // A page of the version before may still ask for its own.
        .route("/assets/{name}", get(async || StatusCode::NOT_FOUND))
}

fn kept(kind: &'static str, text: &'static str) -> Response {
    let keep = "public, max-age=31536000, immutable";
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, keep)], text).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_has_at_most_20_kb_as_it_is_served_and_no_comment() {
        assert!(JS.len() <= 20_000, "{} bytes", JS.len());
        assert!(!JS.lines().any(|line| line.starts_with("//")));
        // What is left out is comments, not code.
        assert!(JS.trim_start().starts_with("(() => {\n\"use strict\";\n"));
        assert!(JS.ends_with("})();\n"));
    }
}
