//! Policy files: no text breaks the parser, and no request breaks the check.

use agent_wire::message::{Bash, Signed};

use super::rules::{Policy, Subject};

/// Checks a policy, the text up to a NUL, against the command after it.
pub fn policy(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (policy, command) = text.split_once('\0').unwrap_or((text, "true"));
    let Ok(policy) = Policy::parse(policy) else { return };
    let names = ["ctl.example.com".to_owned()];
    let signed = Signed::default();
    let bash = Bash { cmd: command.to_owned(), ..Bash::default() };
    for (method, bash) in
        [("sync.bash", Some(&bash)), ("async.bash", Some(&bash)), ("agent.info", None)]
    {
        let _ = policy.check(Subject { method, controllers: &names, bash, signed: &signed }, None);
    }
}
