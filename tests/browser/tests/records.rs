//! What the controller keeps and counts: history, budgets, the audit log, the system itself.

use browser::{Console, browser};
use serde_json::json;

#[test]
fn history_finds_what_ran_and_a_budget_is_set_changed_and_removed() {
    let Some(browser) = browser("history") else { return };
    let console = Console::start();
    let (host, _agent) = console.agent();
    console.log_in(&browser);
    browser.go(&console.url("/history"));
    browser.wait_for_text("Nothing has ended yet");
    for command in ["echo '<b>fine</b>'", "exit 3"] {
        let request = json!({"method": "async.bash", "cmd": command});
        console.api("POST", "runs", Some(&json!({"request": request, "hosts": [host]})));
    }
    // The page is live.
    browser.wait_for_text("echo '<b>fine</b>'");
    browser.wait_for_text("exit 3");
    browser.check();
    browser.run("document.querySelector('#state').value = 'failed'");
    browser.click("main .toolbar .button");
    browser.wait_for_address("the failed ones", |address| address.contains("state=failed"));
    browser.wait_without_text("fine");
    browser.wait_for_text("exit 3");
    browser.check();
    browser.go(&console.url("/budgets"));
    browser.wait_for_text("No budget is set");
    browser.check();
    browser.fill("#name", "databases");
    browser.fill("#selector", "role=(");
    browser.fill("#limit", "2");
    browser.click("main form .primary");
    browser.wait_for("#selector-error");
    // The browser tells of the status 400.
    browser.messages();
    browser.check();
    browser.fill("#selector", "role=db");
    browser.click("main form .primary");
    browser.wait_for_text("The budget is set");
    browser.wait_for_text("0 of 2");
    browser.check();
    browser.click("#budgets a.button");
    browser.fill("#limit", "5");
    browser.click("main form .primary");
    browser.wait_for_text("0 of 5");
    let limit = &console.api("GET", "budgets", None)["budgets"][0]["limit"];
    assert_eq!(limit, 5);
    browser.click("[aria-label='Remove databases']");
    browser.wait_for_text("The budget is removed");
    browser.wait_for_text("No budget is set");
}

#[test]
fn the_audit_log_is_filtered_and_verified_and_shows_that_a_line_was_changed() {
    let Some(browser) = browser("audit") else { return };
    let mut console = Console::start();
    console.log_in(&browser);
    browser.go(&console.url("/audit"));
    browser.wait_for_text("operators.manage");
    browser.check();
    // A line appears on the open page.
    console.operator("bob", &["viewer"]);
    browser.wait_until(
        "two lines",
        "return document.querySelector('#events').innerText.split('operators.manage').length > 2",
    );
    browser.fill("#action", "login");
    browser.click("main form .button");
    browser.wait_for_address("the log-ins", |address| address.contains("action=login"));
    browser.wait_without_text("operators.manage");
    assert!(browser.text("#events").contains("ann"));
    browser.check();
    browser.go(&console.url("/audit/verify"));
    browser.wait_for_text("The log is intact");
    browser.check();
    console.kill();
    let database = console.state_dir().join("results.db").display().to_string();
    let change = "DROP TRIGGER events_stay_as_they_are;
                  UPDATE events SET source = '10.0.0.1' WHERE sequence = 1;";
    e2e::run(&["sqlite3", &database, change]);
    console.restart();
    browser.go(&console.url("/audit/verify"));
    browser.wait_for_text("The log was tampered with");
    browser.check();
}

#[test]
fn the_system_page_tells_of_the_node_its_limits_and_the_rotation_of_its_ca() {
    let Some(browser) = browser("system") else { return };
    let console = Console::start();
    console.log_in(&browser);
    browser.go(&console.url("/system"));
    browser.wait_for_text("Ready");
    assert!(browser.text("#nodes").contains(console.listen()), "{}", browser.text("#nodes"));
    let _agent = console.agent();
    browser.wait_until(
        "the host is counted",
        "return document.querySelector('#figures .stat:nth-child(2) .value').textContent === '1'",
    );
    browser.check();
    browser.click("#rotate summary");
    browser.check();
    browser.click("#rotate .primary");
    browser.wait_for_text("The new root is made");
    browser.wait_for("#abort");
    assert_eq!(console.api("GET", "ca", None)["rotation"], "initiated");
    browser.check();
    browser.click("#abort summary");
    browser.click("#abort .danger");
    browser.wait_for_text("The rotation was aborted");
    browser.check();
}
