//! Users, zones and calendars that come to be, change and go while the agent runs. The agent has an
//! /etc and a zone database of its own.

use super::*;
use e2e::{Scratch, in_mount_namespace, needs_root, run};
use std::os::unix::fs::symlink;

/// The folders that stand for /etc and /usr/share/zoneinfo.
struct Host(Scratch);

impl Host {
    fn new() -> Self {
        let scratch = Scratch::new("host");
        run(&["cp", "-a", "/etc", &scratch.file("etc").display().to_string()]);
        let host = Self(scratch);
        for zone in ["Asia/Tokyo", "America/New_York"] {
            host.add_zone(zone, zone);
        }
        host.link_zone("Asia/Tokyo");
        host
    }

    async fn start(&self, server: &Server, pki: &Pki) -> (Agent, Channel) {
        let (etc, zones) = (self.0.file("etc"), self.0.file("zoneinfo"));
        let mut wrapper = in_mount_namespace(&[(&etc, "/etc"), (&zones, "/usr/share/zoneinfo")]);
        wrapper.extend(["env", "-u", "TZ"].map(str::to_owned));
        let config = AgentConfig { wrapper, ..AgentConfig::new(server.address()) };
        let agent = Agent::start(pki, config);
        (agent, server.channel().await)
    }

    /// Adds a zone to the database, with the rules of a zone of the real one.
    fn add_zone(&self, name: &str, like: &str) {
        let (from, to) = (Path::new("/usr/share/zoneinfo"), self.0.file("zoneinfo").join(name));
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        let new = to.with_extension("new");
        std::fs::copy(from.join(like), &new).unwrap();
        std::fs::rename(new, to).unwrap();
    }

    /// Sets the host's zone as timedatectl(1) does.
    fn link_zone(&self, name: &str) {
        let new = self.0.file("etc/localtime.new");
        symlink(format!("/usr/share/zoneinfo/{name}"), &new).unwrap();
        std::fs::rename(new, self.0.file("etc/localtime")).unwrap();
    }

    fn add_user(&self, name: &str) {
        let path = self.0.file("etc/passwd");
        let text = std::fs::read_to_string(&path).unwrap();
        let new = self.0.file("etc/passwd.new");
        std::fs::write(&new, format!("{text}{name}:x:65533:65534::/:/bin/sh\n")).unwrap();
        std::fs::rename(new, path).unwrap();
    }
}

/// Waits until the text of the only job's next run contains a part.
async fn until_next(channel: &mut Channel, part: &str) {
    let end = Instant::now() + DEADLINE;
    loop {
        let jobs = list(channel).await;
        let next = jobs.first().and_then(|job| job["next"][0].as_str()).unwrap_or_default();
        if next.contains(part) {
            return;
        }
        assert!(Instant::now() < end, "no {part}: {jobs:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn the_hosts_zone_and_the_files_of_zones_are_followed_while_the_agent_runs() {
    if !needs_root("the_hosts_zone_and_the_files_of_zones_are_followed_while_the_agent_runs") {
        return;
    }
    let (host, pki) = (Host::new(), Pki::new());
    let server = Server::start(&pki).await;
    let (_agent, mut channel) = host.start(&server, &pki).await;
    let answer =
        set(&mut channel, "noon", json!({"schedule": "0 0 12 * * *", "cmd": "true"})).await;
    assert_eq!(answer["resp"], "success", "{answer}");
    until_next(&mut channel, "T03:").await;
    host.add_zone("UTC-ish/Five", "Etc/GMT+5");
    host.link_zone("UTC-ish/Five");
    until_next(&mut channel, "T17:").await;
    // Another version of the database, and a job that names the zone.
    host.add_zone("UTC-ish/Five", "Etc/GMT+6");
    until_next(&mut channel, "T18:").await;
    let fields = json!({"schedule": "0 0 12 * * *", "cmd": "true", "timezone": "UTC-ish/Five"});
    set(&mut channel, "noon", fields).await;
    host.link_zone("Asia/Tokyo");
    host.add_zone("UTC-ish/Five", "Etc/GMT+7");
    until_next(&mut channel, "T19:").await;
}

#[tokio::test]
async fn an_entry_runs_once_its_user_or_its_zone_exists() {
    if !needs_root("an_entry_runs_once_its_user_or_its_zone_exists") {
        return;
    }
    let (host, pki) = (Host::new(), Pki::new());
    let server = Server::start(&pki).await;
    let (agent, mut channel) = host.start(&server, &pki).await;
    let path = file(&agent, "runs");
    std::fs::write(&path, "").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
    run(&["chmod", "a+rx", &agent.scratch().path().display().to_string()]);
    let run = |word: &str| format!("echo {word} >> {}", path.display());
    let text = format!(
        "* * * * * * latecomer {}\nCRON_TZ=New/Land\n* * * * * * root {}\n",
        run("user"),
        run("zone")
    );
    crontab(&agent, "late", &text, 0o644);
    let info = until_jobs(&mut channel, 2, 2).await;
    let problems = info["crontab_problems"].to_string();
    assert!(problems.contains("latecomer") && problems.contains("New/Land"), "{problems}");
    host.add_zone("New/Land", "Etc/GMT-3");
    assert_eq!(until_lines(&path, 1).await[0], "zone");
    until_jobs(&mut channel, 2, 1).await;
    host.add_user("latecomer");
    until_jobs(&mut channel, 2, 0).await;
    let end = Instant::now() + DEADLINE;
    while !lines(&path).iter().any(|line| line == "user") {
        assert!(Instant::now() < end, "{:?}\n{:?}", lines(&path), list(&mut channel).await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_missing_calendar_or_an_unknown_zone_stops_only_the_jobs_that_need_it() {
    let pki = Pki::new();
    let server = Server::start(&pki).await;
    let scratch = Scratch::new("calendar");
    let calendar = scratch.file("new/closed");
    let config = AgentConfig {
        cron: format!("calendar = \"{}\"\ntimezone = \"No/Where\"\n", calendar.display()),
        ..AgentConfig::new(server.address())
    };
    let mut agent = Agent::start(&pki, config);
    let mut channel = server.channel().await;
    agent.logged("cron.calendar: ").await;
    agent.logged("cron.timezone: ").await;
    for (schedule, zone, named) in [
        ("0 0 9 * * *", "UTC", None),
        ("0 0 9 1C * ?", "UTC", Some("cron.calendar")),
        ("0 0 9 * * *", "", Some("cron.timezone")),
    ] {
        let mut fields = json!({"schedule": schedule, "cmd": "true"});
        if !zone.is_empty() {
            fields["timezone"] = zone.into();
        }
        let answer = set(&mut channel, "job", fields).await;
        match named {
            None => assert_eq!(answer["resp"], "success", "{answer}"),
            Some(named) => {
                assert_eq!(answer["retcode"], 3021, "{answer}");
                assert!(answer["message"].as_str().unwrap().contains(named), "{answer}");
            }
        }
    }
    // The calendar comes to be while the agent runs, and excludes the first day of each month.
    let days: String = (1..=12).map(|month| format!("{month:02}-01\n")).collect();
    scratch.write("new/closed", &days);
    let job = json!({"schedule": "0 0 9 1C * ?", "cmd": "true", "timezone": "UTC"});
    let end = Instant::now() + DEADLINE;
    while set(&mut channel, "job", job.clone()).await["resp"] != "success" {
        assert!(Instant::now() < end, "the calendar is not noticed");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    until_next(&mut channel, "-02T").await;
    // Changed, and a FIFO in its place across a restart.
    scratch.write("new/closed", days.replace("-01", "-03"));
    until_next(&mut channel, "-01T").await;
    std::fs::remove_file(&calendar).unwrap();
    run(&["mkfifo", &calendar.display().to_string()]);
    agent.restart();
    channel = server.channel().await;
    let jobs = list(&mut channel).await;
    assert_eq!(jobs[0]["next"], json!([]), "{jobs:?}");
    std::fs::remove_file(&calendar).unwrap();
    scratch.write("new/closed", &days);
    until_next(&mut channel, "-02T").await;
}
