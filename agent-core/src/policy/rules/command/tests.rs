//! Tests of [`super`].

use super::*;
use proptest::prelude::*;

fn commands(text: &str) -> Written {
    toml::from_str(text).unwrap()
}

#[test]
fn an_allow_rule_matches_only_plain_texts() {
    let rule = "exact = ['systemctl reboot', 'a | b > c']\nprefix = ['ls', 'systemctl status ']\nregex = ['uptime( -[ps])?', 'cat /var/log/.*', 'x|y', '.* any']";
    let allowed = commands(rule).allowed().unwrap();
    let table = [
        ("systemctl reboot", true),
        ("a | b > c", true),
        (" systemctl reboot", false),
        ("systemctl reboot ", false),
        ("systemctl reboot\n", false),
        ("ls", true),
        ("ls -la '/tmp/a b'", true),
        ("ls\t-la", true),
        ("lsof", false),
        ("ls; rm -rf /", false),
        ("ls ; rm", false),
        ("ls && rm", false),
        ("ls | sh", false),
        ("ls `rm`", false),
        ("ls $(rm)", false),
        ("ls $HOME", false),
        ("ls > /etc/passwd", false),
        ("ls < /etc/shadow", false),
        ("ls \nrm", false),
        ("ls\nrm", false),
        ("ls \\", false),
        ("ls # x", false),
        ("ls ~root", false),
        ("ls *", false),
        ("ls {a,b}", false),
        ("systemctl status sshd", true),
        ("systemctl statusx", false),
        ("uptime", true),
        ("uptime -p", true),
        ("uptime -px", false),
        ("xuptime", false),
        ("cat /var/log/syslog", true),
        ("cat /var/log/x; rm -rf /", false),
        ("cat /var/log/x\nrm -rf /", false),
        ("LD_PRELOAD=/tmp/x any", false),
        ("very any", true),
        // An alternative at the top must still match the whole text.
        ("x", true),
        ("xz", false),
        ("zy", false),
    ];
    for (cmd, expected) in table {
        assert_eq!(allowed.matches(&Text::new(cmd)), expected, "{cmd:?}");
    }
}

#[test]
fn to_deny_it_is_enough_that_a_text_resembles_the_one_meant() {
    let denied =
        commands("exact = ['reboot']\nprefix = ['rm -rf', 'mkfs']\nregex = ['^dd .*of=/dev/']")
            .denied()
            .unwrap();
    let table = [
        ("reboot", true),
        (" reboot\n", true),
        ("true; reboot", true),
        ("true && reboot", true),
        ("(reboot)", true),
        ("echo $(reboot)", true),
        ("echo `reboot`", true),
        ("'re'boot", true),
        ("re\\boot", true),
        ("A=1 B=2 reboot", true),
        ("sleep 1 & reboot", true),
        ("echo reboot", false),
        ("reboot now", false),
        ("rm  -rf   /", true),
        ("rm\t-rf /", true),
        ("rm -r -f /", false),
        ("mkfs.ext4 /dev/sda", true),
        ("true\nmkfs /dev/sda", true),
        ("dd if=/dev/zero of=/dev/sda", true),
        ("true\ndd if=x \\\n of=/dev/sda", true),
        ("ls", false),
    ];
    for (cmd, expected) in table {
        assert_eq!(denied.matches(&Text::new(cmd)), expected, "{cmd:?}");
    }
}

#[test]
fn a_text_too_long_to_search_is_denied_and_not_allowed() {
    let long = format!("ls {}", "x".repeat(MAX_SEARCHED));
    let regex = || commands("regex = ['ls .*']");
    assert!(!regex().allowed().unwrap().matches(&Text::new(&long)));
    assert!(regex().denied().unwrap().matches(&Text::new(&long)));
    assert!(regex().allowed().unwrap().matches(&Text::new(&long[..MAX_SEARCHED])));
    let prefix = || commands("prefix = ['ls']");
    assert!(prefix().allowed().unwrap().matches(&Text::new(&long)));
    assert!(!commands("prefix = ['rm']").denied().unwrap().matches(&Text::new(&long)));
}

#[test]
fn rules_that_cannot_be_intended_are_rejected() {
    for text in [
        "",
        "exact = []",
        "prefix = ['']",
        "prefix = [' ']",
        "regex = ['(']",
        "regex = ['a)|(b']",
        "regex = ['(((a{1,500}){1,500}){1,500})']",
    ] {
        assert!(commands(text).allowed().is_err(), "{text} was taken");
        assert!(commands(text).denied().is_err(), "{text} was taken");
    }
}

proptest! {
    #[test]
    fn no_prefix_or_regex_allows_shell_operators(
        before in "[a-z/ -]{0,12}", act in "[;&|`$()<>\n\r\\\\*?\\[\\]{}~#!^]", behind in ".{0,12}", blank in "[ \t]?",
    ) {
        let allowed = commands("prefix = ['ls', 'cat /']\nregex = ['(?s).*']").allowed().unwrap();
        for prefix in ["ls", "cat /", ""] {
            let cmd = format!("{prefix}{blank}{before}{act}{behind}");
            prop_assert!(!allowed.matches(&Text::new(&cmd)), "{cmd:?} was allowed");
        }
    }

    #[test]
    fn text_after_a_denied_beginning_changes_nothing(before in "[a-z ]{0,8}", behind in ".{0,16}") {
        let denied = commands("prefix = ['reboot']").denied().unwrap();
        let cmd = format!("{before}; reboot{behind}");
        prop_assert!(denied.matches(&Text::new(&cmd)), "{cmd:?} was let through");
    }
}
