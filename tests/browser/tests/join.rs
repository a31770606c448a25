//! Joining: a token is created on the page, real agents run its line and are watched as they arrive,
//! one waits for approval, and a clone is settled.

use browser::{Browser, Console, Joining, browser};
use e2e::{Agent, AgentConfig};
use serde_json::json;
use test_support::{Scratch, wait_until};

#[test]
fn hosts_join_by_the_line_of_the_page_wait_for_approval_and_clones_are_settled() {
    let Some(browser) = browser("join") else { return };
    let console = Console::start();
    console.log_in(&browser);
    browser.go(&console.url("/join"));
    browser.wait_for_text("No host has joined yet");
    browser.check();
    let line = create(&browser, false);
    // The page stays as it is: what arrives appears on it.
    let (first, agent) = Joining::start(&line).connect(console.config());
    browser.wait_until("it arrives", &shows("#join-arrivals", &first));
    browser.wait_until("it is online", &shows("#join-arrivals", "Online"));
    assert_eq!(browser.text("#join-line"), line, "the line is still there to copy");
    assert_eq!(console.api("GET", &format!("hosts/{first}"), None)["labels"]["rack"]["value"], "7");
    browser.check();
    let line = create(&browser, true);
    let mut waiting = Joining::start(&line);
    browser.wait_for("#join-waiting button[name=approve]");
    assert!(waiting.waits(), "nothing runs on a host before it is approved");
    browser.check();
    browser.click("#join-waiting button[name=approve]");
    browser.wait_for_text("Approved.");
    // The line asks again by itself within 30 s; a person who does not wait runs it anew.
    waiting.again();
    let (second, _second) = waiting.connect(console.config());
    browser.wait_until("it arrives too", &shows("#join-arrivals", &second));
    assert_ne!(first, second);
    browser.wait_until("nobody waits", "return document.querySelector('#join-waiting').hidden");
    let clone = copy(&console, &agent);
    browser.wait_for("#join-clones article");
    assert!(browser.text("#join-clones").contains(&first));
    browser.check();
    browser.click("#join-clones input[value=keep]");
    browser.click("#join-clones .button");
    browser.wait_for_text("Settled. The host gets requests again.");
    browser.check();
    drop(clone);
    wait_until("the host is one again", || {
        let host = console.api("GET", &format!("hosts/{first}"), None);
        host["state"] == "active" && host["connected"] == true && host["clones"].is_null()
    });
    let request = json!({"method": "sync.bash", "cmd": "echo mine"});
    let path = format!("hosts/{first}/requests");
    assert_eq!(console.api("POST", &path, Some(&request))["resp"], "success");
    browser.wait_until("no clone", "return document.querySelector('#join-clones').hidden");
}

/// Creates a token on the page, and returns its line.
fn create(browser: &Browser, approval: bool) -> String {
    browser.fill("#note", "rack <7>");
    browser.fill("#uses", "2");
    browser.fill("#labels", "rack=7");
    if approval {
        browser.click("input[name=approval]");
    }
    let before = browser.text("#join-line");
    browser.click("form[action='/join'] .primary");
    browser.wait_until(
        "a line",
        &format!("return ![undefined, {before:?}].includes(document.querySelector('#join-line')?.innerText)"),
    );
    browser.text("#join-line")
}

/// Returns a script that tells whether an element shows a text.
fn shows(selector: &str, text: &str) -> String {
    format!("return document.querySelector('{selector}').innerText.includes('{text}')")
}

/// Starts a second agent with the state of another, as on a machine that was cloned: its boot is
/// another one.
fn copy(console: &Console, agent: &Agent) -> Agent {
    let scratch = Scratch::new("clone");
    let [from, to] = [agent.scratch(), &scratch].map(|it| it.file("state").display().to_string());
    e2e::run(&["cp", "-a", &from, &to]);
    let boot = scratch.write("boot", "11111111-2222-4333-8444-555555555555\n");
    let script =
        format!("mount --bind {} /proc/sys/kernel/random/boot_id && exec \"$@\"", boot.display());
    let wrapper = ["unshare", "-m", "sh", "-c", &script, "sh"].map(str::to_owned).to_vec();
    Agent::start_in(scratch, AgentConfig { wrapper, ..console.config() })
}
