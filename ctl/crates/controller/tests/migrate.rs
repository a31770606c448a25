//! `BasicAgentController migrate`: a site goes from SQLite to PostgreSQL whole, or not at all.
//!
//! More than 400 lines: each test moves the same site, made by the functions at the top.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

mod support;

use serde_json::{Value, json};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use support::{Agent, Controller, Host, binary, http, noise, refresh};
use test_support::{PostgresDatabase, PostgresServer, Scratch, wait_until};

const PASSWORD: &str = "correct horse battery";

/// Every list of the API, and a few of its single things.
const LISTS: [&str; 24] = [
    "/hosts?limit=1000",
    "/hosts?limit=1000&selector=role%3Dweb",
    "/hosts?limit=1000&q=web",
    "/labels",
    "/fleet/count",
    "/fleet/trend",
    "/tokens?limit=1000",
    "/operators?limit=1000",
    "/operators/ann/tokens",
    "/roles",
    "/budgets",
    "/runs?limit=1000",
    "/history?limit=1000",
    "/schedules?limit=1000",
    "/schedules/backup",
    "/schedules/backup/history?limit=100",
    "/events?limit=1000",
    "/facts/packages?name=a",
    "/facts/count?path=packages.packages",
    "/events?limit=1000&action=token.create",
    "/tokens?limit=1",
    "/history?limit=1",
    "/runs?limit=1",
    "/hosts?limit=1",
];

/// The lists of a host.
const HOST_LISTS: [&str; 6] = [
    "",
    "/results?limit=1000",
    "/facts",
    "/facts/getinfo.packages",
    "/facts/getinfo.packages/changes?limit=1000",
    "/changes?limit=1000",
];

/// A stopped controller's site, and a host of it.
struct Site {
    controller: Controller,
    hosts: Vec<Host>,
    run: String,
}

impl Site {
    /// Makes a site with some of everything, and stops its controller.
    fn make() -> Self {
        let mut controller =
            Controller::start_own(&["--facts-methods", "packages", "--facts-hours", "0"]);
        let hosts = Self::fill(&controller);
        let run = Self::run(&controller, &hosts);
        // Last: a host that is connected would be asked for its schedules.
        let entry = json!({"name": "backup", "selector": "role=db", "schedule": "0 30 2 * * *",
            "user": "root", "cmd": "/usr/local/bin/backup"});
        let applied = post_as_ann(&controller, "/schedules/apply", &json!({"schedules": [entry]}));
        assert_eq!(applied.0, 200, "{}", applied.1);
        stop(&mut controller);
        Self { controller, hosts, run }
    }

    fn fill(controller: &Controller) -> Vec<Host> {
        let (_, token) = controller
            .join_token(&json!({"note": "rack 7", "labels": {"role": "web"}, "max_uses": 10}));
        let (revoked, _) = controller.join_token(&json!({"note": "old"}));
        controller.delete(&format!("/tokens/{revoked}"));
        let hosts: Vec<Host> = (0..4).map(|_| controller.enroll(&token)).collect();
        created(
            controller,
            "/operators",
            &json!({"name": "ann", "roles": ["admin"], "password": PASSWORD}),
        );
        created(controller, "/operators", &json!({"name": "tom", "roles": ["viewer"]}));
        created(controller, "/operators/ann/tokens", &json!({"name": "scrape", "days": 7}));
        for (path, body) in [
            (
                "/roles/readers",
                json!({"grants": [{"actions": ["hosts.read"], "selector": "role=web"}]}),
            ),
            ("/budgets/databases", json!({"selector": "role=db", "limit": 2})),
            (
                &*format!("/hosts/{}/labels", hosts[1].id),
                json!({"set": {"site": "fra1", "hostname": "web-007.example"}}),
            ),
        ] {
            let (status, answer) = put(controller, path, &body);
            assert!(status < 300, "{path}: {answer}");
        }
        controller.post(&format!("/hosts/{}/quarantine", hosts[2].id), &json!({"reason": "odd"}));
        controller.delete(&format!("/hosts/{}", hosts[3].id));
        let mut agent = controller.channel(&hosts[0]);
        for task in ["first", "second"] {
            send(&mut agent, task);
            assert_eq!(acknowledged(&mut agent), task);
        }
        for version in ["1", "2"] {
            let packages = json!({"packages": [{"manager": "dpkg", "name": "a", "version": version,
                "x": noise(1, 4000)}]});
            let (status, body) = refresh(controller, &hosts[0].id, &mut agent, &packages);
            assert!(status < 300, "{body}");
        }
        drop(agent);
        controller.wait_for_hosts(&[]);
        hosts
    }

    /// Starts a run of which one target ends and one waits.
    fn run(controller: &Controller, hosts: &[Host]) -> String {
        let mut agent = controller.channel(&hosts[0]);
        let body = json!({"request": {"method": "sync.bash", "cmd": "true"}, "stop_after": "none",
            "hosts": [hosts[0].id, hosts[1].id], "ramp": false});
        let run = created(controller, "/runs", &body);
        let run = run["id"].as_str().unwrap().to_owned();
        loop {
            let request = agent.receive().expect("a request");
            let is_check = request["method"] == "exec.check";
            let answer = json!({"id": request["id"], "resp": "success", "retcode": 0, "message": "Accepted"});
            agent.send(&format!("{answer}\n"));
            if !is_check {
                send(&mut agent, request["id"].as_str().unwrap());
                break;
            }
        }
        wait_until("the end of a target", || {
            let path = format!("/runs/{run}/targets/{}", hosts[0].id);
            controller.get(&path).1["target"]["state"] == "succeeded"
        });
        drop(agent);
        controller.wait_for_hosts(&[]);
        run
    }

    /// Returns what the API says about everything.
    fn told(&self) -> Vec<(String, Value)> {
        let of_host = |host: &Host| HOST_LISTS.map(|list| format!("/hosts/{}{list}", host.id));
        let lists = LISTS.iter().map(|list| (*list).to_owned());
        let lists = lists.chain(self.hosts.iter().flat_map(of_host));
        let of_run = ["", "/targets?limit=1000", "/outputs", "/changes?after=0"];
        let lists = lists.chain(of_run.map(|list| format!("/runs/{}{list}", self.run)));
        lists
            .map(|list| {
                let (status, mut answer) = self.controller.get(&list);
                // One host is removed, and others have no facts.
                let may_lack = list.starts_with("/hosts/");
                assert!(status == 200 || may_lack && status == 404, "{list}: {answer}");
                // The time of the answer.
                for moment in ["now", "at", "from", "to"] {
                    answer.as_object_mut().unwrap().remove(moment);
                }
                (format!("{list}: {status}"), answer)
            })
            .collect()
    }

    fn migrate(&self, database: &PostgresDatabase<'_>) -> Output {
        migrate(&self.controller.state(), database.url()).output().unwrap()
    }
}

fn stop(controller: &mut Controller) {
    controller.signal("-TERM");
    assert!(controller.wait().success());
}

fn created(controller: &Controller, path: &str, body: &Value) -> Value {
    let (status, answer) = controller.post(path, body);
    assert_eq!(status, 201, "{path}: {answer}");
    answer
}

fn put(controller: &Controller, path: &str, body: &Value) -> (u16, Value) {
    let request = http()
        .put(format!("{}{path}", controller.api))
        .header("Authorization", controller.bearer());
    support::read(request.send(body.to_string()))
}

fn log_in(controller: &Controller) -> String {
    let request = http().post(format!("{}/login", controller.api));
    let body = json!({"name": "ann", "password": PASSWORD, "session": false});
    let (status, answer) = support::read(request.send(body.to_string()));
    assert_eq!(status, 200, "{answer}");
    answer["token"].as_str().unwrap().to_owned()
}

fn post_as_ann(controller: &Controller, path: &str, body: &Value) -> (u16, Value) {
    let request = http()
        .post(format!("{}{path}", controller.api))
        .header("Authorization", format!("Bearer {}", log_in(controller)));
    support::read(request.send(body.to_string()))
}

/// Sends the result of a task.
fn send(agent: &mut Agent, task: &str) {
    let result = json!({
        "method": "async.result", "id": task, "resp": "success", "retcode": 0,
        "message": "Normal termination", "data": task,
        "started": "2026-01-01T00:00:00Z", "ended": "2026-01-01T00:00:01Z",
    });
    agent.send(&format!("{result}\n"));
}

/// Receives the next acknowledgement, whatever else the host is asked; returns its task.
fn acknowledged(agent: &mut Agent) -> Value {
    loop {
        let message = agent.receive().unwrap();
        if message["method"] == "async.ack" {
            return message["id"].clone();
        }
    }
}

/// Returns the command that migrates a state directory.
fn migrate(state: &Path, url: &str) -> Command {
    let mut command = binary();
    command.arg("migrate").arg("--from").arg(format!("sqlite:{}", state.display()));
    command.args(["--to", url]);
    command
}

/// Returns the number of the newest event of a page.
fn newest(page: &Value) -> i64 {
    let events = page["events"].as_array().unwrap();
    events.iter().map(|event| event["sequence"].as_i64().unwrap()).max().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Checks that a migration has failed with a sentence, and that both sides are as before.
fn assert_refused(output: &Output, wanted: &str) {
    let text = said(output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains(wanted), "{text}");
}

/// Starts a controller that must refuse to; returns what it says.
fn refused(state: &Path, flags: &[&str]) -> String {
    let mut command = binary();
    command.args(["--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--name", "localhost"]);
    let output = command.arg("--state-dir").arg(state).args(flags).output().unwrap();
    assert!(!output.status.success());
    said(&output)
}

/// Has the server do something whenever the copy is complete and not verified yet.
fn meddle(database: &PostgresDatabase<'_>, doing: &str) {
    database.sql(&format!(
        "CREATE FUNCTION meddle() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN \
         IF current_query() LIKE '%ENABLE TRIGGER%' THEN {doing}; END IF; END $$"
    ));
    database.sql(
        "CREATE EVENT TRIGGER meddle ON ddl_command_start WHEN TAG IN ('ALTER TABLE') \
         EXECUTE FUNCTION meddle()",
    );
}

fn leave_alone(database: &PostgresDatabase<'_>) {
    database.sql("DROP EVENT TRIGGER meddle");
    database.sql("DROP FUNCTION meddle");
}

/// Ends the sleep of a migration that is gone: the server does not notice that.
fn end_sleep(database: &PostgresDatabase<'_>) {
    let asleep = "FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
    database.sql(&format!("SELECT pg_terminate_backend(pid) {asleep}"));
    wait_until("the end of the sleep", || database.sql(&format!("SELECT pid {asleep}")).is_empty());
}

/// Starts a migration and waits until the server sleeps in the middle of it.
fn asleep(site: &Site, database: &PostgresDatabase<'_>) -> Child {
    meddle(database, "PERFORM pg_sleep(3600)");
    let mut command = migrate(&site.controller.state(), database.url());
    let child = command.stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    wait_until("the middle of the migration", || {
        !database.sql("SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep'").is_empty()
    });
    child
}

#[test]
fn a_site_is_the_same_on_postgresql_and_goes_on() {
    let Some(server) = PostgresServer::shared() else { return };
    let database = server.create();
    let mut site = Site::make();
    site.controller.restart_own(&[]);
    let before = site.told();
    stop(&mut site.controller);
    let moved = site.migrate(&database);
    assert!(moved.status.success(), "{}", said(&moved));
    let next = String::from_utf8(moved.stdout).unwrap();
    let state = site.controller.state();
    assert!(next.contains("--database postgres://") && next.contains("--state-dir"), "{next}");
    assert!(state.join("results.db.migrated").exists() && !state.join("results.db").exists());
    assert!(!state.join("results.db-wal").exists());

    let flags = ["--database", database.url()];
    site.controller.restart_own(&flags);
    let mut after = site.told();
    for (before, after) in before.iter().zip(&mut after) {
        if before.0.starts_with("/fleet/trend") {
            // Another sample may have come meanwhile: one comes each five minutes by the clock.
            let known = before.1["samples"].as_array().unwrap().len();
            after.1["samples"].as_array_mut().unwrap().truncate(known);
        }
        assert_eq!(before, after);
    }
    let of_first =
        |what: &str| before.iter().find(|(list, _)| list.starts_with(what)).unwrap().1.clone();
    let newest = newest(&of_first("/events?limit=1000:"));
    let result = of_first(&format!("/hosts/{}/results", site.hosts[0].id));
    let last = result["results"].as_array().unwrap().last().unwrap()["sequence"].as_i64().unwrap();

    // The same people come in, hosts come back, and every number goes on.
    log_in(&site.controller);
    let verified = site.controller.get("/events/verify");
    assert_eq!((verified.0, &verified.1["intact"]), (200, &json!(true)), "{}", verified.1);
    let events = site.controller.get("/events?limit=1000").1;
    assert!(self::newest(&events) > newest, "{events}");
    let mut agent = site.controller.channel(&site.hosts[0]);
    send(&mut agent, "first");
    assert_eq!(acknowledged(&mut agent), "first");
    send(&mut agent, "third");
    assert_eq!(acknowledged(&mut agent), "third");
    let path = format!("/hosts/{}/results?after={last}", site.hosts[0].id);
    let rows = site.controller.get(&path).1["results"].as_array().unwrap().clone();
    // What it has delivered before is known: one row is new.
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert!(rows[0]["sequence"].as_i64().unwrap() > last && rows[0]["task"] == "third");
    let (_, token) = site.controller.join_token(&json!({"note": "after the move"}));
    let newcomer = site.controller.enroll(&token);
    assert_eq!(site.controller.get(&format!("/hosts/{}", newcomer.id)).0, 200);
    let _channel = site.controller.channel(&newcomer);
    stop(&mut site.controller);

    // Nobody starts a second site by mistake, and the error says how to go back.
    let text = refused(&state, &[]);
    assert!(text.contains("results.db.migrated") && text.contains("--database"), "{text}");
    assert_refused(&site.migrate(&database), "has been moved already");
    std::fs::rename(state.join("results.db.migrated"), state.join("results.db")).unwrap();
    assert_refused(&site.migrate(&database), "it is not empty");
    site.controller.restart_own(&[]);
    assert_eq!(site.told().len(), before.len());
}

#[test]
fn a_migration_that_is_cut_off_leaves_one_site_and_is_repeated() {
    let Some(server) = PostgresServer::start(test_support::FAST) else { return };
    let site = Site::make();
    let state = site.controller.state();
    let rows = |database: &PostgresDatabase<'_>| {
        database.sql("SELECT (SELECT count(*) FROM hosts) + (SELECT count(*) FROM results)")
    };

    let database = server.create();
    let mut child = asleep(&site, &database);
    child.kill().unwrap();
    child.wait().unwrap();
    end_sleep(&database);
    assert_eq!(rows(&database), "0");
    leave_alone(&database);
    assert!(state.join("results.db").exists());

    let mut child = asleep(&site, &database);
    test_support::run(&["kill", "-INT", &child.id().to_string()]);
    assert_eq!(child.wait().unwrap().code(), Some(1));
    end_sleep(&database);
    assert_eq!(rows(&database), "0");
    leave_alone(&database);

    let mut child = asleep(&site, &database);
    server.kill();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    server.start_again();
    assert_eq!(rows(&database), "0");
    leave_alone(&database);

    // Cut off between the commit and the end: no controller starts on the copy, and the old site
    // may have gone on.
    database.sql("CREATE TABLE unfinished_migration ()");
    database.sql("INSERT INTO trend VALUES (1, 1, 1, 1, 1, 1, 1)");
    let text = refused(&state, &["--database", database.url()]);
    assert!(text.contains("migrate again"), "{text}");
    let moved = site.migrate(&database);
    assert!(moved.status.success(), "{}", said(&moved));
    assert_eq!(database.sql("SELECT count(*) FROM trend WHERE at = 1"), "0");
    // Cut off just before the end.
    database.sql("CREATE TABLE unfinished_migration ()");
    let moved = site.migrate(&database);
    assert!(moved.status.success(), "{}", said(&moved));
    assert_eq!(database.sql("SELECT to_regclass('unfinished_migration') IS NULL"), "t");
}

#[test]
fn a_row_that_changes_behind_the_back_is_named() {
    let Some(server) = PostgresServer::shared() else { return };
    let site = Site::make();
    let host = &site.hosts[1].id;
    for (doing, wanted) in [
        (
            format!("UPDATE labels SET value = 'ams2' WHERE host = '{host}' AND key = 'site'"),
            format!(
                "labels differs from the source: the row with (host, key) = (\"{host}\", \"site\") has another value"
            ),
        ),
        (
            "DELETE FROM results WHERE task = 'second'".to_owned(),
            "results differs from the source: the row with (sequence) = (2) is missing".to_owned(),
        ),
        (
            "INSERT INTO budgets VALUES ('more', '', 1, 'x', 1) ON CONFLICT DO NOTHING".to_owned(),
            "the row with (name) = (\"more\") is not in the source".to_owned(),
        ),
    ] {
        let database = server.create();
        meddle(&database, &doing);
        assert_refused(&site.migrate(&database), &wanted);
        assert_eq!(database.sql("SELECT count(*) FROM hosts"), "0");
        assert!(site.controller.state().join("results.db").exists());
    }
}

#[test]
fn what_cannot_be_moved_is_refused_with_a_sentence() {
    let Some(server) = PostgresServer::shared() else { return };
    let database = server.create();
    let mut site = Site::make();
    let state = site.controller.state();
    site.controller.restart_own(&[]);
    assert_refused(&site.migrate(&database), "another BasicAgentController uses this directory");
    stop(&mut site.controller);
    for (url, wanted) in [
        ("postgres://fleet@127.0.0.1:1/fleet", "cannot connect to"),
        ("postgres://fleet:hunter2@127.0.0.1/fleet", "--to: a password in the URL"),
        ("postgres://fleet@db.example/fleet", "--to: a server on another host"),
    ] {
        let output = migrate(&state, url).output().unwrap();
        assert_refused(&output, wanted);
        assert!(!said(&output).contains("hunter2"));
    }
    let nowhere = Scratch::new("migrate");
    let output = migrate(&nowhere.file("none"), database.url()).output().unwrap();
    assert_refused(&output, "there is no database");
    assert!(!nowhere.file("none").exists());
    let wrong = binary().args(["migrate", "--from", "results.db", "--to", database.url()]).output();
    assert_eq!(wrong.unwrap().status.code(), Some(2));

    let other = server.create();
    let using = Controller::start_own(&["--database", other.url()]);
    assert_refused(&site.migrate(&other), "another BasicAgentController uses it");
    drop(using);
    assert_refused(&site.migrate(&other), "it is not empty");

    let file = state.join("results.db");
    let whole = std::fs::read(&file).unwrap();
    let mut damaged = whole.clone();
    damaged[8192..16384].fill(0xff);
    for damaged in [damaged, whole[..whole.len() / 2].to_vec()] {
        std::fs::write(&file, &damaged).unwrap();
        assert_refused(&site.migrate(&database), "restore a backup");
        assert_eq!(std::fs::read(&file).unwrap(), damaged);
    }
    std::fs::write(&file, &whole).unwrap();
    let output = site.migrate(&database);
    assert!(output.status.success(), "{}", said(&output));
}
