//! A policy file and a request → a verdict: no file breaks the parser, no request the check; and no rule that allows by
//! a prefix lets an operator of the shell through.
//!
//! The text up to a NUL is the policy, what follows the command.
#![no_main]

#[path = "../../../agent-core/src/policy/rules/mod.rs"]
#[allow(dead_code, unused_imports, reason = "a part of it is for the gate")]
mod rules;

use agent_wire::message::Bash;
use rules::{Policy, Subject};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (policy, command) = text.split_once('\0').unwrap_or((text, "true"));
    let Ok(policy) = Policy::parse(policy) else { return };
    let names = ["ctl.example.com".to_owned()];
    let bash = Bash { cmd: command.to_owned(), ..Bash::default() };
    for (method, bash) in [("sync.bash", Some(&bash)), ("async.bash", Some(&bash)), ("agent.info", None)] {
        let _ = policy.check(Subject { method, controllers: &names, bash }, None);
    }
});
