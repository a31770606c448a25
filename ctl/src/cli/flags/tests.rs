use super::*;

fn action(line: &[&str]) -> Result<Action, String> {
    let cli = Cli::read([&["BasicAgentCtl"], line].concat()).map_err(|error| error.to_string())?;
    cli.action().map_err(|error| error.to_string())
}

#[test]
fn clap_finds_no_mistake_in_the_declarations() {
    help::trimmed(Cli::command()).debug_assert();
}

#[test]
fn arguments_may_begin_with_a_dash() {
    for (line, wanted) in [
        (&["-c", "getinfo.users", "-a", "-U root"][..], "-U root"),
        (&["-c", "getinfo.users", "-a", "-A"], "-A"),
        (&["-c", "getinfo.users", "-a=-A"], "-A"),
        (&["-c", "getinfo.users", "-a-A"], "-A"),
        (&["-c", "getinfo.users", "-a", "-h"], "-h"),
        (&["-c", "getinfo.users", "-a", "--"], "--"),
        (&["-a", "-S", "-c", "getinfo.users"], "-S"),
        (&["-cgetinfo.users"], ""),
    ] {
        let Ok(Action::Local { method, args, dirs }) = action(line) else { panic!("{line:?}") };
        assert_eq!(
            (method.as_str(), args.as_str(), dirs.len()),
            ("getinfo.users", wanted, 2),
            "{line:?}"
        );
    }
}

#[test]
fn exec_passes_the_words_after_its_flags_unchanged() {
    let flags = ["--controller", "http://127.0.0.1:1", "--host", "h", "exec", "--user", "nobody"];
    for (words, wanted) in [
        (&["--", "ls", "-l", "--host"][..], &["ls", "-l", "--host"][..]),
        (&["ls", "-l", "--json"], &["ls", "-l", "--json"]),
        (&["--env", "A=b=c", "--", "--x"], &["--x"]),
        (&["--", "ls | wc -l"], &["ls | wc -l"]),
    ] {
        let found = action(&[&flags, words].concat());
        let Ok(Action::Exec { exec, remote }) = found else { panic!("{words:?}: {found:?}") };
        assert_eq!(
            (exec.command.words, remote.host, exec.json),
            (wanted.iter().map(|w| (*w).to_owned()).collect(), "h".to_owned(), false)
        );
    }
}

#[test]
fn only_task_submit_accepts_a_command() {
    let flags = ["--controller", "http://127.0.0.1:1", "--host", "h", "task"];
    for line in [
        &["submit", "--id", "x", "--timeout", "2592000", "--separate-stderr", "--", "ls", "-l"][..],
        &["status", "x", "--json"],
        &["list"],
        &["output", "x", "--follow", "--stderr"],
        &["result", "x", "--wait", "9"],
        &["cancel", "x"],
    ] {
        let found = action(&[&flags, line].concat());
        assert!(matches!(found, Ok(Action::Task { .. })), "{line:?}: {found:?}");
    }
    for line in [
        &[][..],
        &["submit"],
        &["submit", "--id", "", "ls"],
        &["submit", "--timeout", "2592001", "ls"],
        &["status"],
        &["result", "x", "y"],
        &["list", "x"],
    ] {
        assert!(action(&[&flags, line].concat()).is_err(), "{line:?} was accepted");
    }
}

#[test]
fn cron_reads_schedules_locally_and_sends_requests_about_jobs_to_one_agent() {
    let remote = ["--controller", "http://127.0.0.1:1", "--host", "h"];
    for (line, needs_agent) in [
        (&["cron", "next", "@daily"][..], false),
        (&["cron", "next", "-", "-n", "9", "--tz", "UTC", "--from", "2026-01-01"], false),
        (&["cron", "explain", "0 0 0 1C * ?", "--calendar", "days"], false),
        (&["cron", "check", "a", "b", "--json"], false),
        (&["cron", "list"], true),
        (&["cron", "set", "n", "@daily", "--missed", "once", "--", "ls", "-l"], true),
        (&["cron", "remove", "n"], true),
        (&["cron", "run", "n"], true),
        (&["cron", "history", "n", "-n", "3"], true),
    ] {
        let found = action(line);
        assert!(matches!(found, Ok(Action::Cron { remote: None, .. })), "{line:?}: {found:?}");
        let found = action(&[&remote, line].concat());
        assert_eq!(
            matches!(found, Ok(Action::Cron { remote: Some(_), .. })),
            needs_agent,
            "{line:?}: {found:?}"
        );
        assert!(
            action(&[&remote[..2], line].concat()).is_err(),
            "{line:?} was accepted without a host"
        );
    }
    for line in [
        &["cron"][..],
        &["cron", "next"],
        &["cron", "next", "0", "*", "*"],
        &["cron", "check"],
        &["cron", "set", "n", "@daily"],
        &["cron", "set", "n", "@daily", "--overlap", "x", "ls"],
        &["--controller", "http://127.0.0.1:1", "--host", "h", "cron", "list", "--socket", "/s"],
    ] {
        assert!(action(line).is_err(), "{line:?} was accepted");
    }
}

#[test]
fn conflicting_flags_are_rejected() {
    for line in [
        &["-a", "x"][..],
        &["--plugin-dir", "/x"],
        &["-c", "a.b", "list"],
        &["-c", "a.b", "--host", "h"],
        &["-c", "a.b", "--token-file", "f"],
        &["-c", "a.b", "--controller", "http://127.0.0.1:1"],
        &["--controller", "http://127.0.0.1:1", "list"],
        &["--controller", "http://127.0.0.1:1", "--plugin-dir", "/x", "hosts"],
        &["hosts"],
        &["exec", "ls"],
        &["--controller", "http://127.0.0.1:1", "task", "list"],
        &["--controller", "http://127.0.0.1:1", "--host", "h", "status", "--socket", "/s"],
        &["task", "submit", "--separate-stderr", "--stderr", "merge", "ls"],
        &["task", "submit", "--memory", "1", "ls"],
        &["--controller", "http://127.0.0.1:1", "exec", "--", "ls"],
        &["--controller", "http://127.0.0.1:1", "--host", "h", "exec"],
        &["--controller", "http://127.0.0.1:1", "--host", "h", "exec", "--timeout", "0", "ls"],
        &["--controller", "http://127.0.0.1:1", "--host", "h", "exec", "--env", "x", "ls"],
        &["--controller", "http://127.0.0.1:1", "--host", "h", "exec", "--nope", "ls"],
    ] {
        assert!(action(line).is_err(), "{line:?} was accepted");
    }
}

#[test]
fn the_controller_and_the_host_may_stand_on_either_side_of_the_subcommand() {
    let controller = ["--controller", "http://127.0.0.1:1"];
    for line in [
        [&controller[..], &["--host", "h", "exec", "ls"]].concat(),
        [&controller[..], &["exec", "--host", "h", "ls"]].concat(),
        [&["exec"], &controller[..], &["--host", "h", "ls"]].concat(),
    ] {
        let found = action(&line);
        assert!(matches!(found, Ok(Action::Exec { .. })), "{line:?}: {found:?}");
    }
}
