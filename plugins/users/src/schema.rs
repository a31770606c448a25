//! The answer as types, for its schema alone: [`row`](crate::row) writes the text itself, since serde would cost a copy of each name.
//! `BasicAgentCtl check` compares what it writes with this.

use schemars::JsonSchema;
use serde::Serialize;

/// One user for `-U`, else a list.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "named for the schema")]
enum Answer {
    One(Box<User>),
    Many(Vec<User>),
}

/// As passwd(5) has it, with groups, and with shadow(5) but for the hash. What is not UTF-8 has U+FFFD in its place.
#[derive(Serialize, JsonSchema)]
struct User {
    /// Login name.
    name: String,
    /// User id.
    uid: u32,
    /// Primary group's id.
    gid: u32,
    /// Primary group's name; null where no group has that id.
    group: Option<String>,
    /// All groups by name, the primary one first.
    groups: Vec<String>,
    /// Full name and the like.
    gecos: String,
    /// Home directory.
    home: String,
    /// Login shell.
    shell: String,
    /// Whether the password is set, locked (it could be unlocked), disabled (none can be right), none (there is no need of one) or missing (no
    /// shadow entry).
    password: State,
    /// The day the password was changed last, 2026-01-31.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_change: Option<String>,
    /// Whether the next login asks for a new one.
    #[serde(skip_serializing_if = "Option::is_none")]
    must_change: Option<bool>,
    /// Days before it may be changed again.
    #[serde(skip_serializing_if = "Option::is_none")]
    min_days: Option<u32>,
    /// Days after which it must be changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_days: Option<u32>,
    /// Days before that from which on a login is warned.
    #[serde(skip_serializing_if = "Option::is_none")]
    warn_days: Option<u32>,
    /// Days after that in which it can still be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    inactive_days: Option<u32>,
    /// The day the password must be changed; null: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    password_expires: Option<String>,
    /// The day the account itself ends; null: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "named for the schema")]
enum State {
    Set,
    Locked,
    Disabled,
    None,
    Missing,
}

#[test]
fn the_schema_is_that_of_the_answer() {
    plugin_api::testing::assert_schema::<Answer>(concat!(env!("CARGO_MANIFEST_DIR"), "/schema.json"));
}
