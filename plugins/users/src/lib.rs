//! `getinfo.users`: the accounts of this host, with their groups and the state of their passwords.
//!
//! Everything comes through NSS, so LDAP and systemd users appear as in `getent passwd`. Root is
//! needed to read the shadow database; no part of a password hash ever leaves `password`.

mod groups;
mod json;
mod list;
mod login_defs;
mod password;
mod row;
mod selection;

use std::ffi::CString;
use std::fs::File;
use std::io::{self, ErrorKind};

use agent_sys::accounts::{User, user_by_name, user_by_uid};
use nix::unistd::Uid;
use plugin_api::{Args, Context, Meta, Provider, ProviderError, Reply, export_provider};

use groups::MemberOf;
use password::Password;
use row::Row;
use selection::{OPTIONS, Selection};

struct Users;

impl Provider for Users {
    fn describe() -> Meta {
        Meta::new(
            "getinfo.users",
            env!("CARGO_PKG_VERSION"),
            "accounts, their groups and password states",
        )
        .options(&OPTIONS)
        .needs_root()
        .output_schema(include_str!("../schema.json"))
        .example("-U root", "one object")
        .example("-u", "a list of objects")
    }

    fn call(args: &Args, _ctx: &Context) -> Result<Reply, ProviderError> {
        let selection = OPTIONS.parse(args)?;
        need_root()?;
        match selection {
            Selection::One(name) => one(&name),
            Selection::Many(many) => {
                list::json(&many).map(Reply::from_json_text).map_err(|error| nss(&error))
            }
        }
    }
}

/// Fails unless the shadow database can be read: only root may, and in a user namespace even uid 0
/// may be refused.
fn need_root() -> Result<(), ProviderError> {
    let readable = match File::open("/etc/shadow") {
        Err(error) => error.kind() != ErrorKind::PermissionDenied,
        Ok(_) => true,
    };
    if Uid::effective().is_root() && readable {
        return Ok(());
    }
    let message = "getinfo.users needs root, to read the password states in /etc/shadow";
    Err(ProviderError::new("needs_root", message))
}

/// Returns one user. The name is tried first: Linux has names of only digits too.
fn one(name: &str) -> Result<Reply, ProviderError> {
    let unknown = || ProviderError::new("no_such_user", format!("no such user: {name}"));
    let c_name = CString::new(name).map_err(|_| unknown())?;
    if let Some(reply) = user_by_name(&c_name, |user| reply(&user)).map_err(|error| nss(&error))? {
        return reply;
    }
    // Digits only: parse() takes a sign too.
    let is_number = name.bytes().all(|byte| byte.is_ascii_digit());
    let uid: u32 = name.parse().ok().filter(|_| is_number).ok_or_else(unknown)?;
    user_by_uid(uid, |user| reply(&user)).map_err(|error| nss(&error))?.ok_or_else(unknown)?
}

fn reply(user: &User<'_>) -> Result<Reply, ProviderError> {
    let MemberOf { has_primary, names } = MemberOf::of(user).map_err(|error| nss(&error))?;
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let password = Password::of(user.name).map_err(|error| nss(&error))?;
    Reply::json(&Row::new(user, has_primary, &names, password.as_ref()))
}

fn nss(error: &io::Error) -> ProviderError {
    ProviderError::new("nss", format!("cannot read the account database: {error}"))
}

export_provider!(Users);
