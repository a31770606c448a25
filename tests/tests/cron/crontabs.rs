//! Jobs from crontab files.

use super::*;

#[tokio::test]
async fn created_changed_and_removed_crontabs_take_effect() {
    let (server, mut agent, mut channel) = connected().await;
    let (one, two) = (file(&agent, "one"), file(&agent, "two"));
    // The directory does not exist when the agent starts.
    crontab(&agent, "first", &format!("* * * * * * root echo x >> {}\n", one.display()), 0o644);
    until_lines(&one, 2).await;
    let jobs = list(&mut channel).await;
    assert!(jobs[0]["name"].as_str().unwrap().starts_with("first:root:"), "{jobs:?}");
    assert_eq!(jobs[0]["file"], file(&agent, "cron.d/first").to_str().unwrap(), "{jobs:?}");
    let name = jobs[0]["name"].clone();
    let refused =
        ask(&mut channel, json!({"id": "r", "method": "cron.remove", "name": name})).await;
    assert_eq!(refused["retcode"], 3021, "a crontab's job was removed by request: {refused}");
    let broken = format!(
        "SHELL=/bin/sh\nGREETING=hello\n61 * * * * * root true\n* * * * * * nobody-such true\n\
         * * * * * * root echo $GREETING $0 >> {}\n",
        two.display()
    );
    crontab(&agent, "second", &broken, 0o644);
    let info = until_jobs(&mut channel, 3, 2).await;
    let problems = info["crontab_problems"].to_string();
    assert!(problems.contains("/second:3:") && problems.contains("nobody-such"), "{problems}");
    assert_eq!(until_lines(&two, 1).await[0], "hello /bin/sh");
    agent.restart();
    channel = server.channel().await;
    until_jobs(&mut channel, 3, 2).await;
    std::fs::remove_file(file(&agent, "cron.d/first")).unwrap();
    until_jobs(&mut channel, 2, 2).await;
    crontab(&agent, "second", "# nothing\n", 0o644);
    until_jobs(&mut channel, 0, 0).await;
    crontab(&agent, "second", "@daily root true\n", 0o666);
    let info = until_jobs(&mut channel, 0, 1).await;
    assert!(info["crontab_problems"][0].as_str().unwrap().contains("mode 0666"), "{info}");
}

#[tokio::test]
async fn a_reboot_job_runs_once_per_boot_and_not_at_each_start() {
    let (server, mut agent, mut channel) = connected().await;
    agent.kill();
    let path = file(&agent, "boots");
    crontab(&agent, "boot", &format!("@reboot root echo x >> {}\n", path.display()), 0o600);
    for _ in 0..2 {
        agent.restart();
        channel = server.channel().await;
        until_jobs(&mut channel, 1, 0).await;
        until_lines(&path, 1).await;
    }
    let runs = list(&mut channel).await;
    let name = runs[0]["name"].as_str().unwrap();
    assert_eq!(history(&mut channel, name).await.len(), 1, "{runs:?}");
    assert_eq!(lines(&path).len(), 1);
}

#[tokio::test]
async fn a_crontab_without_user_fields_names_its_user_once() {
    let (_server, agent, mut channel) = connected().await;
    let seed = "CRON_USER=nobody\n*/10 * * * *     echo \"Ten minutes ago.\" >> /tmp/foo.txt\n\
        0 23-7/2,8 * * * echo \"Have a good dream.\" >> /tmp/foo.txt\n";
    crontab(&agent, "seed", seed, 0o644);
    until_jobs(&mut channel, 2, 0).await;
    let jobs = list(&mut channel).await;
    assert!(jobs.iter().all(|job| job["user"] == "nobody"), "{jobs:?}");
    let seconds: Vec<&str> = jobs.iter().filter_map(|job| job["schedule"].as_str()).collect();
    assert!(seconds.iter().all(|schedule| schedule.starts_with("0 ")), "{seconds:?}");
}

#[tokio::test]
async fn a_removed_crontab_directory_removes_its_jobs_until_it_returns() {
    let (_server, agent, mut channel) = connected().await;
    let (dir, away) = (file(&agent, "cron.d"), file(&agent, "away"));
    crontab(&agent, "daily", "@daily root true\n", 0o644);
    until_jobs(&mut channel, 1, 0).await;
    for _ in 0..3 {
        std::fs::rename(&dir, &away).unwrap();
        until_jobs(&mut channel, 0, 0).await;
        std::fs::rename(&away, &dir).unwrap();
        until_jobs(&mut channel, 1, 0).await;
    }
    std::fs::remove_dir_all(&dir).unwrap();
    until_jobs(&mut channel, 0, 0).await;
    crontab(&agent, "daily", "@daily root true\n@hourly root true\n", 0o644);
    until_jobs(&mut channel, 2, 0).await;
}

#[tokio::test]
async fn a_crontabs_settings_apply_to_its_commands() {
    let (_server, agent, mut channel) = connected().await;
    let path = file(&agent, "seen");
    let text = format!(
        "PATH=/nowhere:/bin:/usr/bin\nMAILTO=root\nCRON_TZ=Asia/Tokyo\n* * * * * * root echo $PATH 100% >> {}\n\
         0 30 9 * * * root true\nCRON_TZ=Nowhere/At_All\n@daily root true\n",
        path.display()
    );
    crontab(&agent, "settings", &text, 0o644);
    let info = until_jobs(&mut channel, 3, 1).await;
    assert!(info["crontab_problems"][0].as_str().unwrap().contains("/settings:7"), "{info}");
    assert_eq!(until_lines(&path, 1).await[0], "/nowhere:/bin:/usr/bin 100%");
    let jobs = list(&mut channel).await;
    let morning = jobs.iter().find(|job| job["schedule"] == "0 30 9 * * *").unwrap();
    assert_eq!(morning["timezone"], "Asia/Tokyo", "{morning}");
    let next = morning["next"][0].as_str().unwrap();
    assert!(next.contains("T09:30:00+09:00") || next.contains("T00:30:00Z"), "{next}");
}

#[tokio::test]
async fn a_crontab_of_another_user_is_rejected() {
    if !e2e::needs_root("a_crontab_of_another_user_is_rejected") {
        return;
    }
    let (_server, agent, mut channel) = connected().await;
    crontab(&agent, "theirs", "@daily root true\n", 0o644);
    until_jobs(&mut channel, 1, 0).await;
    std::os::unix::fs::chown(file(&agent, "cron.d/theirs"), Some(65534), None).unwrap();
    let info = until_jobs(&mut channel, 0, 1).await;
    assert!(info["crontab_problems"][0].as_str().unwrap().contains("65534"), "{info}");
}

#[tokio::test]
async fn files_that_are_skipped_are_reported() {
    let (_server, agent, mut channel) = connected().await;
    crontab(&agent, "good", "@daily root true\n", 0o644);
    crontab(&agent, "backup.sh", "@daily root true\n", 0o644);
    std::os::unix::fs::symlink("/nowhere/to/be/found", file(&agent, "cron.d/link")).unwrap();
    let info = until_jobs(&mut channel, 1, 2).await;
    let problems = info["crontab_problems"].to_string();
    for part in ["/cron.d/backup.sh: ignored", "/cron.d/link: ignored", "/nowhere/to/be/found"] {
        assert!(problems.contains(part), "{problems}");
    }
}

#[tokio::test]
async fn a_commands_percent_signs_and_its_home_are_those_of_other_crons() {
    let (_server, agent, mut channel) = connected().await;
    let (path, home) = (file(&agent, "seen"), file(&agent, "home"));
    std::fs::create_dir(&home).unwrap();
    let text = format!(
        "HOME={}\n* * * * * * root echo \"$(date '+\\%Y') $(pwd) $HOME\" >> {}\n",
        home.display(),
        path.display()
    );
    crontab(&agent, "home", &text, 0o644);
    until_jobs(&mut channel, 1, 0).await;
    let line = until_lines(&path, 1).await[0].clone();
    let (year, rest) = line.split_once(' ').unwrap();
    assert!(year.len() == 4 && year.bytes().all(|byte| byte.is_ascii_digit()), "{line}");
    assert_eq!(rest, format!("{0} {0}", home.display()));
}

#[tokio::test]
async fn entries_below_an_empty_zone_do_not_run_in_the_zone_above() {
    let (_server, agent, mut channel) = connected().await;
    let text = "CRON_TZ=Asia/Tokyo\n0 9 * * * root a\nCRON_TZ=\n0 9 * * * root b\n";
    crontab(&agent, "zones", text, 0o644);
    let info = until_jobs(&mut channel, 1, 2).await;
    let problems = info["crontab_problems"].to_string();
    assert!(problems.contains("/zones:3:") && problems.contains("/zones:4:"), "{problems}");
    assert_eq!(list(&mut channel).await[0]["cmd"], "a");
}
