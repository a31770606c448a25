//! `getinfo.users`: the accounts of this host, with their groups and the state of their passwords.
//!
//! Everything comes through NSS, so LDAP and systemd users are seen as `getent passwd` sees them.
//! Needs root, for the shadow database; no part of a password hash ever leaves `password`.

mod groups;
mod json;
mod list;
mod login_defs;
mod password;
mod row;
#[cfg(test)]
mod schema;
mod selection;

use std::ffi::CString;
use std::fs::File;
use std::io::{self, ErrorKind};

use agent_sys::accounts::{User, user_by_name, user_by_uid};
use nix::unistd::Uid;
use plugin_api::{Args, Context, Meta, Provider, ProviderError, Reply, export_provider};

use groups::MemberOf;
use json::Writer;
use password::Password;
use selection::Selection;

struct Users;

impl Provider for Users {
    fn describe() -> Meta {
        Meta::new("getinfo.users", env!("CARGO_PKG_VERSION"), "accounts, their groups and password states")
            .usage("-U NAME | -A | -u | -S")
            .arg("-U NAME", "one user, by name or numeric uid")
            .arg("-A", "all users")
            .arg("-u", "ordinary users: UID_MIN to UID_MAX of /etc/login.defs")
            .arg("-S", "system users: the others, root and nobody among them")
            .needs_root()
            .output_schema(include_str!("../schema.json"))
            .example("-U root", "one object")
            .example("-u", "a list of objects")
    }

    fn call(args: &Args, _ctx: &Context) -> Result<Reply, ProviderError> {
        let selection = Selection::parse(args)?;
        need_root()?;
        match selection {
            Selection::One(name) => one(&name),
            Selection::Many(many) => list::json(&many).map(Reply::from_json_text).map_err(|err| nss(&err)),
        }
    }
}

/// The shadow database is root's. In a user namespace uid 0 may still be refused it.
fn need_root() -> Result<(), ProviderError> {
    let readable = match File::open("/etc/shadow") {
        Err(err) => err.kind() != ErrorKind::PermissionDenied,
        Ok(_) => true,
    };
    if Uid::effective().is_root() && readable {
        return Ok(());
    }
    let message = "getinfo.users needs root, to read the password states in /etc/shadow";
    Err(ProviderError::new("needs_root", message))
}

/// A name first: Linux has all-digit names too.
fn one(name: &str) -> Result<Reply, ProviderError> {
    let unknown = || ProviderError::new("no_such_user", format!("no such user: {name}"));
    let c_name = CString::new(name).map_err(|_| unknown())?;
    if let Some(reply) = user_by_name(&c_name, |user| reply(&user)).map_err(|err| nss(&err))? {
        return reply;
    }
    let uid: u32 = name.parse().map_err(|_| unknown())?;
    user_by_uid(uid, |user| reply(&user)).map_err(|err| nss(&err))?.ok_or_else(unknown)?
}

fn reply(user: &User<'_>) -> Result<Reply, ProviderError> {
    let groups = MemberOf::of(user).map_err(|err| nss(&err))?;
    let password = Password::of(user.name).map_err(|err| nss(&err))?;
    let mut out = Writer::default();
    row::write(&mut out, user, groups.as_groups(), password.as_ref());
    Ok(Reply::from_json_text(out.into_text()))
}

fn nss(err: &io::Error) -> ProviderError {
    ProviderError::new("nss", format!("the account database can't be read: {err}"))
}

export_provider!(Users);
