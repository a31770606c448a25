//! The operator's own account and the keyboard, in a real browser.

use browser::{Console, browser};

#[test]
fn an_operator_makes_an_api_token_that_is_shown_once_and_revokes_it() {
    let Some(browser) = browser("own API tokens") else { return };
    let console = Console::start();
    console.log_in(&browser);
    browser.go(&console.url("/me"));
    browser.fill("#token-name", "laptop");
    browser.fill("#days", "5000");
    browser.click("form[action^='/me/tokens#'] button");
    browser.wait_for_text("Days must be from 1 to 3650.");
    // The browser tells of the status 400.
    browser.messages();
    browser.check();
    browser.fill("#days", "7");
    browser.click("form[action^='/me/tokens#'] button");
    browser.wait_for("#secret");
    browser.check();
    let secret = browser.text("#secret");
    let asks = || {
        let url = console.url("/api/v1/me");
        ureq::get(&url).header("authorization", &format!("Bearer {secret}")).call()
    };
    assert!(asks().is_ok());
    let tokens = console.api("GET", "operators/ann/tokens", None);
    assert_eq!(tokens["tokens"][0]["name"], "laptop");
    assert!(tokens["tokens"][0]["expires"].is_string());
    browser.go(&console.url("/me"));
    assert!(!browser.text("body").contains(&secret));
    browser.click("form[action$='/revoke'] button");
    browser.wait_for_text("The API token is revoked.");
    assert!(matches!(asks(), Err(ureq::Error::StatusCode(401))));
}

#[test]
fn a_question_mark_shows_the_keys_but_not_while_somebody_types() {
    let Some(browser) = browser("keys") else { return };
    let console = Console::start();
    console.log_in(&browser);
    browser.go(&console.url("/hosts"));
    let press = |key: &str, on: &str| {
        browser.run(&format!(
            "document.querySelector('{on}').dispatchEvent(
                 new KeyboardEvent('keydown', {{key: '{key}', bubbles: true}}))"
        ));
    };
    let is_open = || browser.run("return document.getElementById('keys').open");
    press("?", "[data-search]");
    assert_eq!(is_open(), false);
    press("?", "main");
    assert_eq!(is_open(), true);
    browser.check();
    browser.click("#keys button");
    assert_eq!(is_open(), false);
    press("/", "main");
    assert_eq!(browser.run("return document.activeElement.name"), "q");
    browser.click("[data-dialog=keys]");
    assert_eq!(is_open(), true);
}
