//! A run: composed, planned with the host's own answer, followed live, and still there after the
//! controller was killed while its page is open.

use browser::{Console, browser};

#[test]
fn a_run_is_composed_confirmed_and_followed_while_the_controller_is_killed() {
    let Some(browser) = browser("runs") else { return };
    let mut console = Console::start();
    let (host, _agent) = console.agent();
    console.log_in(&browser);
    browser.go(&console.url("/runs/new"));
    browser.check();
    let gate = format!("/tmp/browser-run-{}", std::process::id());
    let command = format!(
        "printf '\\033[31mred\\033[0m <script>alert(1)</script>\\n'; \
         until [ -e {gate} ]; do sleep 0.1; done; echo the end"
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
    std::fs::write(&gate, "").expect("a file");
    browser.wait_for_text("1 of 1 host done");
    browser.wait_for_text("the end");
    std::fs::remove_file(&gate).expect("our own file");
    assert!(browser.text("main").contains("<script>alert(1)</script>"));
    // That the controller did not answer is in the browser's console.
    browser.messages();
    browser.reload();
    assert_eq!(browser.address().split('?').next(), run.split('?').next());
    browser.wait_for_text("the end");
    browser.check();
}
