//! A browser by WebDriver (W3C): the commands that tests need, as blocking calls.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use test_support::{Scratch, wait_some, wait_until};

/// The key of an element's reference.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// Keys, as WebDriver names them.
pub const DOWN: &str = "\u{e015}";
/// The key for the entry above.
pub const UP: &str = "\u{e013}";
/// The key that takes an entry or sends a form.
pub const ENTER: &str = "\u{e007}";
/// The key that closes something.
pub const ESCAPE: &str = "\u{e00c}";
/// The key for the next field.
pub const TAB: &str = "\u{e004}";

/// The longest that a script or the load of a page may take, in milliseconds: a busy machine needs
/// far longer than the usual time for axe-core.
const PATIENCE: u32 = 300_000;

/// The most pixels of a picture's height.
const MAX_HEIGHT: u32 = 3000;

/// One browser with an empty profile, which ends when dropped.
#[derive(Debug)]
pub struct Browser {
    driver: Child,
    /// The session's URL.
    session: String,
    _scratch: Scratch,
}

impl Browser {
    /// Starts chromedriver, and a browser without a window.
    ///
    /// # Panics
    /// When they do not start.
    #[expect(clippy::disallowed_methods, reason = "a test starts the driver")]
    pub(crate) fn start() -> Self {
        let scratch = Scratch::new("browser");
        let log = scratch.file("driver.log");
        let driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(std::fs::File::create(&log).expect("a log"))
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver starts");
        let port = wait_some("chromedriver's port", || {
            let text = std::fs::read_to_string(&log).ok()?;
            let (_, rest) = text.split_once("started successfully on port ")?;
            rest.split_once('.').map(|(port, _)| port.to_owned())
        });
        let base = format!("http://127.0.0.1:{port}");
        let profile = format!("--user-data-dir={}", scratch.file("profile").display());
        let capabilities = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "goog:loggingPrefs": {"browser": "ALL"},
            "timeouts": {"script": PATIENCE, "pageLoad": PATIENCE},
            "goog:chromeOptions": {"args": [
                "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu",
                "--hide-scrollbars", "--window-size=1440,1000", profile,
            ]},
        }}});
        let made = call("POST", &format!("{base}/session"), Some(&capabilities));
        let id = made["sessionId"].as_str().expect("a session");
        Self { driver, session: format!("{base}/session/{id}"), _scratch: scratch }
    }

    fn command(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        call(method, &format!("{}/{path}", self.session), body)
    }

    /// Opens a page, and waits until it is loaded.
    pub fn go(&self, url: &str) {
        self.command("POST", "url", Some(&json!({"url": url})));
    }

    /// Loads the page again.
    pub fn reload(&self) {
        self.command("POST", "refresh", Some(&json!({})));
    }

    /// Returns the page's address.
    ///
    /// # Panics
    /// When the driver breaks its protocol.
    pub fn address(&self) -> String {
        self.command("GET", "url", None).as_str().expect("a text").to_owned()
    }

    /// Runs a script in the page, and returns what it returns.
    pub fn run(&self, script: &str) -> Value {
        self.command("POST", "execute/sync", Some(&json!({"script": script, "args": []})))
    }

    /// Runs a script that calls its last argument when it is done, and returns the call's argument.
    pub fn run_until_done(&self, script: &str) -> Value {
        self.command("POST", "execute/async", Some(&json!({"script": script, "args": []})))
    }

    fn find(&self, selector: &str) -> Option<String> {
        let by = json!({"using": "css selector", "value": selector});
        let found = self.command("POST", "elements", Some(&by));
        found.get(0)?[ELEMENT].as_str().map(str::to_owned)
    }

    /// Waits until an element is there.
    ///
    /// # Panics
    /// After the deadline.
    pub fn wait_for(&self, selector: &str) -> String {
        wait_some(&format!("{selector} on {}", self.address()), || self.find(selector))
    }

    /// Waits until the text of the page has something in it.
    ///
    /// # Panics
    /// After the deadline.
    pub fn wait_for_text(&self, text: &str) {
        wait_until(&format!("\"{text}\" on {}", self.address()), || {
            self.text("body").contains(text)
        });
    }

    /// Waits until the text of the page does not have something in it.
    ///
    /// # Panics
    /// After the deadline.
    pub fn wait_without_text(&self, text: &str) {
        wait_until(&format!("no \"{text}\" on {}", self.address()), || {
            !self.text("body").contains(text)
        });
    }

    /// Waits until a script returns true.
    ///
    /// # Panics
    /// After the deadline.
    pub fn wait_until(&self, what: &str, script: &str) {
        wait_until(&format!("{what} on {}", self.address()), || self.run(script) == true);
    }

    /// Waits until the page's address is as the check wants it.
    ///
    /// # Panics
    /// After the deadline.
    pub fn wait_for_address(&self, what: &str, check: impl Fn(&str) -> bool) {
        wait_until(what, || check(&self.address()));
    }

    /// Returns the text that an element shows; empty where there is none.
    pub fn text(&self, selector: &str) -> String {
        let script =
            format!("return document.querySelector({})?.innerText ?? ''", quoted(selector));
        self.run(&script).as_str().unwrap_or_default().to_owned()
    }

    /// Clicks on an element.
    pub fn click(&self, selector: &str) {
        self.act(selector, &[("click", json!({}))]);
    }

    /// Types into a field, in place of what is there.
    pub fn fill(&self, selector: &str, text: &str) {
        self.act(selector, &[("clear", json!({})), ("value", json!({"text": text}))]);
    }

    /// Does something with an element. A live page may put another in its place meanwhile; then that
    /// one is taken.
    fn act(&self, selector: &str, acts: &[(&str, Value)]) {
        wait_some(&format!("{selector} on {}", self.address()), || {
            let element = self.find(selector)?;
            for (act, body) in acts {
                let url = format!("{}/element/{element}/{act}", self.session);
                let told = ask("POST", &url, Some(body));
                if told["error"] == "stale element reference" {
                    return None;
                }
                assert!(told.get("error").is_none(), "{act} on {selector}: {told}");
            }
            Some(())
        });
    }

    /// Presses keys, wherever the focus is.
    pub fn keys(&self, keys: &str) {
        let actions: Vec<Value> = keys
            .chars()
            .flat_map(|key| {
                [json!({"type": "keyDown", "value": key}), json!({"type": "keyUp", "value": key})]
            })
            .collect();
        let actions = json!({"actions": [{"type": "key", "id": "keyboard", "actions": actions}]});
        self.command("POST", "actions", Some(&actions));
    }

    /// Calls a function of the browser's own protocol (CDP).
    pub fn cdp(&self, name: &str, parameters: &Value) -> Value {
        let body = json!({"cmd": name, "params": parameters});
        self.command("POST", "goog/cdp/execute", Some(&body))
    }

    /// Sets the window's size in pixels.
    pub fn resize(&self, width: u32, height: u32) {
        let size = json!({"width": width, "height": height});
        self.command("POST", "window/rect", Some(&size));
    }

    /// Saves a picture of the whole page, as it is at a width.
    ///
    /// # Panics
    /// When it cannot be saved.
    pub fn screenshot(&self, width: u32, file: &Path) {
        let screen =
            json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false});
        self.cdp("Emulation.setDeviceMetricsOverride", &screen);
        let height = self
            .run(&format!("return Math.min({MAX_HEIGHT}, document.documentElement.scrollHeight)"));
        let clip = json!({"x": 0, "y": 0, "width": width, "height": height, "scale": 1});
        let how = json!({"format": "png", "clip": clip, "captureBeyondViewport": true});
        let data = self.cdp("Page.captureScreenshot", &how);
        self.cdp("Emulation.clearDeviceMetricsOverride", &json!({}));
        let picture = STANDARD.decode(data["data"].as_str().expect("a text")).expect("base64");
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder).expect("a folder");
        }
        std::fs::write(file, picture).expect("a picture");
    }

    /// Checks that axe-core finds no serious issue, and that the browser has said nothing.
    ///
    /// # Panics
    /// With what was found.
    pub fn check(&self) {
        let messages = self.messages();
        assert!(messages.is_empty(), "the browser says: {messages:#?}");
        let issues = self.axe();
        assert!(issues.is_empty(), "axe on {}: {issues:#?}", self.address());
    }

    /// Returns what the browser's console has, since the last look.
    pub fn messages(&self) -> Vec<String> {
        let log = self.command("POST", "se/log", Some(&json!({"type": "browser"})));
        let lines = log.as_array().cloned().unwrap_or_default();
        lines.iter().filter_map(|line| line["message"].as_str().map(str::to_owned)).collect()
    }

    /// Returns the serious and critical issues that axe-core finds on the page; none where it is not
    /// installed.
    pub fn axe(&self) -> Vec<String> {
        let tools: PathBuf = e2e::plugin_dir().join("../tools/axe.min.js");
        let Ok(axe) = std::fs::read_to_string(&tools) else {
            eprintln!("SKIPPED (needs axe-core; make test-deps installs it): {}", self.address());
            return Vec::new();
        };
        let script = format!(
            "const done = arguments[arguments.length - 1]; {axe};
             axe.run(document, {{resultTypes: ['violations']}}).then((found) => done(
                 found.violations.filter((it) => ['serious', 'critical'].includes(it.impact))
                     .map((it) => it.id + ': ' + it.help + ': '
                         + it.nodes.map((node) => node.html.slice(0, 200)).join(' | '))
             ), (error) => done([String(error)]));"
        );
        let found = self.run_until_done(&script);
        let found = found.as_array().cloned().unwrap_or_default();
        found.iter().filter_map(|issue| issue.as_str().map(str::to_owned)).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let page = std::panic::catch_unwind(|| (self.address(), self.text("body")));
            let (address, text) = page.unwrap_or_default();
            eprintln!("--- the page {address} ---\n{text}\n---");
        }
        // The browser ends with its session; the driver alone would leave it behind.
        let _ = ureq::delete(&self.session).call();
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// Quotes a text for a script.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// Calls the driver; panics if it refuses.
fn call(method: &str, url: &str, body: Option<&Value>) -> Value {
    let value = ask(method, url, body);
    assert!(value.get("error").is_none(), "{method} {url}: {value}");
    value
}

/// Calls the driver, and returns its answer: a value, or an error.
fn ask(method: &str, url: &str, body: Option<&Value>) -> Value {
    let agent: ureq::Agent =
        ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let request = ureq::http::Request::builder().method(method).uri(url);
    let answer = match body {
        None => agent.run(request.body(()).expect("a request")),
        Some(body) => agent.run(
            request
                .header("content-type", "application/json")
                .body(body.to_string())
                .expect("a request"),
        ),
    };
    let mut answer = answer.unwrap_or_else(|error| panic!("{method} {url}: {error}"));
    let text = answer.body_mut().with_config().limit(64 << 20).read_to_string().expect("text");
    let answer: Value = serde_json::from_str(&text).expect("JSON");
    answer["value"].clone()
}
