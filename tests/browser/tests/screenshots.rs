//! Pictures of every page, for people to look at: `make screenshots`. It asserts nothing.
//!
//! `SHOTS_HOSTS` lists how many real hosts there are (`0 3`); `SHOTS_STATE` names a state directory
//! that a bench has filled, of which a copy is used instead.

#![expect(clippy::print_stdout, reason = "it says where the pictures are")]

use browser::{Browser, Console, Joining, browser};
use e2e::Agent;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::Path;
use test_support::wait_until;

const WIDTHS: [u32; 3] = [1440, 1024, 390];
const THEMES: [&str; 2] = ["light", "dark"];

#[test]
#[ignore = "it makes pictures to look at: make screenshots"]
fn every_page_is_pictured() {
    let Some(browser) = browser("screenshots") else { return };
    let folder = e2e::plugin_dir().join("../screenshots");
    let mut pictures: Vec<(String, String)> = Vec::new();
    if let Some(state) = std::env::var_os("SHOTS_STATE").filter(|it| !it.is_empty()) {
        let console = Console::with_state(Path::new(&state));
        let host = console.api("GET", "hosts?limit=1", None)["hosts"][0]["id"].clone();
        let run = console.api("GET", "runs?limit=1", None)["runs"][0]["id"].clone();
        picture(&browser, &console, &folder, "filled", [text(&host), text(&run)], &mut pictures);
    }
    let counts = std::env::var("SHOTS_HOSTS").unwrap_or_else(|_| "0 3".to_owned());
    for count in counts.split_whitespace() {
        let hosts: usize = count.parse().expect("SHOTS_HOSTS: numbers");
        let console = Console::start();
        let agents = join(&console, hosts);
        let run = if hosts > 0 { fill(&console, &agents) } else { String::new() };
        let host = agents.first().map_or_else(String::new, |(id, _)| id.clone());
        picture(&browser, &console, &folder, count, [host, run], &mut pictures);
    }
    std::fs::write(folder.join("index.html"), index(&pictures)).expect("a page");
    println!("{}", folder.join("index.html").display());
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Lets hosts join, the first with the longest name that there can be.
fn join(console: &Console, hosts: usize) -> Vec<(String, Agent)> {
    let line = console.line(hosts.max(1));
    (0..hosts)
        .map(|at| {
            let name = if at == 0 { longest() } else { format!("db-{at}") };
            Joining::start_named(&line, &name).connect(console.config())
        })
        .collect()
}

/// Returns a name of 128 characters.
fn longest() -> String {
    format!("web.{}.{}", "x".repeat(63), "y".repeat(60))
}

/// Fills the pages: hostile and long texts, people, runs that succeed, fail and go on.
fn fill(console: &Console, agents: &[(String, Agent)]) -> String {
    let hostile = "<script>alert(1)</script> \u{202e}desrever";
    let role = json!({"description": hostile, "grants": [
        {"actions": ["commands.run", "facts.read"], "selector": "env=prod,role in (web,db)",
         "users": ["deploy"], "commands": ["systemctl restart *"]},
    ]});
    console.api("PUT", "roles/deployers", Some(&role));
    console.operator(&"a".repeat(64), &["deployers"]);
    console.operator("bob", &["operator"]);
    console.api("POST", "operators/bob/tokens", Some(&json!({"name": "ci <b>", "days": 3})));
    console.api("POST", "operators/ann/tokens", Some(&json!({"name": "laptop", "days": 90})));
    for (at, (host, _)) in agents.iter().enumerate() {
        let role = if at == 0 { "web" } else { "db" };
        let labels = json!({"set": {"env": "prod", "role": role, "note": "x".repeat(63)}});
        console.api("PUT", &format!("hosts/{host}/labels"), Some(&labels));
    }
    for (name, schedule) in [("backup", "0 30 2 * * *"), ("certificates", "0 0 */6 * * *")] {
        let job = json!({"selector": "env=prod", "schedule": schedule, "cmd": "true"});
        console.api("PUT", &format!("schedules/{name}"), Some(&job));
    }
    let budget = json!({"selector": "role=db", "limit": 2});
    console.api("PUT", "budgets/databases", Some(&budget));
    console.api("POST", "tokens", Some(&json!({"note": hostile, "max_uses": 3})));
    let run = |command: &str| {
        let request = json!({"method": "async.bash", "cmd": command});
        let body = json!({"request": request, "selector": "env=prod", "stages": ["1", "100%"],
            "stop_after": "none"});
        text(&console.api("POST", "runs", Some(&body))["id"])
    };
    run("sleep 600");
    run("uptime");
    let last = run(
        "printf '\\033[31mred\\033[0m \\033[1;32mgreen\\033[0m <script>\\n'; df -h / | tail -1; \
         grep -q web /proc/$PPID/environ; exit $((RANDOM % 2 * 3))",
    );
    wait_until("the run ends", || {
        console.api("GET", &format!("runs/{last}"), None)["state"] == "ended"
    });
    last
}

fn picture(
    browser: &Browser,
    console: &Console,
    folder: &Path,
    set: &str,
    [host, run]: [String; 2],
    pictures: &mut Vec<(String, String)>,
) {
    let mut pages: Vec<String> = [
        "/login",
        "/setup",
        "/",
        "/hosts",
        "/hosts?q=nothing-matches",
        "/facts",
        "/facts?path=os.id",
        "/facts/count?path=kernel.release",
        "/facts/packages?name=bash",
        "/facts/services",
        "/facts/certificates",
        "/facts/diff",
        "/runs",
        "/runs/new",
        "/history",
        "/budgets",
        "/schedules",
        "/schedules/new",
        "/schedules/forecast",
        "/join",
        "/people",
        "/people/ann",
        "/roles",
        "/roles/admin",
        "/roles/new",
        "/audit",
        "/audit/verify",
        "/system",
        "/me",
        "/no/such/page",
    ]
    .map(str::to_owned)
    .into();
    if !host.is_empty() {
        for tab in [
            "",
            "/facts/disks",
            "/facts/packages",
            "/changes",
            "/tasks",
            "/schedules",
            "/events",
            "/run",
        ] {
            pages.push(format!("/hosts/{host}{tab}"));
        }
        pages.push(format!("/hosts/~change?what=label&host={host}"));
        pages.push(format!("/facts/diff?from={host}&to={host}&method=kernel"));
    }
    if !run.is_empty() {
        pages.push(format!("/runs/{run}"));
        let targets = console.api("GET", &format!("runs/{run}/targets?limit=1"), None);
        let target = text(&targets["targets"][0]["host"]);
        pages.push(format!("/runs/{run}/hosts/{target}"));
    }
    if set != "0" && set != "filled" {
        pages.extend(
            [
                "/schedules/backup",
                "/schedules/backup/edit",
                "/schedules/backup/hosts",
                "/schedules/backup/history",
                "/people/bob",
                "/roles/deployers",
                "/roles/deployers/edit",
            ]
            .map(str::to_owned),
        );
    }
    console.log_in(browser);
    for page in pages {
        browser.go(&console.url(&page));
        let mut name = page.clone();
        for (id, word) in [(&host, "HOST"), (&run, "RUN")] {
            if !id.is_empty() {
                name = name.replace(id.as_str(), word);
            }
        }
        let name: String =
            name.chars().map(|it| if it.is_ascii_alphanumeric() { it } else { '-' }).collect();
        for theme in THEMES {
            browser.run(&format!(
                "document.documentElement.dataset.theme = {theme:?};
                 document.getAnimations().forEach((animation) => animation.finish());"
            ));
            for width in WIDTHS {
                let file = format!("{set}{name}-{width}-{theme}.png");
                browser.screenshot(width, &folder.join(&file));
                pictures.push((format!("{page} with {set} hosts, {width} px, {theme}"), file));
            }
        }
    }
}

fn index(pictures: &[(String, String)]) -> String {
    let mut page = "<!DOCTYPE html><meta charset=\"utf-8\"><title>Screenshots</title>\
        <style>body{font:14px sans-serif}figure{display:inline-block;margin:8px;vertical-align:top}\
        img{display:block;width:320px;border:1px solid #888}figcaption{width:320px;\
        overflow-wrap:anywhere}</style>\n"
        .to_owned();
    for (title, file) in pictures {
        let _ = writeln!(
            page,
            "<figure><a href=\"{file}\"><img loading=\"lazy\" src=\"{file}\" alt=\"\"></a>\
             <figcaption>{title}</figcaption></figure>"
        );
    }
    page
}
