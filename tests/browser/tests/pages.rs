//! Every page, with a real agent and hostile names: it draws, keeps the policy of contents, and
//! axe-core finds nothing serious.

use browser::{Browser, Console, browser};
use serde_json::json;
use test_support::wait_until;

#[test]
fn every_page_draws_and_is_accessible_in_both_themes() {
    let Some(browser) = browser("pages") else { return };
    let console = Console::start();
    let (host, _agent) = console.agent();
    let hostile = "<script>alert(1)</script> \u{202e}desrever";
    let role = json!({"description": hostile, "grants": [
        {"actions": ["commands.run", "facts.read"], "selector": "env=prod,role in (web,db)",
         "users": ["deploy"], "commands": ["systemctl restart *"]},
    ]});
    console.api("PUT", "roles/deployers", Some(&role));
    let name = "a".repeat(64);
    console.api("POST", "operators", Some(&json!({"name": name, "roles": ["deployers"]})));
    let path = format!("operators/{name}/tokens");
    console.api("POST", &path, Some(&json!({"name": "ci <b>", "days": 3})));
    let label = "x".repeat(63);
    let labels = json!({"set": {"note": label, "env": "prod"}, "remove": []});
    console.api("PUT", &format!("hosts/{host}/labels"), Some(&labels));
    let schedule = json!({"selector": "env=prod", "schedule": "0 30 2 * * *", "cmd": "true"});
    console.api("PUT", "schedules/backup", Some(&schedule));
    let token = json!({"note": hostile, "max_uses": 3});
    console.api("POST", "tokens", Some(&token));
    let request = json!({"method": "sync.bash", "cmd": "printf '\\033[31mred\\n'; exit 3"});
    let run = console.api("POST", "runs", Some(&json!({"request": request, "hosts": [host]})));
    let run = run["id"].as_str().expect("an id").to_owned();
    wait_until("the facts of the host", || {
        ["disks", "packages"].iter().all(|fact| {
            let facts = console.api("GET", &format!("hosts/{host}/facts"), None);
            let facts = facts["facts"].as_array().expect("a list");
            let method = format!("getinfo.{fact}");
            facts.iter().any(|it| it["method"] == method && it["present"] == true)
        })
    });
    console.log_in(&browser);
    browser.go(&console.url(&format!("/runs/{run}")));
    browser.wait_for_text("1 of 1 host done");
    let host_page = format!("/hosts/{host}");
    let run_page = format!("/runs/{run}");
    let operator = format!("/people/{name}");
    for page in [
        "/",
        "/hosts",
        "/hosts?l=env%3Dprod&columns=note",
        &host_page,
        &format!("{host_page}/facts/disks"),
        &format!("{host_page}/facts/packages"),
        &format!("{host_page}/changes"),
        &format!("{host_page}/tasks"),
        &format!("{host_page}/schedules"),
        &format!("{host_page}/events"),
        &format!("{host_page}/run"),
        "/facts",
        "/facts?path=os.id",
        "/facts/count?path=os.id",
        "/facts/packages?name=bash",
        "/facts/diff",
        "/runs",
        "/runs/new",
        &run_page,
        &format!("{run_page}/hosts/{host}"),
        "/history",
        "/budgets",
        "/schedules",
        "/schedules/new",
        "/schedules/backup",
        "/schedules/backup/history",
        "/schedules/forecast",
        "/join",
        "/people",
        &operator,
        "/roles",
        "/roles/deployers",
        "/roles/deployers/edit",
        "/audit",
        "/audit/verify",
        "/system",
        "/me",
    ] {
        browser.go(&console.url(page));
        browser.wait_for("main h1");
        seen(&browser, page);
    }
}

/// Checks the page at the three widths, in both themes.
fn seen(browser: &Browser, page: &str) {
    for theme in ["light", "dark"] {
        // Colors that fade into each other would be judged halfway.
        browser.run(&format!(
            "document.documentElement.dataset.theme = {theme:?};
             document.getAnimations().forEach((animation) => animation.finish());"
        ));
        browser.check();
    }
    for width in [1440, 1024, 390] {
        browser.resize(width, 900);
        let wide = browser.run(
            "if (document.documentElement.scrollWidth <= innerWidth) return [];
             return [...document.querySelectorAll('main *')]
                 .filter((it) => !it.closest('details, .table-wrap') && it.getBoundingClientRect().right > innerWidth)
                 .map((it) => it.outerHTML.slice(0, 120));",
        );
        assert_eq!(wide, json!([]), "{page} scrolls sideways at {width} px");
    }
    let length =
        browser.run("return new TextEncoder().encode(document.documentElement.outerHTML).length");
    assert!(length.as_u64().expect("a number") <= 100_000, "{page} has {length} bytes of HTML");
}
