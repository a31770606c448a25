//! The API's paths: templates for the server's router, and complete paths for a client.

use std::fmt::Write as _;

/// All connected hosts.
pub const HOSTS: &str = "/api/v1/hosts";

/// One connected host.
pub const HOST: &str = "/api/v1/hosts/{host}";

/// Requests to a host.
pub const REQUESTS: &str = "/api/v1/hosts/{host}/requests";

/// A host's results.
pub const RESULTS: &str = "/api/v1/hosts/{host}/results";

/// The result of one task.
pub const RESULT: &str = "/api/v1/hosts/{host}/results/{task}";

/// Whether the controller runs. Needs no token.
pub const HEALTH: &str = "/healthz";

/// Whether the controller can do all of its work. Needs no token.
pub const READY: &str = "/readyz";

/// Returns the path of one host.
pub fn host(host: &str) -> String {
    format!("{HOSTS}/{}", segment(host))
}

/// Returns the path for requests to a host.
pub fn requests(host: &str) -> String {
    format!("{HOSTS}/{}/requests", segment(host))
}

/// Returns the path of a host's results.
pub fn results(host: &str) -> String {
    format!("{HOSTS}/{}/results", segment(host))
}

/// Returns the path of one task's result.
pub fn result(host: &str, task: &str) -> String {
    format!("{HOSTS}/{}/results/{}", segment(host), segment(task))
}

/// Encodes a text as one segment of a path (RFC 3986 §3.3).
fn segment(text: &str) -> String {
    let mut segment = String::with_capacity(text.len());
    // A segment of one or two dots would mean another path (RFC 3986 §5.2.4).
    let only_dots = matches!(text, "." | "..");
    for byte in text.bytes() {
        match byte {
            b'.' if only_dots => segment.push_str("%2E"),
            b'.' | b'-' | b'_' | b'~' => segment.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => segment.push(char::from(byte)),
            _ => write!(segment, "%{byte:02X}").expect("a string takes every text"),
        }
    }
    segment
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_never_changes_the_path_around_it() {
        for (text, wanted) in [
            ("web-1.example_com~", "web-1.example_com~"),
            ("a/b", "a%2Fb"),
            ("a?b#c", "a%3Fb%23c"),
            ("100%", "100%25"),
            (".", "%2E"),
            ("..", "%2E%2E"),
            ("...", "..."),
            ("é", "%C3%A9"),
            ("", ""),
        ] {
            assert_eq!(segment(text), wanted, "{text:?}");
        }
    }

    #[test]
    fn complete_paths_follow_the_templates() {
        for (path, template) in [
            (host("h"), HOST),
            (requests("h"), REQUESTS),
            (results("h"), RESULTS),
            (result("h", "t"), RESULT),
        ] {
            assert_eq!(path, template.replace("{host}", "h").replace("{task}", "t"));
        }
    }
}
