//! One user in the answer: as a type for serde and the schema, and written by hand in lists (see
//! [`json`](crate::json)). A test holds the two equal.

use std::borrow::Cow;

use agent_sys::accounts::User;
use serde::Serialize;

use crate::json::Writer;
use crate::password::{Ageing, Day, Password, PasswordState};

/// An account as passwd(5) has it, with its groups, and with shadow(5) except for the hash. Bytes
/// that are not UTF-8 become U+FFFD. Field names are stable: new ones may be added, none changes.
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
    /// Whether the password is set, locked (it can be unlocked), disabled (no password is right),
    /// none (none is needed) or missing (there is no shadow entry).
    password: PasswordState,
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
            password: password.map_or(PasswordState::Missing, |password| password.state),
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

/// Writes one user as a JSON object, the same text as [`Row`]'s. `groups` are JSON strings.
pub(crate) fn write(
    out: &mut Writer,
    user: &User<'_>,
    has_primary: bool,
    groups: &[&str],
    password: Option<&Password>,
) {
    out.raw("{\"name\":").string(user.name);
    out.raw(",\"uid\":").number(user.uid);
    out.raw(",\"gid\":").number(user.gid);
    out.raw(",\"group\":").raw(groups.first().copied().filter(|_| has_primary).unwrap_or("null"));
    out.raw(",\"groups\":[");
    for (index, name) in groups.iter().enumerate() {
        out.raw(if index == 0 { "" } else { "," }).raw(name);
    }
    out.raw("],\"gecos\":").string(user.gecos);
    out.raw(",\"home\":").string(user.home);
    out.raw(",\"shell\":").string(user.shell);
    let state = password.map_or(PasswordState::Missing, |password| password.state);
    out.raw(",\"password\":\"").raw(state.word()).raw("\"");
    if let Some(password) = password {
        write_ageing(out, &password.ageing);
    }
    out.raw("}");
}

fn write_ageing(out: &mut Writer, ageing: &Ageing) {
    write_day(out.raw(",\"last_change\":"), ageing.last_change);
    out.raw(",\"must_change\":").raw(if ageing.must_change { "true" } else { "false" });
    write_count(out.raw(",\"min_days\":"), ageing.min_days);
    write_count(out.raw(",\"max_days\":"), ageing.max_days);
    write_count(out.raw(",\"warn_days\":"), ageing.warn_days);
    write_count(out.raw(",\"inactive_days\":"), ageing.inactive_days);
    write_day(out.raw(",\"password_expires\":"), ageing.password_expires);
    write_day(out.raw(",\"expires\":"), ageing.expires);
}

fn write_count(out: &mut Writer, days: Option<u32>) {
    match days {
        Some(days) => out.number(days),
        None => out.raw("null"),
    };
}

fn write_day(out: &mut Writer, day: Option<Day>) {
    match day {
        Some(day) => out.raw("\"").raw(&day.to_string()).raw("\""),
        None => out.raw("null"),
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;
    use agent_sys::accounts::user_by_uid;
    use schemars::JsonSchema;

    /// One user with `-U`, otherwise a list.
    #[derive(Serialize, JsonSchema)]
    #[serde(untagged)]
    #[expect(dead_code, reason = "it is only the schema of the two forms of the answer")]
    enum Answer<'a> {
        One(Box<Row<'a>>),
        Many(Vec<Row<'a>>),
    }

    plugin_api::testing::schema_test!(Answer<'_>);

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
            password: PasswordState::Missing,
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

    #[test]
    fn the_writer_and_serde_write_the_same_text() {
        let day = Day::from_epoch(20_000);
        let full = Ageing {
            last_change: day,
            must_change: false,
            min_days: Some(0),
            max_days: Some(90),
            warn_days: Some(7),
            inactive_days: Some(u32::MAX),
            password_expires: Day::from_epoch(20_090),
            expires: Day::from_epoch(0),
        };
        let empty = Ageing {
            last_change: None,
            must_change: true,
            min_days: None,
            max_days: None,
            warn_days: None,
            inactive_days: None,
            password_expires: None,
            expires: None,
        };
        let states = [
            PasswordState::Set,
            PasswordState::Locked,
            PasswordState::Disabled,
            PasswordState::None,
            PasswordState::Missing,
        ];
        let mut passwords = vec![None];
        for ageing in [full, empty] {
            passwords.extend(states.map(|state| Some(Password { state, ageing })));
        }
        let groups = [c"primary", c"a \"b\" \\ c", c"Jos\xe9", c"Jos\xc3\xa9", c"tab\tbell\x07"];
        let plain = groups.map(|name| name.to_string_lossy().into_owned());
        let plain: Vec<&str> = plain.iter().map(String::as_str).collect();
        let encoded = groups.map(json::string);
        let encoded: Vec<&str> = encoded.iter().map(String::as_str).collect();
        let texts =
            [c"plain", c"", c"a\"b\\c", c"tab\tbell\x07", c"Jos\xc3\xa9", c"Jos\xe9", c"\x7f"];
        let compared = user_by_uid(0, |mut user| {
            let mut compared = 0;
            for (text, password) in
                texts.iter().flat_map(|text| passwords.iter().map(move |p| (text, p)))
            {
                (user.name, user.gecos, user.home, user.shell) = (text, text, text, text);
                (user.uid, user.gid) = (u32::MAX, 0);
                for (count, has_primary) in
                    [(0, false), (1, false), (1, true), (groups.len(), false), (groups.len(), true)]
                {
                    let row = Row::new(&user, has_primary, &plain[..count], password.as_ref());
                    let mut written = Writer::default();
                    write(&mut written, &user, has_primary, &encoded[..count], password.as_ref());
                    assert_eq!(written.into_text(), serde_json::to_string(&row).unwrap());
                    compared += 1;
                }
            }
            compared
        });
        assert_eq!(compared.unwrap(), Some(texts.len() * passwords.len() * 5));
    }
}
