//! Crontabs as operators write them, valid and broken.

use agent_cron::crontab::{
    self, Crontab, Form, MAX_ENTRIES, MAX_LINE, MAX_PROBLEMS, MAX_VARIABLES, When,
};

/// A file of the system form with every kind of line.
const SYSTEM: &str = "\
# m h dom mon dow user command
SHELL=/bin/bash
PATH = /usr/bin:/bin
MAILTO=\"\"

0 0 * * * * root echo hi
*/10 * * * * *\troot\techo  'two  blanks '
\t0 6 * * * daemon date +%F >> /tmp/foo
@daily root run-parts /etc/daily
@reboot root echo up
TZ=Asia/Tokyo 0 9 * * * root tokyo
CRON_TZ=Europe/Berlin
0 9 * * MON-FRI root berlin
PATH=/opt/bin
CRON_TZ=America/New_York 0 9 * * * root newyork
";

/// Returns each entry as `line when user zone [variables] command`.
fn entries(crontab: &Crontab) -> Vec<String> {
    let entries = crontab.entries.iter();
    entries
        .map(|entry| {
            let when = match &entry.when {
                When::At(expression) => expression.to_string(),
                When::Reboot => "@reboot".to_owned(),
            };
            let names: Vec<&str> = entry.environment.iter().map(|(name, _)| name).collect();
            let zone = entry.zone_name().unwrap_or("-");
            format!(
                "{} | {when} | {} | {zone} | {} | {}",
                entry.line,
                entry.user,
                names.join(","),
                entry.command
            )
        })
        .collect()
}

fn problems(crontab: &Crontab) -> Vec<String> {
    crontab.problems.iter().map(ToString::to_string).collect()
}

fn warnings(crontab: &Crontab) -> Vec<String> {
    crontab.warnings.iter().map(ToString::to_string).collect()
}

#[test]
fn a_system_file_is_read_line_by_line() {
    let crontab = crontab::parse(SYSTEM.as_bytes(), Form::System);
    assert_eq!(
        entries(&crontab),
        [
            "6 | 0 0 * * * * | root | - | SHELL,PATH,MAILTO | echo hi",
            "7 | */10 * * * * * | root | - | SHELL,PATH,MAILTO | echo  'two  blanks '",
            "8 | 0 0 6 * * * | daemon | - | SHELL,PATH,MAILTO | date +%F >> /tmp/foo",
            "9 | 0 0 0 * * * | root | - | SHELL,PATH,MAILTO | run-parts /etc/daily",
            "10 | @reboot | root | - | SHELL,PATH,MAILTO | echo up",
            "11 | CRON_TZ=Asia/Tokyo 0 0 9 * * * | root | Asia/Tokyo | SHELL,PATH,MAILTO | tokyo",
            "13 | 0 0 9 * * MON-FRI | root | Europe/Berlin | SHELL,PATH,MAILTO | berlin",
            "15 | CRON_TZ=America/New_York 0 0 9 * * * | root | America/New_York | SHELL,PATH,MAILTO | newyork",
        ]
    );
    assert_eq!(problems(&crontab), [""; 0]);
    // The assignments in lines 12 and 14 change it.
    assert_eq!(crontab.entries[6].environment.value("PATH"), Some("/usr/bin:/bin"));
    assert_eq!(crontab.entries[7].environment.value("PATH"), Some("/opt/bin"));
    assert_eq!(crontab.entries[0].environment.value("MAILTO"), Some(""));
}

#[test]
fn a_users_list_runs_as_the_user_named_above_it() {
    let text = "\
CRON_USER=root
*/10 * * * *     echo \"Ten minutes ago.\" >> /tmp/foo.txt
0 23-7/2,8 * * * echo \"Have a good dream.\" >> /tmp/foo.txt
0 11 4 * 1-3     echo \"Just kidding.\" >> /tmp/foo.txt
0,30 18-23 * * *    echo \"Same.\" >> /tmp/foo.txt
@daily echo x";
    for form in [Form::System, Form::User("nobody")] {
        let crontab = crontab::parse(text.as_bytes(), form);
        assert_eq!(problems(&crontab), [""; 0]);
        assert_eq!(warnings(&crontab), [""; 0]);
        assert_eq!(crontab.entries.len(), 5);
        assert!(crontab.entries.iter().all(|entry| entry.user == "root"));
        assert_eq!(crontab.entries[0].command, "echo \"Ten minutes ago.\" >> /tmp/foo.txt");
        assert_eq!(crontab.entries[0].environment.iter().count(), 0);
    }
    let crontab = crontab::parse(b"0 6 * * * echo x", Form::User("nobody"));
    assert_eq!(entries(&crontab), ["1 | 0 0 6 * * * | nobody | - |  | echo x"]);
}

#[test]
fn six_fields_are_accepted_where_five_would_do_with_a_warning() {
    let entry_of = |line: &str, form| {
        let crontab = crontab::parse(line.as_bytes(), form);
        assert_eq!(problems(&crontab), [""; 0], "{line}");
        (entries(&crontab).remove(0), crontab.warnings.len())
    };
    let table = [
        ("0 0 * * * mon root x", Form::System, "1 | 0 0 * * * MON | root | - |  | x", 1),
        ("0 0 * * * root mon x", Form::System, "1 | 0 0 0 * * * | root | - |  | mon x", 0),
        ("0 0 * * * * root x", Form::System, "1 | 0 0 * * * * | root | - |  | x", 0),
        ("0 0 * * * mon /bin/x", Form::System, "1 | 0 0 0 * * * | mon | - |  | /bin/x", 0),
        ("0 0 1 1 * 5 x y", Form::User("u"), "1 | 0 0 1 1 * FRI | u | - |  | x y", 1),
        ("0 0 9 * * * x", Form::User("u"), "1 | 0 0 9 * * * | u | - |  | x", 1),
        ("0 9 * * * x", Form::User("u"), "1 | 0 0 9 * * * | u | - |  | x", 0),
        ("59 0 9 * * * x", Form::User("u"), "1 | 59 0 9 * * * | u | - |  | x", 1),
        ("0 0 9 ? * 1 x", Form::User("u"), "1 | 0 0 9 ? * MON | u | - |  | x", 0),
        ("0 0 25 1 * 1 x", Form::User("u"), "1 | 0 0 0 25 JAN * | u | - |  | 1 x", 0),
    ];
    for (line, form, wanted, warnings) in table {
        assert_eq!(entry_of(line, form), (wanted.to_owned(), warnings), "{line}");
    }
}

#[test]
fn a_broken_line_is_reported_with_its_position_and_the_others_run() {
    let table: [(&[u8], &str); 20] = [
        (b"0 6 * * root x", "line 2, column"),
        (b"0 6 * *", "five or six fields"),
        (b"0 6 * * *", "column 10"),
        (b"0 6 * * * root", "no command"),
        (b"0 6 * * * root  ", "no command"),
        (b"0 6 * * * /bin/x", "CRON_USER=root"),
        (b"0 6 * * * * /bin/x y", "CRON_USER=root"),
        (b"61 * * * * root x", "read with six fields"),
        (b"@daily", "CRON_USER=root"),
        (b"@daily root", "no command"),
        (b"@every 5m root x", "@every"),
        (b"@reboot /bin/x", "CRON_USER=root"),
        (b"HOME=", "HOME must be an absolute path"),
        (b"CRON_USER=root", "above the first entry"),
        (b"  A=\"b", "line 2, column 5: the quoted value has no"),
        (b"A='b' c", "line 2, column 6: unexpected text"),
        (b"0 6 * * * root a\0b", "line 2, column 17: a NUL"),
        (b"0 6 * * * root a\xffb", "line 2, column 17: not UTF-8"),
        ("\u{feff}0 6 * * * root x".as_bytes(), "line 2, column 1"),
        ("0 6\u{a0}* * * root x".as_bytes(), "line 2"),
    ];
    for (line, wanted) in table {
        let text = [b"0 1 * * * root first\n", line, b"\n0 2 * * * root last"].concat();
        let crontab = crontab::parse(&text, Form::System);
        let commands: Vec<&str> = crontab.entries.iter().map(|entry| &*entry.command).collect();
        let shown = String::from_utf8_lossy(line);
        assert_eq!(commands, ["first", "last"], "{shown}");
        assert_eq!(crontab.problems.len(), 1, "{shown}: {:?}", crontab.problems);
        let message = crontab.problems[0].to_string();
        assert!(
            message.contains(wanted) && message.starts_with("line 2, column "),
            "{shown}: {message}"
        );
    }
}

#[test]
fn line_ends_and_blanks_do_not_matter() {
    let text =
        b"\r\n \t# comment\r\nA=b\r\n  0  6 *\t* * \t root \t echo  x \r\n\n0 7 * * * root y";
    let crontab = crontab::parse(text, Form::System);
    assert_eq!(
        entries(&crontab),
        ["4 | 0 0 6 * * * | root | - | A | echo  x ", "6 | 0 0 7 * * * | root | - | A | y"]
    );
    assert_eq!(crontab.entries[0].environment.value("A"), Some("b"));
    assert_eq!((crontab.problems.len(), crontab.warnings.len()), (0, 0));
}

#[test]
fn mail_is_not_sent_and_one_warning_says_so() {
    let crontab =
        crontab::parse(b"MAILTO=\"\"\nMAILTO=a\n0 6 * * * root x\nMAILTO=b\n", Form::System);
    let [warning] = &warnings(&crontab)[..] else { panic!("{:?}", crontab.warnings) };
    assert!(warning.contains("line 2") && warning.contains("no mail is sent"), "{warning}");
    assert_eq!(crontab.entries[0].environment.value("MAILTO"), Some("a"));
}

#[test]
fn a_variable_cannot_rename_the_user_of_an_entry() {
    let crontab =
        crontab::parse(b"LOGNAME=other\nUSER=other\nHOME=/h\n0 6 * * * root x\n", Form::System);
    assert_eq!(crontab.warnings.len(), 2);
    assert_eq!(crontab.entries[0].environment.iter().collect::<Vec<_>>(), [("HOME", "/h")]);
}

#[test]
fn an_entry_with_an_invalid_user_name_is_rejected() {
    let crontab = crontab::parse(b"CRON_USER=a:b\n0 6 * * * x\n0 7 * * * root y\n", Form::System);
    assert!(crontab.entries.is_empty());
    assert_eq!(crontab.problems.len(), 3);
}

#[test]
fn any_word_may_be_a_user_but_for_paths_and_fields() {
    for (line, user) in [
        ("0 6 * * * DOM\\alice x", "DOM\\alice"),
        ("0 0 6 * * * müller@example.com x", "müller@example.com"),
        ("0 6 * * * 5005 x", "5005"),
        ("0 0 6 * * 1 5005 x", "5005"),
        ("@daily host$ x", "host$"),
        ("@daily -x+y x", "-x+y"),
    ] {
        assert_eq!(crontab::line(line).unwrap().user, user, "{line}");
        let crontab = crontab::parse(line.as_bytes(), Form::System);
        assert_eq!((crontab.entries.len(), warnings(&crontab).len()), (1, 0), "{line}");
    }
    let text = "CRON_USER=\"DOM\\a b\"\n0 6 * * * x\n";
    assert_eq!(crontab::parse(text.as_bytes(), Form::System).entries[0].user, "DOM\\a b");
    for line in ["0 6 * * * * x", "0 6 * * * */5 x", "0 6 * * * a/b x", "0 6 * * * 1,2 x"] {
        assert!(crontab::line(line).is_err(), "{line}");
    }
}

#[test]
fn a_percent_sign_with_a_backslash_is_one_without_and_any_other_causes_a_warning() {
    for (command, wanted, warned) in [
        ("date +\\%F", "date +%F", 0),
        ("date +%F", "date +%F", 1),
        ("printf '\\%s\\n' 100\\%", "printf '%s\\n' 100%", 0),
        ("echo \\\\% \\\\", "echo \\\\% \\\\", 1),
        ("echo \\", "echo \\", 0),
    ] {
        let line = format!("0 6 * * * root {command}");
        let crontab = crontab::parse(line.as_bytes(), Form::System);
        assert_eq!(crontab.entries[0].command, wanted);
        assert_eq!(crontab.warnings.len(), warned, "{command}: {:?}", warnings(&crontab));
        assert_eq!(crontab::line(&line).unwrap().command, wanted);
    }
}

#[test]
fn an_empty_zone_stops_the_entries_below_it_and_a_relative_home_is_ignored() {
    let text = "CRON_TZ=Asia/Tokyo\n0 1 * * * root a\nCRON_TZ=\n0 2 * * * root b\n\
        CRON_TZ=UTC 0 3 * * * root c\n@reboot root d\nCRON_TZ=Europe/Berlin\n0 4 * * * root e\n\
        HOME=srv\nHOME=\n0 5 * * * root f\n";
    let crontab = crontab::parse(text.as_bytes(), Form::System);
    let found: Vec<_> =
        crontab.entries.iter().map(|entry| (&*entry.command, entry.zone_name())).collect();
    let berlin = Some("Europe/Berlin");
    assert_eq!(
        found,
        [("a", Some("Asia/Tokyo")), ("c", Some("UTC")), ("d", None), ("e", berlin), ("f", berlin)]
    );
    let lines: Vec<usize> = crontab.problems.iter().map(|problem| problem.line).collect();
    assert_eq!(lines, [3, 4, 9, 10]);
    assert_eq!(crontab.entries[4].environment.value("HOME"), None);
}

#[test]
fn values_of_variables_are_not_in_debug_output() {
    let crontab = crontab::parse(b"TOKEN=hunter2\n0 6 * * * root x\n", Form::System);
    let shown = format!("{crontab:?}");
    assert!(shown.contains("TOKEN") && !shown.contains("hunter2"), "{shown}");
}

#[test]
fn everything_that_grows_is_bounded() {
    let long =
        [b"0 6 * * * root ".to_vec(), vec![b'x'; MAX_LINE], b"\n0 7 * * * root y\n".to_vec()]
            .concat();
    let crontab = crontab::parse(&long, Form::System);
    assert_eq!((crontab.entries.len(), crontab.problems.len()), (1, 1));

    let many = "0 6 * * * root x\n".repeat(MAX_ENTRIES + 5);
    let crontab = crontab::parse(many.as_bytes(), Form::System);
    assert_eq!((crontab.entries.len(), crontab.problems.len()), (MAX_ENTRIES, 1));
    assert_eq!(crontab.problems[0].line, MAX_ENTRIES + 1);
    let full = format!("{}\n# end\n\n", "0 6 * * * root x\n".repeat(MAX_ENTRIES));
    assert!(crontab::parse(full.as_bytes(), Form::System).problems.is_empty());

    let bad = "x\n".repeat(MAX_PROBLEMS + 7);
    let crontab = crontab::parse(bad.as_bytes(), Form::System);
    assert_eq!(crontab.problems.len(), MAX_PROBLEMS + 1);
    assert!(
        crontab.problems[MAX_PROBLEMS].message.starts_with("7 more"),
        "{}",
        crontab.problems[MAX_PROBLEMS]
    );

    let variables: String = (0..MAX_VARIABLES + 2).map(|number| format!("V{number}=x\n")).collect();
    let crontab = crontab::parse(format!("{variables}0 6 * * * root x").as_bytes(), Form::System);
    assert_eq!(crontab.entries[0].environment.iter().count(), MAX_VARIABLES);
    assert_eq!(crontab.problems.len(), 2);

    let huge = vec![b'\n'; crontab::MAX_BYTES + 1];
    assert_eq!(crontab::parse(&huge, Form::System).problems.len(), 1);
}

#[test]
fn a_single_line_is_an_entry_of_the_system_form() {
    let entry = crontab::line("*/10 * * * * root cmd  a ").unwrap();
    let When::At(expression) = &entry.when else { panic!("{:?}", entry.when) };
    assert_eq!(expression.to_string(), "0 */10 * * * *");
    assert_eq!((entry.line, &*entry.user, &*entry.command), (1, "root", "cmd  a "));
    assert_eq!(crontab::line(" 0 0 * * * * root echo hi").unwrap().command, "echo hi");
    assert_eq!(
        crontab::line("CRON_TZ=Asia/Tokyo @daily root x").unwrap().zone_name(),
        Some("Asia/Tokyo")
    );
    for (line, wanted) in [
        ("", "five or six fields"),
        ("# 0 0 * * * * root echo hi", "column"),
        ("A=b", "five or six fields"),
        ("@reboot root x", "files only"),
        ("0 0 * * * * root a\nb", "column 19"),
        ("0 0 * * * * root", "no command"),
        ("0 0 * * * /bin/x", "is not a user name; write the user before the command"),
        ("0 0 * * *", "after the fields; write the user"),
        ("0 0 31 2 * root x", "never"),
    ] {
        let problem = crontab::line(line).unwrap_err().to_string();
        assert!(problem.contains(wanted), "{line:?}: {problem}");
    }
}
