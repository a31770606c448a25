//! Facts of real hosts: asked by a path, counted by value, and compared: two hosts, and one host at
//! two times.

use browser::{Console, browser};
use serde_json::Value;
use test_support::{wait_some, wait_until};

#[test]
fn facts_are_asked_counted_and_compared_over_hosts_and_times() {
    let Some(browser) = browser("facts") else { return };
    let console = Console::start();
    let name = |name: &str| format!("echo {name} >/proc/sys/kernel/hostname && exec \"$@\"");
    let start = |text: &str| console.agent_in(&["unshare", "-u", "sh", "-c", &name(text), "sh"]);
    let (web, agent) = start("web-7");
    let (db, _db) = start("db-7");
    let fact = |host: &str| console.api("GET", &format!("hosts/{host}/facts/kernel"), None);
    let known = |host: &str, name: &str| fact(host)["data"]["hostname"] == name;
    console.log_in(&browser);
    browser.go(&console.url("/facts"));
    browser.check();
    wait_until("the facts of all", || {
        let path = serde_json::json!({"path": "$.packages[?@.name=='bash'].name"});
        let found = console.api("POST", "facts/where", Some(&path));
        found["hosts"].as_array().is_some_and(|hosts| hosts.len() == 2)
    });
    let before = wait_some("a time at which it is known", || {
        known(&web, "web-7").then(|| fact(&web)["state"]["since"].clone())
    });
    browser.fill("#path", "$.packages[?@.name==");
    browser.click("main form .primary");
    browser.wait_for("#problem");
    // The browser tells of the status 400.
    browser.messages();
    browser.check();
    browser.fill("#path", "$.packages[?@.name=='bash'].name");
    browser.fill("#l", &format!("host={web}"));
    browser.click("main form .primary");
    browser.wait_for("#answer");
    let text = browser.text("#answer");
    assert!(text.contains(&web) && text.contains("bash") && !text.contains(&db), "{text}");
    browser.check();
    browser.fill("#path", "kernel.hostname");
    browser.fill("#l", "");
    browser.click("main form .primary");
    browser.wait_for_text("db-7");
    assert!(browser.text("#answer").contains("web-7"));
    browser.check();
    browser.go(&console.url("/facts/count"));
    browser.fill("#path", "kernel.hostname");
    browser.click("main form .primary");
    browser.wait_for("#answer");
    for value in ["web-7", "db-7"] {
        assert!(browser.text("#answer").contains(value), "{}", browser.text("#answer"));
    }
    browser.check();
    browser.go(&console.url("/facts/diff"));
    browser.fill("#from", &web);
    browser.fill("#to", &db);
    browser.fill("#method", "kernel");
    browser.click("main form .primary");
    browser.wait_for("#answer");
    let text = browser.text("#answer");
    assert!(text.contains("web-7") && text.contains("db-7"), "{text}");
    browser.check();
    // The host gets another name, and is asked for its facts on its page.
    let other = "echo web-8 >/proc/sys/kernel/hostname";
    e2e::run(&["nsenter", "-u", "-t", &agent.pid().to_string(), "sh", "-c", other]);
    browser.go(&console.url(&format!("/hosts/{web}")));
    browser.click("form[action$='/facts/refresh'] .button");
    browser.wait_for_text("was asked for its facts");
    wait_until("the new name is known", || known(&web, "web-8"));
    browser.go(&console.url("/facts/diff"));
    browser.fill("#from", &format!("{web}@{}", text_of(&before)));
    browser.fill("#to", &web);
    browser.fill("#method", "kernel");
    browser.click("main form .primary");
    browser.wait_for("#answer");
    let text = browser.text("#answer");
    assert!(text.contains("web-7") && text.contains("web-8"), "{text}");
    browser.check();
    browser.go(&console.url(&format!("/hosts/{web}/changes")));
    browser.wait_for_text("web-8");
    browser.check();
}

fn text_of(value: &Value) -> &str {
    value.as_str().expect("a text")
}
