//! Hosts: found by the keyboard, labeled many at a time, and one of them on its own page.

use browser::{Browser, Console, DOWN, ENTER, ESCAPE, TAB, browser};
use serde_json::json;

#[test]
fn hosts_are_found_by_the_keyboard_and_labeled_in_one_go() {
    let Some(browser) = browser("hosts") else { return };
    let console = Console::start();
    let agents: Vec<_> = (0..3).map(|_| console.agent()).collect();
    let [one, two, three] = [0, 1, 2].map(|at: usize| agents[at].0.as_str());
    console.log_in(&browser);
    browser.go(&console.url("/hosts"));
    for host in [one, two, three] {
        browser.wait_for_text(host);
    }
    browser.check();
    // By ticking.
    browser.click(&format!("input[name=host][value='{one}']"));
    browser.click(&format!("input[name=host][value='{two}']"));
    browser.click("button[value=label]");
    browser.wait_for_text("The ticked hosts");
    browser.wait_for_text("2 hosts");
    assert!(!browser.text("main").contains(three), "a preview of the ticked ones");
    browser.check();
    browser.fill("#set", "env");
    browser.fill("#remove", "=");
    browser.click("main .primary");
    browser.wait_for("#remove-problem.error, #remove-problem .error, #remove[aria-invalid]");
    // The browser tells of the status 400.
    browser.messages();
    browser.check();
    browser.fill("#set", "env=prod, role=web");
    browser.fill("#remove", "");
    browser.click("main .primary");
    browser.wait_for_text("The labels of these hosts are changed");
    completes_by_keyboard(&browser);
    browser.wait_for_text("2 match");
    browser.check();
    // By the selector; a third host matches before the change is confirmed.
    browser.click("input[name=all]");
    browser.click("button[value=label]");
    browser.wait_for_text("env=prod");
    let labels = json!({"set": {"env": "prod"}, "remove": []});
    console.api("PUT", &format!("hosts/{three}/labels"), Some(&labels));
    browser.fill("#set", "tier=1");
    browser.fill("#remove", "role");
    // The suggestions would cover the button.
    browser.run("document.activeElement.blur()");
    browser.click("main .primary");
    browser.wait_for("[role=alert]");
    browser.wait_for_text("Label 3 hosts");
    browser.messages();
    browser.check();
    browser.click("main .primary");
    browser.wait_for_text("The labels of these hosts are changed");
    let labeled = console.api("GET", "fleet/count?selector=tier%3D1,!role", None);
    assert_eq!(labeled["hosts"], 3, "{labeled}");
    let events = console.api("GET", "events?actor=ann&action=hosts.label", None);
    let done: Vec<_> = events["events"].as_array().expect("a list").iter().collect();
    let counted: Vec<_> = done.iter().filter(|event| event["outcome"] == "succeeded").collect();
    assert_eq!(counted.len(), 2, "one line for each change: {events}");
}

/// Types a selector as a person without a mouse would.
fn completes_by_keyboard(browser: &Browser) {
    let state = |name: &str| {
        browser.run(&format!("return document.querySelector('#selector').getAttribute('{name}')"))
    };
    let value = || browser.run("return document.querySelector('#selector').value");
    browser.keys("/");
    assert_eq!(browser.run("return document.activeElement.name"), "q");
    browser.keys(TAB);
    assert_eq!(browser.run("return document.activeElement.id"), "selector");
    browser.keys("en");
    browser.wait_for("#selector[aria-expanded=true]");
    assert_eq!(
        (state("role"), state("aria-controls")),
        (json!("combobox"), json!("selector-list"))
    );
    assert_eq!(browser.run("return document.querySelector('#selector-list').role"), "listbox");
    browser.check();
    browser.keys(ESCAPE);
    browser.wait_for("#selector[aria-expanded=false]");
    assert_eq!(value(), "en", "Escape closes the list, and leaves what was typed");
    browser.keys(DOWN);
    browser.wait_for("#selector[aria-expanded=true]");
    browser.keys(DOWN);
    let active = browser.wait_for("#selector-list [role=option][aria-selected=true]");
    assert!(!active.is_empty());
    assert_eq!(
        state("aria-activedescendant"),
        browser.run("return document.querySelector('[aria-selected=true]').id")
    );
    browser.keys(ENTER);
    assert_eq!(value(), "env");
    browser.keys("=");
    browser.wait_until(
        "the values",
        "return document.querySelector('#selector-list').innerText.includes('env=prod')",
    );
    browser.keys(DOWN);
    browser.keys(ENTER);
    assert_eq!(value(), "env=prod");
    // With the list closed, Enter sends the form.
    browser.keys(ENTER);
    browser.wait_for_address("the hosts of env=prod", |address| address.contains("l=env%3Dprod"));
}

#[test]
fn a_host_is_asked_labeled_quarantined_and_removed_on_its_page() {
    let Some(browser) = browser("host") else { return };
    let console = Console::start();
    let (host, _agent) = console.agent();
    console.log_in(&browser);
    let page = console.url(&format!("/hosts/{host}"));
    browser.go(&page);
    browser.wait_for_text("Online");
    browser.click(".page-head a.primary");
    browser.wait_for("#command");
    browser.fill("#command", "printf '\\033[32mgreen\\033[0m <b>&amp;'; echo oops >&2; exit 7");
    browser.click("button[value=check]");
    browser.wait_for("#checked.ok");
    browser.click("button[value=run]");
    browser.wait_for("#result");
    browser.wait_for_text("green <b>&amp;");
    browser.wait_for_text("oops");
    let ended = browser.text("#result h2");
    assert_eq!(ended.trim(), "failed");
    browser.wait_for_text("Exit status 7");
    browser.check();
    browser.go(&page);
    browser.fill("input[name=label]", "rack=7");
    browser.click("#host-labels .toolbar .button");
    browser.wait_for_text("The label is set");
    browser.wait_for_text("rack=7");
    browser.click("button[name=remove][value=rack]");
    browser.wait_for_text("The label is removed");
    browser.wait_without_text("rack=7");
    browser.click("summary[aria-label='More actions']");
    browser.click(".act:has(form[action$='/quarantine']) summary");
    browser.fill("#quarantine-reason", "looks <b>odd</b>");
    browser.check();
    browser.click("form[action$='/quarantine'] .button");
    browser.wait_for_text("The host is quarantined");
    browser.wait_for_text("looks <b>odd</b>");
    let refused = console.api("GET", &format!("hosts/{host}"), None);
    assert_eq!(refused["state"], "quarantined", "{refused}");
    browser.check();
    browser.click("[data-dialog=settle-host]");
    browser.check();
    browser.click("#settle-host .primary");
    browser.wait_for_text("The quarantine is over");
    browser.wait_for_text("Online");
    // An open menu stays open while the page changes below it.
    browser.click("summary[aria-label='More actions']");
    let labels = json!({"set": {"rack": "8"}, "remove": []});
    console.api("PUT", &format!("hosts/{host}/labels"), Some(&labels));
    browser.wait_for_text("rack=8");
    browser.click(".act:has(form[action$='/remove']) summary");
    browser.click("form[action$='/remove'] .button");
    browser.wait_for_text("The host is removed");
    browser.wait_for_text("No hosts yet");
    browser.check();
}
