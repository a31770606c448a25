//! What the console refuses, asked as no browser of ours would ask.

use browser::Console;
use std::collections::HashMap;

/// An answer: its status, its headers, its body.
struct Answer {
    status: u16,
    headers: HashMap<String, String>,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

fn ask(method: &str, url: &str, headers: &[(&str, &str)], form: Option<&str>) -> Answer {
    let agent: ureq::Agent =
        ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0).build().into();
    let mut request = ureq::http::Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = match form {
        None => agent.run(request.body(()).expect("as the console does it")),
        Some(form) => agent.run(
            request
                .header("content-type", "application/x-www-form-urlencoded")
                .body(form.to_owned())
                .expect("as the console does it"),
        ),
    };
    let mut answer = answer.expect("as the console does it");
    let headers = answer.headers().iter();
    let headers = headers
        .map(|(name, value)| {
            (name.to_string(), value.to_str().expect("as the console does it").to_owned())
        })
        .collect();
    let status = answer.status().as_u16();
    Answer {
        status,
        headers,
        body: answer.body_mut().read_to_string().expect("as the console does it"),
    }
}

const LOG_IN: &str = "name=ann&password=correct+horse+battery";

/// Logs in, and returns the cookie.
fn log_in(console: &Console, headers: &[(&str, &str)]) -> String {
    let answer = ask("POST", &console.url("/login"), headers, Some(LOG_IN));
    assert_eq!(answer.status, 303, "{}", answer.body);
    answer.header("set-cookie").split(';').next().expect("as the console does it").to_owned()
}

#[test]
fn a_page_is_neither_framed_nor_kept_and_runs_nothing_but_the_script() {
    let console = Console::start();
    for path in ["/login", "/setup", "/me", "/no/such/page", "/assets/icon.svg"] {
        let answer = ask("GET", &console.url(path), &[], None);
        let policy = answer.header("content-security-policy");
        for part in ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"] {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.header("x-frame-options"), "DENY", "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        let kept = answer.header("cache-control");
        assert_eq!(kept == "no-store", !path.starts_with("/assets"), "{path}: {kept}");
    }
}

#[test]
fn a_form_of_another_site_is_refused() {
    let console = Console::start();
    let cookie = log_in(&console, &[]);
    let foreign = [("cookie", cookie.as_str()), ("sec-fetch-site", "cross-site")];
    // The log-in too: nobody is to be logged in as somebody else by another site.
    for path in ["/logout", "/me/sessions/end", "/login", "/theme"] {
        let answer = ask("POST", &console.url(path), &foreign, Some(LOG_IN));
        assert_eq!(answer.status, 403, "{path}");
    }
    let origin = [("cookie", cookie.as_str()), ("origin", "https://evil.example")];
    assert_eq!(ask("POST", &console.url("/logout"), &origin, Some("")).status, 403);
    // A form of ours without its CSRF token is refused by the API.
    let ours = [("cookie", cookie.as_str()), ("sec-fetch-site", "same-origin")];
    assert_eq!(ask("POST", &console.url("/logout"), &ours, Some("")).status, 403);
    let still = ask("GET", &console.url("/me"), &[("cookie", &cookie)], None);
    assert_eq!(still.status, 200, "the session goes on");
}

#[test]
fn a_log_in_makes_a_session_of_its_own_whatever_cookie_came() {
    let console = Console::start();
    let planted = format!("basicagent-session={}", "0".repeat(64));
    let cookie = log_in(&console, &[("cookie", &planted)]);
    assert_ne!(cookie, planted);
    let with = |cookie: &str| ask("GET", &console.url("/me"), &[("cookie", cookie)], None).status;
    assert_eq!((with(&cookie), with(&planted)), (200, 303));
    assert_ne!(log_in(&console, &[("cookie", &cookie)]), cookie);
}

#[test]
fn a_log_in_leads_to_no_other_site() {
    let console = Console::start();
    for (next, wanted) in [
        ("%2Fme", "/me"),
        ("https%3A%2F%2Fevil.example", "/"),
        ("%2F%2Fevil.example", "/"),
        ("%2F%5Cevil.example", "/"),
        ("%2F%09%2Fevil.example", "/"),
        ("javascript%3Aalert(1)", "/"),
    ] {
        let form = format!("{LOG_IN}&next={next}");
        let answer = ask("POST", &console.url("/login"), &[], Some(&form));
        assert_eq!((answer.status, answer.header("location")), (303, wanted), "{next}");
    }
    let form = "theme=dark&back=%2F%2Fevil.example";
    let answer = ask("POST", &console.url("/theme"), &[], Some(form));
    assert_eq!(answer.header("location"), "/");
}

#[test]
fn a_link_from_another_site_comes_in_through_a_page_of_ours() {
    let console = Console::start();
    let linked = [("sec-fetch-site", "cross-site")];
    let answer = ask("GET", &console.url("/me?q=%22%3E%3Cscript%3E"), &linked, None);
    assert_eq!(answer.status, 200);
    assert!(answer.body.contains("http-equiv=\"refresh\""), "{}", answer.body);
    assert!(!answer.body.contains("<script>"), "{}", answer.body);
    let answer = ask("GET", &console.url("/me?x=1"), &[("sec-fetch-site", "same-origin")], None);
    assert_eq!((answer.status, answer.header("location")), (303, "/login?next=%2Fme%3Fx%3D1"));
}
