//! Operators of the real controller: the first start, log-ins, sessions, API tokens, the audit log,
//! and that no secret stays anywhere.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

mod support;

use serde_json::{Value, json};
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Child;
use support::{binary, http};
use test_support::{Scratch, start_until_ready, wait_until};

const PASSWORD: &str = "correct horse battery";

/// A controller without a token file.
struct Fresh {
    child: Child,
    scratch: Scratch,
    http: SocketAddr,
    /// The setup link, if there is one.
    setup: Option<String>,
}

/// An answer: status, body, and the cookie that it sets.
struct Answer {
    status: u16,
    body: Value,
    cookie: Option<String>,
}

impl Fresh {
    fn start(scratch: Scratch, flags: &[&str]) -> Self {
        let (ready, log) = (scratch.file("ready.json"), scratch.file("log"));
        let mut command = binary();
        command
            .args(["--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--state-dir", "state"])
            // A relative path works too.
            .current_dir(scratch.path())
            .arg("--ready-file")
            .arg(&ready)
            .args(flags);
        let (child, text) = start_until_ready(&mut command, &ready, &log);
        let ready: Value = serde_json::from_str(&text).unwrap();
        let http = ready["http"].as_str().unwrap().parse().unwrap();
        let setup = ready["setup"].as_str().map(str::to_owned);
        Self { child, scratch, http, setup }
    }

    fn stop(mut self) -> Scratch {
        test_support::run(&["kill", "-TERM", &self.child.id().to_string()]);
        self.child.wait().unwrap();
        std::mem::replace(&mut self.scratch, Scratch::new("controller-people"))
    }

    /// Sends a request with these headers.
    fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let mut request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("http://{}/api/v1/{path}", self.http));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut response = http().run(request.body(text).unwrap()).unwrap();
        let cookie = response.headers().get("set-cookie");
        let cookie = cookie.map(|value| value.to_str().unwrap().to_owned());
        let text = response.body_mut().read_to_string().unwrap();
        let body = serde_json::from_str(&text).unwrap_or_default();
        Answer { status: response.status().as_u16(), body, cookie }
    }

    fn with_token(&self, method: &str, path: &str, token: &str, body: &Value) -> Answer {
        self.send(method, path, &[("Authorization", &format!("Bearer {token}"))], body)
    }

    /// Creates the first operator, `ann`, and logs in; returns the API token.
    fn set_up(&self) -> String {
        let secret = self.setup_secret();
        let body = json!({"secret": secret, "name": "ann", "password": PASSWORD});
        assert_eq!(self.send("POST", "setup", &[], &body).status, 201);
        let answer = self.login("ann", PASSWORD, false);
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body["token"].as_str().unwrap().to_owned()
    }

    fn setup_secret(&self) -> String {
        self.setup.as_ref().unwrap().split_once('#').unwrap().1.to_owned()
    }

    fn login(&self, name: &str, password: &str, session: bool) -> Answer {
        let body = json!({"name": name, "password": password, "session": session});
        self.send("POST", "login", &[], &body)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.scratch.file("log")).unwrap()
    }

    fn events(&self, token: &str) -> Vec<Value> {
        let page = self.with_token("GET", "events?limit=1000", token, &Value::Null);
        page.body["events"].as_array().unwrap().clone()
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_link_of_the_first_start_makes_one_operator_once() {
    let first = Fresh::start(Scratch::new("controller-people"), &[]);
    let ready = first.scratch.file("ready.json");
    assert_eq!(fs::metadata(&ready).unwrap().permissions().mode() & 0o777, 0o600);
    let old = first.setup_secret();
    // A thread writes the log; the start does not wait for it.
    wait_until("the log names the link", || first.log().contains(&old));
    // A new start makes a new link, and the old one is wrong.
    let fresh = Fresh::start(first.stop(), &[]);
    let secret = fresh.setup_secret();
    let set_up = |secret: &str, name: &str, password: &str| {
        let body = json!({"secret": secret, "name": name, "password": password});
        fresh.send("POST", "setup", &[], &body)
    };
    assert_eq!(set_up(&old, "ann", PASSWORD).status, 403);
    assert_eq!(set_up(&secret, "ann", "short").status, 400);
    assert_eq!(set_up(&secret, "token-file", PASSWORD).status, 400);
    let made = set_up(&secret, "ann", PASSWORD);
    assert_eq!((made.status, &made.body["roles"]), (201, &json!(["admin"])));
    assert_eq!(set_up(&secret, "bob", PASSWORD).status, 403);
    // With an operator there is no link anymore.
    let next = Fresh::start(fresh.stop(), &[]);
    assert!(next.setup.is_none() && next.login("ann", PASSWORD, false).status == 200);
}

#[test]
fn a_session_is_a_cookie_whose_changes_need_the_csrf_token() {
    let fresh = Fresh::start(Scratch::new("controller-people"), &[]);
    fresh.set_up();
    let logged_in = fresh.login("ann", PASSWORD, true);
    let set = logged_in.cookie.unwrap();
    assert!(set.contains("HttpOnly") && set.contains("SameSite=Strict"), "{set}");
    let cookie = set.split(';').next().unwrap().to_owned();
    let csrf = logged_in.body["csrf"].as_str().unwrap().to_owned();
    assert!(logged_in.body.get("token").is_none());
    let me = fresh.send("GET", "me", &[("Cookie", &cookie)], &Value::Null);
    assert_eq!((me.body["by"].as_str(), me.body["csrf"].as_str()), (Some("session"), Some(&*csrf)));
    let change = json!({"name": "bob", "roles": ["viewer"]});
    for (headers, status) in [
        (&[("Cookie", &*cookie)][..], 403),
        (&[("Cookie", &cookie), ("X-CSRF-Token", &csrf[1..])], 403),
        (&[("Cookie", &cookie), ("X-CSRF-Token", &csrf)], 201),
        (&[("X-CSRF-Token", &csrf)], 401),
    ] {
        let answer = fresh.send("POST", "operators", headers, &change);
        assert_eq!(answer.status, status, "{headers:?}: {}", answer.body);
    }
    let both = [("Cookie", &*cookie), ("X-CSRF-Token", &csrf)];
    // A new password ends every session.
    let body = json!({"password": "another password"});
    assert_eq!(fresh.send("PATCH", "operators/ann", &both, &body).status, 200);
    assert_eq!(fresh.send("GET", "me", &both, &Value::Null).status, 401);
    assert_eq!(fresh.login("ann", PASSWORD, true).status, 401);
    let again = fresh.login("ann", "another password", true);
    let (set, csrf) = (again.cookie.unwrap(), again.body["csrf"].as_str().unwrap().to_owned());
    let both = [("Cookie", set.split(';').next().unwrap()), ("X-CSRF-Token", &*csrf)];
    let out = fresh.send("POST", "logout", &both, &Value::Null);
    assert!(out.status == 204 && out.cookie.unwrap().contains("Max-Age=0"));
    assert_eq!(fresh.send("GET", "me", &both, &Value::Null).status, 401);
}

#[test]
fn a_request_with_an_idempotency_key_creates_once_and_shows_a_secret_once() {
    let fresh = Fresh::start(Scratch::new("controller-people"), &[]);
    let token = fresh.set_up();
    let bearer = format!("Bearer {token}");
    let create = |path: &str, key: &str, body: &Value| {
        let headers = [("Authorization", &*bearer), ("Idempotency-Key", key)];
        fresh.send("POST", path, &headers, body)
    };
    let bob = json!({"name": "bob", "roles": ["viewer"], "password": PASSWORD});
    let first = create("operators", "k1", &bob);
    let second = create("operators", "k1", &bob);
    assert_eq!((first.status, second.status), (201, 201));
    assert_eq!(first.body, second.body);
    let other = json!({"name": "eve", "roles": ["viewer"]});
    assert_eq!(create("operators", "k1", &other).status, 422);
    assert_eq!(create("operators", "k2", &bob).status, 409, "the name is taken");
    // What failed may be repeated with its key.
    let gone = fresh.with_token("DELETE", "operators/bob", &token, &Value::Null);
    assert_eq!(gone.status, 204);
    assert_eq!(create("operators", "k2", &bob).status, 201);
    let ci = json!({"name": "ci"});
    let made = create("operators/bob/tokens", "k3", &ci);
    assert!(made.body["secret"].as_str().unwrap().starts_with("bap_"), "{}", made.body);
    let again = create("operators/bob/tokens", "k3", &ci);
    assert_eq!(again.status, 409, "{}", again.body);
    assert!(again.body["type"].as_str().unwrap().ends_with("already-created"));
    let join = create("tokens", "k4", &json!({"max_uses": 5}));
    let line = join.body["join"].as_str().unwrap();
    assert!(line.starts_with("BasicAgent enroll --server 127.0.0.1:"), "{line}");
    assert!(line.contains(" --ca sha256:") && line.contains(" --token bat1."), "{line}");
    assert_eq!(create("tokens", "k4", &json!({"max_uses": 5})).status, 409);
    let listed = fresh.with_token("GET", "operators/bob/tokens", &token, &Value::Null);
    assert_eq!(listed.body["tokens"].as_array().unwrap().len(), 1);
    let listed = fresh.with_token("GET", "tokens", &token, &Value::Null);
    assert_eq!(listed.body["tokens"].as_array().unwrap().len(), 1);
}

#[test]
fn guessed_passwords_are_bounded_and_do_not_lock_the_operator_out() {
    let fresh = Fresh::start(Scratch::new("controller-people"), &[]);
    let token = fresh.set_up();
    let guess = |name: &str| fresh.login(name, "wrong password", false).status;
    let guesses: Vec<u16> = (0..12).map(|_| guess("nobody")).collect();
    assert_eq!((guesses[0], guesses[11]), (401, 429), "{guesses:?}");
    // `ann` has logged in from here before.
    assert_eq!(fresh.login("ann", PASSWORD, false).status, 200);
    let events = fresh.events(&token);
    let logins: Vec<_> = events.iter().filter(|event| event["action"] == "login").collect();
    let refused = logins.iter().filter(|event| event["outcome"] == "refused").count();
    assert_eq!(refused, guesses.iter().filter(|status| **status == 401).count());
    assert!(logins.iter().any(|event| event["actor"] == "unknown"));
    assert!(!serde_json::to_string(&events).unwrap().contains("nobody"), "a name that nobody has");
}

#[test]
fn a_disabled_operator_is_refused_at_once_and_the_last_admin_stays() {
    let fresh = Fresh::start(Scratch::new("controller-people"), &[]);
    let token = fresh.set_up();
    for (method, body) in [
        ("PATCH", json!({"roles": ["viewer"]})),
        ("PATCH", json!({"disabled": true})),
        ("DELETE", Value::Null),
    ] {
        let answer = fresh.with_token(method, "operators/ann", &token, &body);
        assert_eq!(answer.status, 409, "{method} {body}: {}", answer.body);
    }
    let bob = json!({"name": "bob", "roles": ["admin"], "password": PASSWORD});
    assert_eq!(fresh.with_token("POST", "operators", &token, &bob).status, 201);
    let his = fresh.login("bob", PASSWORD, false).body["token"].as_str().unwrap().to_owned();
    let off = json!({"disabled": true});
    assert_eq!(fresh.with_token("PATCH", "operators/ann", &his, &off).status, 200);
    assert_eq!(fresh.with_token("GET", "me", &token, &Value::Null).status, 401);
    assert_eq!(fresh.login("ann", PASSWORD, false).status, 401);
}

#[test]
fn own_roles_come_from_a_file_that_sighup_reads_again() {
    let scratch = Scratch::new("controller-people");
    let file = scratch.write("roles.toml", "");
    let role = |name: &str| {
        format!("[[roles]]\nname = \"{name}\"\ngrants = [{{ actions = [\"hosts.read\"] }}]\n")
    };
    fs::write(&file, role("first")).unwrap();
    let fresh = Fresh::start(scratch, &["--roles", file.to_str().unwrap()]);
    let token = fresh.set_up();
    let exists = |name: &str| {
        fresh.with_token("GET", &format!("roles/{name}"), &token, &Value::Null).status == 200
    };
    let put = |name: &str| {
        let body = json!({"grants": [{"actions": ["hosts.read"]}]});
        fresh.with_token("PUT", &format!("roles/{name}"), &token, &body).status
    };
    assert!(exists("first") && put("first") == 409 && put("admin") == 400 && put("mine") == 200);
    let hang_up = || test_support::run(&["kill", "-HUP", &fresh.child.id().to_string()]);
    fs::write(&file, "[[roles]]\nname = \"first\"\n").unwrap();
    hang_up();
    wait_until("the error", || fresh.log().contains("stay as they were"));
    assert!(exists("first"));
    fs::write(&file, role("second")).unwrap();
    hang_up();
    wait_until("the new role", || exists("second"));
    assert!(!exists("first") && exists("mine"));
}

#[test]
fn no_secret_is_in_the_database_the_log_or_an_event() {
    let fresh = Fresh::start(Scratch::new("controller-people"), &[]);
    let token = fresh.set_up();
    let mut secrets = vec![PASSWORD.to_owned(), token.clone()];
    let session = fresh.login("ann", PASSWORD, true);
    let cookie = session.cookie.unwrap();
    secrets.push(cookie.split_once('=').unwrap().1.split(';').next().unwrap().to_owned());
    secrets.push(session.body["csrf"].as_str().unwrap().to_owned());
    let bob = json!({"name": "bob", "roles": [], "password": "passwordofbob"});
    assert_eq!(fresh.with_token("POST", "operators", &token, &bob).status, 201);
    secrets.push("passwordofbob".to_owned());
    let made = fresh.with_token("POST", "operators/bob/tokens", &token, &json!({"name": "ci"}));
    let api_token = made.body["secret"].as_str().unwrap().to_owned();
    let made = fresh.with_token("POST", "tokens", &token, &json!({}));
    let join = made.body["secret"].as_str().unwrap().to_owned();
    // Whoever pastes a whole token where its id belongs does not leak it either.
    for path in [format!("tokens/{join}"), format!("operators/bob/tokens/{api_token}")] {
        assert_eq!(fresh.with_token("DELETE", &path, &token, &Value::Null).status, 404);
        let viewer = fresh.with_token("DELETE", &path, &api_token, &Value::Null);
        assert!(matches!(viewer.status, 403 | 404), "{path}");
    }
    secrets.push(join.rsplit('.').next().unwrap().to_owned());
    secrets.push(api_token);
    // A password in the field of the name, wrong fields, and a command's input and variables.
    for body in [
        json!({"name": "hunter2hunter2", "password": "guessedpassword"}),
        json!({"name": "ann", "passwort": "misspelledfield", "password": "x"}),
    ] {
        fresh.send("POST", "login", &[], &body);
    }
    let command = json!({
        "method": "sync.bash", "cmd": "deploy", "stdin": "inputofcommand",
        "env": {"DEPLOY_KEY": "valueofvariable"},
    });
    fresh.with_token("POST", "hosts/h/requests", &token, &command);
    secrets.extend(
        [
            "hunter2hunter2",
            "guessedpassword",
            "misspelledfield",
            "inputofcommand",
            "valueofvariable",
        ]
        .map(str::to_owned),
    );
    let events = serde_json::to_string(&fresh.events(&token)).unwrap();
    assert!(events.contains("deploy") && events.contains("DEPLOY_KEY"), "{events}");
    let log = fresh.log();
    let setup = fresh.setup_secret();
    let scratch = fresh.stop();
    let files = files(&scratch.file("state"));
    assert!(files.iter().any(|(_, bytes)| bytes.starts_with(b"SQLite format 3")));
    for secret in secrets.iter().chain([&setup]) {
        for (path, bytes) in &files {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{secret:?} is in {}", path.display());
        }
        assert!(!events.contains(secret), "{secret:?} is in an event");
        assert!(*secret == setup || !log.contains(secret), "{secret:?} is in the log");
    }
}

/// Returns every file below a directory, with its content.
fn files(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut rest = vec![dir.to_owned()];
    while let Some(dir) = rest.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                rest.push(path);
            } else {
                let bytes = fs::read(&path).unwrap();
                found.push((path, bytes));
            }
        }
    }
    found
}
