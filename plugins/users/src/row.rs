//! One user as the answer shows them.

use std::borrow::Cow;

use agent_sys::accounts::User;
use serde::Serialize;

use crate::password::{Day, Password, State};

/// An account as passwd(5) has it, with its groups, and with shadow(5) except for the hash. Bytes that are not UTF-8
/// become U+FFFD. Field names are stable: new ones may be added, none changes.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Row<'a> {
    /// The login name.
    name: Cow<'a, str>,
    /// The user id.
    uid: u32,
    /// The primary group's id.
    gid: u32,
    /// The primary group's name; null if no group has that id.
    group: Option<&'a str>,
    /// The names of all groups, the primary group first.
    groups: &'a [&'a str],
    /// The full name and other details.
    gecos: Cow<'a, str>,
    /// The home directory.
    home: Cow<'a, str>,
    /// The login shell.
    shell: Cow<'a, str>,
    /// Whether the password is set, locked (it can be unlocked), disabled (no password is right), none (none is needed)
    /// or missing (there is no shadow entry).
    password: State,
    /// The day of the last password change, 2026-01-31; null if unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_change: Option<Option<Day>>,
    /// Whether the password must be changed at the next login.
    #[serde(skip_serializing_if = "Option::is_none")]
    must_change: Option<bool>,
    /// Days after a change before the password can be changed again.
    #[serde(skip_serializing_if = "Option::is_none")]
    min_days: Option<Option<u32>>,
    /// Days after a change before the password must be changed again.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_days: Option<Option<u32>>,
    /// Days before the password expires during which a login shows a warning.
    #[serde(skip_serializing_if = "Option::is_none")]
    warn_days: Option<Option<u32>>,
    /// Days after the password has expired during which it still works.
    #[serde(skip_serializing_if = "Option::is_none")]
    inactive_days: Option<Option<u32>>,
    /// The day the password expires; null means never.
    #[serde(skip_serializing_if = "Option::is_none")]
    password_expires: Option<Option<Day>>,
    /// The day the account expires; null means never.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<Option<Day>>,
}

impl<'a> Row<'a> {
    /// Puts a user together. `groups` begins with the primary group if `has_primary`. Without a
    /// shadow entry, the fields from there are left out.
    pub(crate) fn new(
        user: &User<'a>,
        has_primary: bool,
        groups: &'a [&'a str],
        password: Option<&Password>,
    ) -> Self {
        let ageing = password.map(|password| password.ageing);
        Self {
            name: user.name.to_string_lossy(),
            uid: user.uid,
            gid: user.gid,
            group: groups.first().copied().filter(|_| has_primary),
            groups,
            gecos: user.gecos.to_string_lossy(),
            home: user.home.to_string_lossy(),
            shell: user.shell.to_string_lossy(),
            password: password.map_or(State::Missing, |password| password.state),
            last_change: ageing.map(|ageing| ageing.last_change),
            must_change: ageing.map(|ageing| ageing.must_change),
            min_days: ageing.map(|ageing| ageing.min_days),
            max_days: ageing.map(|ageing| ageing.max_days),
            warn_days: ageing.map(|ageing| ageing.warn_days),
            inactive_days: ageing.map(|ageing| ageing.inactive_days),
            password_expires: ageing.map(|ageing| ageing.password_expires),
            expires: ageing.map(|ageing| ageing.expires),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use schemars::JsonSchema;

    /// One user with `-U`, otherwise a list.
    #[derive(Serialize, JsonSchema)]
    #[serde(untagged)]
    #[expect(dead_code, reason = "it is only the schema of the two forms of the answer")]
    enum Answer<'a> {
        One(Box<Row<'a>>),
        Many(Vec<Row<'a>>),
    }

    #[test]
    fn the_schema_matches_the_answer() {
        plugin_api::testing::assert_schema::<Answer<'_>>(concat!(env!("CARGO_MANIFEST_DIR"), "/schema.json"));
    }

    #[test]
    fn a_user_without_a_shadow_entry_has_no_ageing() {
        let row = |groups, has_primary| Row {
            name: c"Jos\xe9".to_string_lossy(),
            uid: 7,
            gid: 8,
            group: None,
            groups,
            gecos: "a\"b".into(),
            home: "/".into(),
            shell: "".into(),
            password: State::Missing,
            last_change: None,
            must_change: None,
            min_days: None,
            max_days: Some(None).filter(|_| has_primary),
            warn_days: None,
            inactive_days: None,
            password_expires: None,
            expires: None,
        };
        let text = serde_json::to_string(&row(&["a"], false)).unwrap();
        let want = "{\"name\":\"Jos\u{fffd}\",\"uid\":7,\"gid\":8,\"group\":null,\"groups\":[\"a\"],\
                    \"gecos\":\"a\\\"b\",\"home\":\"/\",\"shell\":\"\",\"password\":\"missing\"}";
        assert_eq!(text, want);
        assert!(serde_json::to_string(&row(&[], true)).unwrap().contains("\"max_days\":null"));
    }
}
