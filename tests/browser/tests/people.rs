//! People: an operator is created, gets and loses roles while pages are open, a token, and the end
//! of all sessions.

use browser::{Browser, Console, PASSWORD, browser};

#[test]
fn a_role_that_is_taken_away_takes_effect_on_open_pages_at_once() {
    let Some(mine) = browser("roles") else { return };
    let Some(theirs) = browser("roles") else { return };
    let console = Console::start();
    let (host, _agent) = console.agent();
    console.log_in(&mine);
    mine.go(&console.url("/people"));
    mine.check();
    mine.fill("#name", "bob");
    mine.fill("#password", PASSWORD);
    mine.click("input[name=role][value=operator]");
    mine.click("#new .primary");
    mine.wait_for_text("The operator is created");
    mine.check();
    console.log_in_as(&theirs, "bob");
    theirs.go(&console.url("/hosts"));
    theirs.wait_for_text(&host);
    theirs.wait_for("button[value=run]");
    theirs.go(&console.url("/runs/new"));
    theirs.fill("[name=command]", "true");
    theirs.fill("[name=l]", &format!("host={host}"));
    theirs.wait_for_text("1 online");
    // The form is filled in, and the role is gone before it is sent.
    set_roles(&mine, &console, &["operator"], &["viewer"]);
    theirs.click("main .button.primary");
    theirs.wait_for_text("Not allowed");
    let runs = console.api("GET", "runs", None);
    assert_eq!(runs["runs"].as_array().map(Vec::len), Some(0), "{runs}");
    // The browser tells of the status 403.
    theirs.messages();
    theirs.check();
    // A page that follows events shows the remaining actions by itself.
    theirs.go(&console.url("/hosts"));
    theirs.wait_for_text(&host);
    assert!(!theirs.text("main").contains("Run…"), "a viewer runs nothing");
    set_roles(&mine, &console, &["viewer"], &["operator"]);
    theirs.wait_for("button[value=run]");
    set_roles(&mine, &console, &["operator"], &[]);
    theirs.wait_for_text("Not allowed");
    assert!(theirs.address().ends_with("/hosts"));
    theirs.messages();
    theirs.check();
}

/// Unticks and ticks roles of bob.
fn set_roles(browser: &Browser, console: &Console, gone: &[&str], given: &[&str]) {
    browser.go(&console.url("/people/bob"));
    for role in gone.iter().chain(given) {
        browser.click(&format!("input[name=role][value={role}]"));
    }
    browser.click("#roles .primary");
    browser.wait_for_text("They take effect at once");
}

#[test]
fn a_token_is_shown_once_and_revoked_and_sessions_end() {
    let Some(mine) = browser("tokens") else { return };
    let Some(theirs) = browser("tokens") else { return };
    let console = Console::start();
    console.operator("bob", &["viewer"]);
    console.log_in_as(&theirs, "bob");
    theirs.go(&console.url("/hosts"));
    theirs.wait_for_text("No hosts yet");
    console.log_in(&mine);
    mine.go(&console.url("/people/bob"));
    mine.check();
    mine.fill("#token-name", "ci");
    mine.click("#tokens form.toolbar .button");
    mine.wait_for("#secret");
    let secret = mine.text("#secret");
    mine.check();
    mine.click("[data-copy]");
    // Where the page may not use the clipboard, the text is chosen for the person to copy.
    mine.wait_until(
        "the secret is copied",
        "return document.querySelector('[data-copy]').textContent === 'Copied'
             || String(getSelection()) === document.querySelector('#secret').textContent",
    );
    let ask = || {
        let request = ureq::get(console.url("/api/v1/hosts"));
        let config = request.config().http_status_as_error(false).build();
        let answer = config.header("authorization", format!("Bearer {secret}")).call();
        answer.expect("an answer").status().as_u16()
    };
    assert_eq!(ask(), 200);
    mine.go(&console.url("/people/bob"));
    assert!(!mine.text("body").contains(&secret), "it is shown once");
    mine.click("[aria-label='Revoke ci']");
    mine.wait_for_text("The API token is revoked");
    assert_eq!(ask(), 401);
    // Their open page hears of the end of its session.
    mine.click("form[action$='/sessions'] .button");
    mine.wait_for_text("sessions have ended");
    mine.check();
    theirs.wait_for_address("the log-in page", |address| address.contains("/login?next=%2Fhosts"));
    mine.click("summary:has(+ form[action$='/remove'])");
    mine.click("form[action$='/remove'] .button");
    mine.wait_for_text("The operator is removed");
    assert!(!mine.text("#operators").contains("bob"));
}
