use super::*;
use crate::Labels;
use proptest::prelude::*;

fn role(toml: &str) -> Role {
    toml::from_str(toml).unwrap()
}

fn deployer() -> Role {
    role(
        r#"
        name = "deployer"
        description = "deploys the shop, reads everything in test"

        [[grants]]
        actions = ["commands.run", "results.read"]
        selector = "env=prod,role in (web,db)"
        users = ["deploy", "www-data"]
        commands = ["systemctl restart *", "/opt/shop/deploy"]

        [[grants]]
        actions = ["hosts.*", "commands.run"]
        selector = "env=test"
        "#,
    )
}

fn labels(env: &str) -> Labels {
    let pairs = [("env", env), ("role", "web")];
    pairs.map(|(key, value)| (key.parse().unwrap(), value.parse().unwrap())).into()
}

fn command(user: Option<&'static str>, text: &'static str) -> Command<'static> {
    Command { user, group: None, text, brings_more: false }
}

#[test]
fn one_grant_must_cover_the_whole_question() {
    let role = deployer();
    role.check().unwrap();
    let (prod, test) = (labels("prod"), labels("test"));
    let group = Command { group: Some("root"), ..command(Some("deploy"), "/opt/shop/deploy") };
    let more = Command { brings_more: true, ..command(Some("deploy"), "/opt/shop/deploy") };
    let run = Action::CommandsRun;
    for (action, labels, command, wanted) in [
        (run, &prod, Some(command(Some("deploy"), "/opt/shop/deploy")), Ok(())),
        (run, &prod, Some(command(Some("www-data"), "systemctl restart nginx")), Ok(())),
        (run, &prod, Some(command(Some("deploy"), "id")), Err(Denied::Command)),
        (run, &prod, Some(command(Some("root"), "/opt/shop/deploy")), Err(Denied::User)),
        (run, &prod, Some(command(None, "/opt/shop/deploy")), Err(Denied::User)),
        (run, &prod, Some(group), Err(Denied::Group)),
        (run, &prod, Some(more), Err(Denied::More)),
        (run, &test, Some(command(None, "anything; at all")), Ok(())),
        (run, &test, Some(more), Ok(())),
        // A request without a command, such as async.cancel.
        (run, &prod, None, Ok(())),
        (run, &labels("dev"), None, Err(Denied::Host(run))),
        (Action::HostsRemove, &test, None, Ok(())),
        (Action::HostsRemove, &prod, None, Err(Denied::Host(Action::HostsRemove))),
        (Action::ResultsRead, &test, None, Err(Denied::Host(Action::ResultsRead))),
        (Action::FactsRead, &test, None, Err(Denied::Action(Action::FactsRead))),
        (Action::TokensRead, &test, None, Err(Denied::Action(Action::TokensRead))),
    ] {
        let host = Some(Host { id: "h", labels });
        let verdict = judge(&role.grants, &Ask { action, host, command });
        assert_eq!(verdict, wanted, "{action} {labels:?} {command:?}");
    }
    assert_eq!(
        judge([], &Ask { action: run, host: None, command: None }),
        Err(Denied::Action(run)),
        "an operator without a role may do nothing"
    );
}

#[test]
fn a_reach_is_what_lists_show() {
    let role = deployer();
    let Reach::Selected(selectors) = reach(&role.grants, Action::CommandsRun) else {
        panic!("no selectors")
    };
    assert_eq!(selectors.len(), 2);
    assert_eq!(reach(&role.grants, Action::CaRotate), Reach::Nothing);
    let admin = Role::built_in("admin").unwrap();
    assert_eq!(
        reach(role.grants.iter().chain(&admin.grants), Action::CommandsRun),
        Reach::Everything
    );
    for env in ["prod", "test", "dev"] {
        for action in Action::ALL.into_iter().filter(|action| action.is_per_host()) {
            let labels = labels(env);
            let host = Host { id: "h", labels: &labels };
            let allowed = judge(&role.grants, &Ask { action, host: Some(host), command: None });
            assert_eq!(reach(&role.grants, action).covers(host), allowed.is_ok(), "{env} {action}");
        }
    }
}

#[test]
fn the_built_in_roles_allow_what_their_names_say() {
    let allows = |name: &str, action| {
        let role = Role::built_in(name).unwrap();
        judge(&role.grants, &Ask { action, host: None, command: None }).is_ok()
    };
    for action in Action::ALL {
        use Action as A;
        let reads = action.name().ends_with(".read") && action != A::AuditRead;
        assert_eq!(allows("viewer", action), reads, "{action}");
        let works = reads || matches!(action, A::HostsLabel | A::CommandsRun | A::SchedulesManage);
        assert_eq!(allows("operator", action), works, "{action}");
        assert!(allows("admin", action), "{action}");
    }
    assert_eq!(Role::built_in("root"), None);
    for name in Role::BUILT_IN {
        assert_eq!(Role::built_in(name).unwrap().check(), Err(RoleError::BuiltIn(name.to_owned())));
    }
}

#[test]
fn a_pattern_covers_plain_words_only() {
    for (pattern, command, wanted) in [
        ("uptime", "uptime", true),
        ("uptime", "uptime ", false),
        ("uptime; id", "uptime; id", true),
        ("systemctl restart *", "systemctl restart nginx", true),
        ("systemctl restart *", "systemctl restart 'a b'  -q", true),
        ("systemctl restart *", "systemctl restart ", true),
        ("systemctl restart *", "systemctl restart", false),
        ("systemctl restart *", "systemctl restart x; id", false),
        ("systemctl restart *", "systemctl restart x\nid", false),
        ("systemctl restart *", "systemctl restart $(id)", false),
        ("systemctl restart *", "systemctl restart `id`", false),
        ("systemctl restart *", "systemctl restart x && id", false),
        ("systemctl restart *", "systemctl restart x > /etc/passwd", false),
        ("systemctl restart *", "systemctl restart \\x", false),
        ("systemctl restart *", "systemctl restart *", false),
        ("systemctl restart *", "LD_PRELOAD=x systemctl restart y", false),
        ("systemctl * nginx", "systemctl restart nginx", true),
        ("systemctl * nginx", "systemctl nginx", false),
        ("systemctl * nginx", "systemctl restart x; echo nginx", false),
        ("x a*b*c", "x abc", true),
        ("x a*b*c", "x axbybzc", true),
        ("x a*b*c", "x ac", false),
        ("x ab*ba", "x aba", false),
        ("echo *;*", "echo a;b", true),
        ("echo *;*", "echo a;b;c", false),
        ("ls ** x", "ls a x", true),
    ] {
        let parsed: CommandPattern = pattern.parse().unwrap();
        assert_eq!(parsed.covers(command), wanted, "{pattern:?} {command:?}");
    }
    let long = format!("ls {}", "a".repeat(9000));
    assert!(!"ls *".parse::<CommandPattern>().unwrap().covers(&long));
    for (text, wanted) in [
        ("", PatternError::Empty),
        (" ", PatternError::Empty),
        ("*", PatternError::StarInProgram),
        (" * x", PatternError::StarInProgram),
        ("/opt/* x", PatternError::StarInProgram),
        ("a*", PatternError::StarInProgram),
        ("a *********", PatternError::TooManyStars),
        (&"a".repeat(1025), PatternError::TooLong),
    ] {
        assert_eq!(text.parse::<CommandPattern>(), Err(wanted), "{text:?}");
    }
}

#[test]
fn a_role_that_could_not_be_meant_is_refused() {
    let base = deployer();
    for (change, wanted) in [
        ((|role| role.name = "Deploy".to_owned()) as fn(&mut Role), "lower-case"),
        (|role| role.name = "admin".to_owned(), "built in"),
        (|role| role.description = "a\nb".to_owned(), "one line"),
        (|role| role.grants.clear(), "1 to 64 grants"),
        (|role| role.grants = vec![role.grants[0].clone(); 65], "1 to 64 grants"),
        (|role| role.grants[1].actions = Actions::default(), "grant 2 has no actions"),
        (|role| role.grants[0].users = Some(Vec::new()), "grant 1: users"),
        (|role| role.grants[0].users = Some(vec![String::new()]), "grant 1: users"),
        (|role| role.grants[0].commands = Some(Vec::new()), "grant 1: commands"),
        (
            |role| role.grants[0].actions = Actions::of(&[Action::HostsRead]),
            "need the action commands.run",
        ),
    ] {
        let mut role = base.clone();
        change(&mut role);
        let error = role.check().unwrap_err().to_string();
        assert!(error.contains(wanted), "{error}");
    }
    for text in [
        r#"{"name":"x","grants":[{"actions":["hosts.reed"]}]}"#,
        r#"{"name":"x","grants":[{"actions":["host.*"]}]}"#,
        r#"{"name":"x","grants":[{"actions":["hosts*"]}]}"#,
        r#"{"name":"x","grants":[{"actions":["*"],"selector":"a=b="}]}"#,
        r#"{"name":"x","grants":[{"actions":["*"],"hosts":["a"]}]}"#,
        r#"{"name":"x","grants":[{"actions":["*"],"commands":["l*"]}]}"#,
    ] {
        assert!(serde_json::from_str::<Role>(text).is_err(), "{text}");
    }
}

#[test]
fn a_role_survives_json_and_toml() {
    for role in [deployer(), Role::built_in("operator").unwrap(), Role::built_in("admin").unwrap()]
    {
        let json = serde_json::to_string(&role).unwrap();
        assert_eq!(serde_json::from_str::<Role>(&json).unwrap(), role, "{json}");
    }
}

proptest! {
    /// The rule in its plainest form: try every way to place the stars.
    #[test]
    fn a_pattern_covers_what_some_placing_of_its_stars_covers(
        pattern in "x [ab;*]{1,7}", command in "x [ab;]{0,8}",
    ) {
        fn covers(pattern: &[u8], command: &[u8]) -> bool {
            match pattern.split_first() {
                None => command.is_empty(),
                Some((b'*', rest)) => (0..=command.len()).any(|n| {
                    !command[..n].contains(&b';') && covers(rest, &command[n..])
                }),
                Some((literal, rest)) => {
                    command.first() == Some(literal) && covers(rest, &command[1..])
                }
            }
        }
        let parsed: CommandPattern = pattern.parse().unwrap();
        let wanted = covers(pattern.as_bytes(), command.as_bytes());
        prop_assert_eq!(parsed.covers(&command), wanted);
    }
}
