//! A host's page: a command that is followed, and why the host is away.

use browser::{Console, browser};

#[test]
fn a_command_on_a_hosts_page_is_shown_as_it_is_printed_and_the_page_says_why_the_host_went() {
    let Some(browser) = browser("a host's page") else { return };
    let console = Console::start();
    let (host, mut agent) = console.agent();
    console.log_in(&browser);
    let page = console.url(&format!("/hosts/{host}"));
    browser.go(&format!("{page}/run"));
    let gate = agent.scratch().file("gate");
    let command = format!(
        "printf '\\033[31mone\\033[0m <b>\\n'; until [ -e {} ]; do sleep 0.05; done; echo two",
        gate.display()
    );
    browser.fill("#command", &command);
    browser.click("main button[value=run]");
    browser.wait_for_address("the run", |address| address.contains("/run?run="));
    browser.wait_for("#live-output");
    browser.wait_for_text("one <b>");
    assert!(!browser.text("#live-output").contains("two"));
    assert_eq!(browser.run("return document.querySelector('#command').value"), command.as_str());
    browser.check();
    std::fs::write(&gate, "").expect("a file");
    browser.wait_for("#output");
    assert_eq!(browser.text("#output").trim_end(), "one <b>\ntwo");
    assert_eq!(browser.text("#run-state"), "succeeded");
    browser.check();
    browser.fill("#command", "echo begun; sleep 1000");
    browser.click("main button[value=run]");
    browser.wait_for("#live-output");
    browser.wait_for_text("begun");
    browser.click("form[action$='/run/cancel'] button");
    browser.wait_for_text("canceled");
    browser.check();
    browser.go(&page);
    agent.kill();
    browser.wait_for_text("the connection was lost");
    browser.go(&console.url("/hosts"));
    browser.wait_for_text("the connection was lost");
    browser.check();
    agent.restart();
    browser.wait_for_text("Online");
}
