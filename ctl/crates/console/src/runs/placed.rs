//! Where a problem of the API stands in the form of a run.

use super::draft::TEXTS;

/// Returns the field of the form that a problem of the API is about, and its sentence.
pub(super) fn placed(detail: &str) -> (&'static str, String) {
    let rest = detail.strip_prefix("the body: ").unwrap_or(detail);
    let named = rest.split_once(": ").and_then(|(name, why)| {
        let name = name.rsplit('.').next()?;
        let field = match name {
            "cmd" => "command",
            "selector" | "hosts" => "l",
            "not_after" => "wait",
            "request" => request_field(why),
            name => TEXTS.iter().find(|text| **text == name)?,
        };
        Some((field, why))
    });
    let (field, why) = named.unwrap_or(("form", detail));
    (field, crate::api::sentence(why))
}

/// Returns the field that a problem of the agent's request names first.
fn request_field(why: &str) -> &'static str {
    let first = why.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').next();
    match first.unwrap_or_default() {
        "cmd" => "command",
        "limits" => "memory",
        name => TEXTS.iter().find(|text| **text == name).copied().unwrap_or("form"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_of_the_api_stands_beside_its_field() {
        for (detail, field) in [
            ("selector: expected a key", "l"),
            ("stages: the last stage must be 100%", "stages"),
            ("request: timeout must be whole seconds", "timeout"),
            ("request: cmd is too long", "command"),
            ("the body: request.method: nothing", "method"),
            ("something else", "form"),
        ] {
            assert_eq!(placed(detail).0, field, "{detail}");
        }
    }
}
