//! A run: composed, planned with the host's own answer, followed live, and still there after the
//! controller was killed while its page is open.

use browser::{Console, PASSWORD, browser};
use std::time::Duration;
use test_support::{Scratch, wait_some_within};

/// Longer than an agent waits before it looks for its controller again.
const PATIENCE: Duration = Duration::from_secs(120);

#[test]
fn a_run_is_composed_confirmed_and_followed_while_the_controller_is_killed() {
    let Some(browser) = browser("runs") else { return };
    let mut console = Console::start();
    let (host, _agent) = console.agent();
    console.log_in(&browser);
    browser.go(&console.url("/runs/new"));
    browser.check();
    let scratch = Scratch::new("gate");
    let gate = scratch.file("open");
    let command = format!(
        "printf '\\033[31mred\\033[0m <script>alert(1)</script>\\n'; \
         until [ -e {} ]; do sleep 0.1; done; echo the end",
        gate.display()
    );
    browser.fill("[name=command]", &command);
    browser.fill("[name=l]", &format!("host={host}"));
    browser.click("main .button.primary");
    browser.wait_for_address("the plan", |address| address.contains("/plans/"));
    browser.wait_for_text("the host's own policy allows it");
    browser.check();
    browser.click("main .button.primary");
    browser.wait_for_address("the run", |address| address.contains("/runs/"));
    let run = browser.address();
    browser.wait_for_text("running");
    browser.check();
    // The page stays open while the controller dies and comes back.
    console.kill();
    browser.wait_for_text("The controller does not answer");
    console.restart();
    wait_some_within(PATIENCE, "the host is back", || {
        let found = console.api("GET", &format!("hosts/{host}"), None);
        (found["connected"] == true).then_some(())
    });
    std::fs::write(&gate, "").expect("a file");
    browser.wait_for_text("1 of 1 host done");
    browser.wait_for_text("the end");
    assert!(browser.text("main").contains("<script>alert(1)</script>"));
    // That the controller did not answer is in the browser's console.
    browser.messages();
    browser.reload();
    assert_eq!(browser.address().split('?').next(), run.split('?').next());
    browser.wait_for_text("the end");
    browser.check();
}

#[test]
fn a_run_page_is_reloaded_its_window_closed_and_opened_again_by_its_address() {
    let Some(first) = browser("a run's page again") else { return };
    let console = Console::start();
    let (host, _agent) = console.agent();
    console.log_in(&first);
    let scratch = Scratch::new("gate");
    let gate = scratch.file("open");
    let wait = format!("until [ -e {} ]; do sleep 0.1; done", gate.display());
    let command = format!("echo the beginning; {wait}; echo end");
    let request = serde_json::json!({"method": "async.bash", "cmd": command});
    let run = serde_json::json!({"request": request, "hosts": [host]});
    let run = console.api("POST", "runs", Some(&run));
    let path = format!("/runs/{}", run["id"].as_str().expect("an id"));
    first.go(&console.url(&path));
    first.wait_for_text("0 of 1 host done");
    first.reload();
    first.wait_for_text("0 of 1 host done");
    first.go(&console.url(&format!("{path}/hosts/{host}")));
    first.wait_for_text("the beginning");
    first.reload();
    // A stream that is opened again begins where the output begins.
    first.wait_for_text("the beginning");
    first.check();
    drop(first);
    let Some(second) = browser("a run's page again") else { return };
    second.go(&console.url(&path));
    second.wait_for_address("the log-in page", |address| address.contains("/login?next="));
    second.fill("#name", "ann");
    second.fill("#password", PASSWORD);
    second.click("button.primary");
    second.wait_for_address("the run", |address| address.ends_with(&path));
    second.wait_for_text("0 of 1 host done");
    std::fs::write(&gate, "").expect("a file");
    second.wait_for_text("1 of 1 host done");
    second.wait_for_text("the beginning\nend");
    second.check();
}
