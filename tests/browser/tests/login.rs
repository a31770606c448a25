//! Logging in and out, in a real browser.

use browser::{Console, PASSWORD, browser};
use serde_json::json;

#[test]
fn the_printed_link_makes_the_first_operator_once() {
    let Some(browser) = browser("set up") else { return };
    let console = Console::first_start();
    let link = console.setup_link();
    browser.go(&link);
    // The secret leaves the address, so that no history keeps it.
    browser.wait_for_address("no secret", |address| address.ends_with("/setup"));
    browser.check();
    let type_in = |password: &str, again: &str| {
        browser.fill("#name", "ann");
        browser.fill("#password", password);
        browser.fill("#again", again);
        browser.click("button.primary");
    };
    type_in(PASSWORD, "another password");
    browser.wait_for_text("The two passwords differ");
    assert_eq!(browser.run("return document.querySelector('#name').value"), "ann");
    // The browser tells of the status 400.
    browser.messages();
    browser.check();
    type_in(PASSWORD, PASSWORD);
    browser.wait_for(".side .who");
    assert_eq!(browser.text(".side .who"), "ann");
    assert!(browser.text(".side nav").contains("People"), "the first operator may do everything");
    browser.check();
    browser.click(".side .out");
    browser.wait_for("#password");
    browser.go(&link);
    browser.wait_for("#again");
    type_in(PASSWORD, PASSWORD);
    browser.wait_for_text("was used or has expired");
}

#[test]
fn an_operator_logs_in_comes_back_to_the_page_and_logs_out() {
    let Some(browser) = browser("log in") else { return };
    let console = Console::start();
    browser.go(&console.url("/me?x=1"));
    browser.wait_for_address("the log-in page", |address| address.contains("/login?next="));
    browser.fill("#name", "ann");
    browser.fill("#password", "a wrong password");
    browser.click("button.primary");
    browser.wait_for_text("The name or password is wrong");
    assert_eq!(browser.run("return document.querySelector('#name').value"), "ann");
    // The browser tells of the status 401.
    browser.messages();
    browser.check();
    browser.fill("#password", "correct horse battery");
    browser.click("button.primary");
    browser.wait_for_address("the page asked for", |address| address.ends_with("/me?x=1"));
    browser.check();
    browser.click(".side .out");
    browser.wait_for_address("the log-in page", |address| address.ends_with("/login"));
}

#[test]
fn a_log_in_link_works_once_and_only_by_its_button() {
    let Some(browser) = browser("log-in link") else { return };
    let console = Console::start();
    let link = console.api("POST", "operators/ann/login-link", Some(&json!({})));
    let url = console.url(link["path"].as_str().expect("as the console does it"));
    // Looking at the link does not use it up.
    browser.go(&url);
    browser.wait_for_text("Log in as ann");
    browser.go(&console.url("/login"));
    browser.go(&url);
    browser.check();
    browser.click("button.primary");
    browser.wait_for(".side .who");
    browser.click(".side .out");
    browser.wait_for("#password");
    browser.go(&url);
    browser.click("button.primary");
    browser.wait_for_text("was used or has expired");
}

#[test]
fn log_out_everywhere_ends_the_sessions_of_all_browsers() {
    let Some(first) = browser("log out everywhere") else { return };
    let Some(second) = browser("log out everywhere") else { return };
    let console = Console::start();
    console.log_in(&first);
    console.log_in(&second);
    first.go(&console.url("/me"));
    first.click("[data-confirm=everywhere]");
    first.wait_for("dialog[open]");
    first.check();
    first.click("dialog[open] button[value=yes]");
    first.wait_for_address("the log-in page", |address| address.ends_with("/login"));
    second.reload();
    second.wait_for_address("the log-in page", |address| address.contains("/login"));
}
