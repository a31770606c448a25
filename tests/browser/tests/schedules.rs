//! Schedules: a new one is explained, its difference is shown and confirmed, a real agent gets it,
//! and the forecast counts it.

use browser::{Console, browser};

#[test]
fn a_schedule_is_explained_confirmed_applied_on_a_host_and_forecast() {
    let Some(browser) = browser("schedules") else { return };
    let console = Console::start();
    let (host, _agent) = console.agent();
    console.log_in(&browser);
    browser.go(&console.url("/schedules"));
    browser.wait_for_text("No schedules yet");
    browser.check();
    browser.click(".actions a.primary");
    browser.fill("#name", "tidy");
    browser.fill("#cmd", "true");
    // The expression is explained while it is typed, also where it is wrong.
    browser.fill("#schedule", "0 99 * * * *");
    browser.wait_for("#explanation .error");
    browser.fill("#schedule", "0 0 * * * *");
    browser.fill("#timezone", "UTC");
    browser.wait_for("#explanation .next-runs");
    browser.check();
    browser.click("button[value=review]");
    browser.wait_for_text("Create this schedule?");
    assert!(browser.text("#difference").contains("0 0 * * * *"));
    browser.check();
    // Somebody changes the schedules meanwhile: nothing is saved before the new difference is seen.
    let other = serde_json::json!({"selector": "env=none", "schedule": "@daily", "cmd": "true"});
    console.api("PUT", "schedules/other", Some(&other));
    browser.click("button[value=save]");
    browser.wait_for_text("Somebody changed the schedules meanwhile");
    browser.click("button[value=save]");
    browser.wait_for_text("The schedule is created");
    // The page is fresh without a reload.
    browser.wait_for_text("1 applied");
    browser.check();
    browser.go(&console.url("/schedules/tidy/hosts"));
    browser.wait_for_text(&host);
    assert!(browser.text("#standings").contains("applied"));
    browser.check();
    browser.go(&console.url("/schedules/tidy/edit"));
    browser.fill("#jitter", "60");
    browser.click("button[value=review]");
    browser.wait_for_text("Save these changes?");
    assert!(browser.text("#difference").contains("jitter"));
    browser.click("button[value=save]");
    browser.wait_for_text("The schedule is saved");
    browser.go(&console.url("/schedules/tidy/history"));
    browser.wait_for_text("Version 2");
    browser.check();
    browser.go(&console.url("/schedules/forecast"));
    browser.wait_for("#load .bar");
    assert!(browser.text("#jobs").contains("tidy"));
    assert!(browser.text("#never").contains("it selects none of the hosts"));
    browser.check();
    browser.go(&console.url("/schedules/tidy/remove"));
    browser.check();
    browser.click("button.danger.primary");
    browser.wait_for_text("The schedule is removed");
}
