//! What must hold for any text of an operator's. Only for tests/fuzz.

use crate::role::{Ask, Command, judge};
use crate::{Action, Role, Selector};

/// A selector: it reads its own text, or has a mistake at a place within the text.
///
/// # Panics
/// When that does not hold.
pub fn selector(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match Selector::parse(text) {
        Ok(selector) => assert_eq!(Selector::parse(&selector.to_string()), Ok(selector)),
        Err(error) => {
            assert!(text.is_char_boundary(error.at()), "{error}");
            assert_eq!(error.pointed().lines().count(), 2, "{error}");
        }
    }
}

/// A role as JSON, up to a NUL, and a command: a role that is read is written alike; a command
/// that the role covers by a pattern of plain words is plain itself.
///
/// # Panics
/// When that does not hold.
pub fn role(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (json, text) = text.split_once('\0').unwrap_or((text, "id"));
    let Ok(role) = serde_json::from_str::<Role>(json) else { return };
    let written = serde_json::to_string(&role).expect("a role is JSON");
    assert_eq!(serde_json::from_str::<Role>(&written).ok().as_ref(), Some(&role));
    if role.check().is_err() {
        return;
    }
    let command = Command { user: None, group: None, text, brings_more: false };
    let ask = Ask { action: Action::CommandsRun, host: None, command: Some(command) };
    let allowed = judge(&role.grants, &ask).is_ok();
    let patterns = role.grants.iter().map(|grant| grant.commands.as_deref());
    let acts = ";&|<>$`(){}\n\\".chars().filter(|c| text.contains(*c));
    let is_meant = |c: char| {
        // No pattern means any command; one with the character means it.
        let mut patterns = patterns.clone();
        patterns.any(|of| of.is_none_or(|of| of.iter().any(|one| one.as_str().contains(c))))
    };
    let mut acts = acts;
    assert!(!allowed || acts.all(is_meant), "{text:?} is allowed by {role:?}");
}

#[cfg(test)]
mod tests {
    use test_support::check_corpus;

    #[test]
    fn the_stored_inputs_hold() {
        check_corpus("selector", 10, super::selector);
        check_corpus("role", 8, super::role);
    }
}
