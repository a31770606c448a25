//! Tests of [`super`].

use super::*;
use agent_wire::message::Signed;
use proptest::prelude::*;

/// The accounts of the tests' host.
const HOST: [(&str, u32); 4] = [("root", 0), ("www-data", 33), ("deploy", 1000), ("docker", 998)];

fn numbers(policy: &Policy) -> Arc<[Option<u32>]> {
    let number = |text: &str| {
        let named = HOST.iter().find(|(name, _)| *name == text).map(|(_, id)| *id);
        // toor is another name of root.
        named.or(text.parse().ok()).or((text == "toor").then_some(0))
    };
    let names = policy.names().iter();
    names.map(|(Name::User(text) | Name::Group(text))| number(text)).collect()
}

/// Returns a policy's verdict on a command of `uid` with `gid`; `own` are the user's groups.
fn verdict(policy: &Policy, method: &str, bash: &Bash, uid: u32, gid: u32, own: &[u32]) -> String {
    let controllers = ["ctl-1.example.com".to_owned()];
    let subject =
        Subject { method, controllers: &controllers, bash: Some(bash), signed: &Signed::default() };
    let mut groups = own.to_vec();
    groups.push(gid);
    let is_member = bash.group.is_none() || own.contains(&gid);
    let numbers = numbers(policy);
    let run_as = RunAs { uid, gid, groups, is_member, numbers };
    let verdict = policy.check(subject, Some(&run_as));
    // A verdict without the account stays the same with it.
    let early = policy.check(subject, None);
    assert!(early == Verdict::NeedsAccount || early == verdict, "{early:?} but {verdict:?}");
    match verdict {
        Verdict::Allowed => "allowed".to_owned(),
        Verdict::Refused(refusal) => refusal.rule,
        Verdict::NeedsAccount => "undecided".to_owned(),
    }
}

fn cmd(cmd: &str) -> Bash {
    Bash { cmd: cmd.to_owned(), ..Bash::default() }
}

#[test]
fn the_first_rule_that_matches_decides_else_the_default() {
    let policy = "default = 'deny'\n\
        [[rule]]\nname = 'no-ls'\naction = 'deny'\ncommands = {exact = ['ls']}\n\
        [[rule]]\naction = 'allow'\nmethods = ['sync.bash']\n\
        [[rule]]\naction = 'deny'\nmethods = ['async.*']\n";
    let policy = Policy::parse(policy).unwrap();
    let table = [
        ("sync.bash", "ls", "no-ls"),
        ("async.bash", "ls", "no-ls"),
        ("sync.bash", "id", "allowed"),
        ("async.bash", "id", "rule 3"),
        ("cron.set", "id", "default"),
    ];
    for (method, text, expected) in table {
        assert_eq!(verdict(&policy, method, &cmd(text), 0, 0, &[0]), expected, "{method} {text}");
    }
}

#[test]
fn all_names_of_an_account_mean_the_same_account() {
    for user in ["'root'", "'toor'", "'0'", "0"] {
        let deny = Policy::parse(&format!("[[rule]]\naction = 'deny'\nusers = [{user}]")).unwrap();
        assert_eq!(verdict(&deny, "sync.bash", &cmd("id"), 0, 0, &[0]), "rule 1", "{user}");
        assert_eq!(
            verdict(&deny, "sync.bash", &cmd("id"), 1000, 1000, &[1000]),
            "allowed",
            "{user}"
        );
    }
    let stranger =
        Policy::parse("default = 'deny'\n[[rule]]\naction = 'allow'\nusers = ['nobody-here']")
            .unwrap();
    assert_eq!(verdict(&stranger, "sync.bash", &cmd("id"), 0, 0, &[0]), "default");
}

#[test]
fn a_group_of_others_must_be_allowed_together_with_the_user() {
    let with_group = Bash { group: Some("docker".into()), ..cmd("id") };
    let table = [
        // An allowed user may use its own groups and no others.
        ("action = 'allow'\nusers = ['deploy']", &[1000][..], "default"),
        ("action = 'allow'\nusers = ['deploy']", &[1000, 998], "allowed"),
        ("action = 'allow'\nusers = ['deploy']\ngroups = ['docker']", &[1000], "allowed"),
        ("action = 'allow'\nusers = ['deploy']\ngroups = ['www-data']", &[1000], "default"),
        // Groups alone match their members.
        ("action = 'allow'\ngroups = ['docker']", &[1000], "default"),
        ("action = 'allow'\ngroups = ['docker']", &[1000, 998], "allowed"),
        ("action = 'allow'", &[1000], "default"),
    ];
    for (rule, own, expected) in table {
        let policy = Policy::parse(&format!("default = 'deny'\n[[rule]]\n{rule}")).unwrap();
        assert_eq!(
            verdict(&policy, "sync.bash", &with_group, 1000, 998, own),
            expected,
            "{rule} {own:?}"
        );
    }
    let deny = Policy::parse("[[rule]]\naction = 'deny'\ngroups = ['docker']").unwrap();
    assert_eq!(verdict(&deny, "sync.bash", &with_group, 1000, 998, &[1000]), "rule 1");
    assert_eq!(verdict(&deny, "sync.bash", &cmd("id"), 1000, 1000, &[1000, 998]), "rule 1");
    assert_eq!(verdict(&deny, "sync.bash", &cmd("id"), 1000, 1000, &[1000]), "allowed");
}

#[test]
fn no_field_of_a_request_changes_the_effect_of_an_allowed_command() {
    let rule = |more: &str| {
        let text = format!(
            "default = 'deny'\n[[rule]]\naction = 'allow'\ncommands = {{exact = ['id']}}\n{more}"
        );
        Policy::parse(&text).unwrap()
    };
    let env = |name: &str| Bash { env: vec![(name.to_owned(), "x".to_owned())], ..cmd("id") };
    let cwd = Bash { cwd: Some("/tmp".to_owned()), ..cmd("id") };
    let stdin = Bash { stdin: Some("x".to_owned()), ..cmd("id") };
    let table = [
        ("", &cmd("id"), "allowed"),
        ("", &env("BASH_ENV"), "default"),
        ("", &env("PATH"), "default"),
        ("", &cwd, "default"),
        ("", &stdin, "default"),
        ("env = ['LANG']", &env("LANG"), "allowed"),
        ("env = ['LANG']", &env("lang"), "default"),
        ("env = ['LANG']", &env("LD_PRELOAD"), "default"),
        ("env = ['LANG']", &cwd, "default"),
        ("stdin = true", &stdin, "allowed"),
    ];
    for (more, bash, expected) in table {
        assert_eq!(
            verdict(&rule(more), "sync.bash", bash, 0, 0, &[0]),
            expected,
            "{more} {bash:?}"
        );
    }
    // None of them evades a deny rule.
    let deny = Policy::parse("[[rule]]\naction = 'deny'\ncommands = {exact = ['id']}").unwrap();
    for bash in [&cmd("id"), &env("A"), &cwd, &stdin] {
        assert_eq!(verdict(&deny, "sync.bash", bash, 0, 0, &[0]), "rule 1", "{bash:?}");
    }
}

#[test]
fn a_request_without_a_command_is_judged_by_method_and_controller() {
    let policy = "default = 'deny'\n\
        [[rule]]\naction = 'deny'\nusers = ['root']\n\
        [[rule]]\naction = 'allow'\ncommands = {exact = ['id']}\n\
        [[rule]]\naction = 'allow'\nmethods = ['getinfo.*']\ncontrollers = ['*.example.com']\n";
    let policy = Policy::parse(policy).unwrap();
    let check = |method, controller: &str| {
        policy.check(
            Subject {
                method,
                controllers: &[controller.to_owned()],
                bash: None,
                signed: &Signed::default(),
            },
            None,
        )
    };
    assert_eq!(check("getinfo.kernel", "ctl.example.com"), Verdict::Allowed);
    assert!(matches!(check("getinfo.kernel", "ctl.example.org"), Verdict::Refused(_)));
    assert!(matches!(check("sync.cancel", "ctl.example.com"), Verdict::Refused(_)));
    let nobody = Subject {
        method: "getinfo.kernel",
        controllers: &[],
        bash: None,
        signed: &Signed::default(),
    };
    assert!(matches!(policy.check(nobody, None), Verdict::Refused(_)));
}

#[test]
fn mistakes_are_rejected_with_their_place() {
    let table = [
        ("defualt = 'deny'", "line 1"),
        ("default = 'no'", "line 1"),
        ("[[rule]]\nmethods = ['sync.bash']", "action"),
        ("[[rule]]\naction = 'deny'\nuser = ['root']", "line 3"),
        ("[[rule]]\naction = 'deny'\ncommands = {exat = ['x']}", "line 3"),
        ("[[rule]]\naction = 'allow'", "default is missing"),
        ("[[rule]]\naction = 'deny'\nusers = []", "rule 1: users"),
        ("[[rule]]\naction = 'deny'\nusers = ['']", "line 3"),
        ("[[rule]]\naction = 'deny'\nusers = [-1]", "line 3"),
        ("[[rule]]\naction = 'deny'\nusers = [4294967295]", "line 3"),
        ("[[rule]]\naction = 'deny'\nname = 'n'\nmethods = ['sink.*']", "rule 1 (\"n\"): methods"),
        ("[[rule]]\naction = 'deny'\ncontrollers = ['*']", "rule 1: controllers"),
        ("[[rule]]\naction = 'deny'\nmethods = ['getinfo.*']\nusers = ['root']", "rule 1"),
        ("[[rule]]\naction = 'deny'\ncommands = {exact = ['x']}\nenv = ['A']", "rule 1: env"),
        ("default = 'deny'\n[[rule]]\naction = 'allow'\nstdin = true", "rule 1: env and stdin"),
        ("default = 'deny'\n[[rule]]\naction = 'allow'\ncommands = {}", "rule 1: commands"),
        ("[[rule]]\naction = 'deny'\nname = ''", "name"),
        ("[[rule]]\naction = 'deny'\nreason = \"a\\nb\"", "reason"),
    ];
    for (text, word) in table {
        let error = Policy::parse(text).unwrap_err();
        assert!(error.contains(word), "{text}: {error}");
    }
    assert!(Policy::parse("").unwrap().is_open());
    assert!(!Policy::parse("default = 'deny'").unwrap().is_open());
}

#[test]
fn the_shipped_example_denies_other_commands() {
    let policy = Policy::parse(include_str!("../../../../../examples/config/policy.toml")).unwrap();
    let run = |text| verdict(&policy, "sync.bash", &cmd(text), 1000, 1000, &[1000]);
    assert_eq!(run("id"), "default");
    assert_eq!(verdict(&policy, "sync.bash", &cmd("id"), 0, 0, &[0]), "default");
}

proptest! {
    #[test]
    fn any_text_is_a_policy_or_an_error(text in "(\\[\\[rule\\]\\]|default|action|users|commands|methods|[ =\\[\\]{}'\",\n]|deny|allow|regex|[a-z.*()]{0,3}){0,30}") {
        let _ = Policy::parse(&text);
    }
}
