//! One user as the answer shows them. Field names are stable: new ones may join, none changes.
//!
//! | field | |
//! |---|---|
//! | `name`, `uid`, `gid`, `gecos`, `home`, `shell` | as in passwd(5); bytes that are not UTF-8 become U+FFFD |
//! | `group` | the primary group's name; null where no group has that gid |
//! | `groups` | all groups by name, the primary one first |
//! | `password` | `set`, `locked`, `disabled`, `none`, `missing`: see [`State`](crate::password::State) |
//!
//! And, unless the user has no shadow entry (`missing`), from shadow(5):
//!
//! | field | |
//! |---|---|
//! | `last_change` | the day the password was changed last, `2026-01-31`, or null |
//! | `must_change` | whether the next login asks for a new one |
//! | `min_days`, `max_days`, `warn_days`, `inactive_days` | its ageing, null where empty |
//! | `password_expires` | the day the password must be changed; null: never |
//! | `expires` | the day the account itself ends; null: never |

use agent_sys::accounts::User;

use crate::groups::Groups;
use crate::json::Writer;
use crate::password::{Ageing, Day, Password};

/// Writes one user as a JSON object.
pub(crate) fn write<'g>(
    out: &mut Writer,
    user: &User<'_>,
    groups: Groups<'g, impl Iterator<Item = &'g str>>,
    password: Option<&Password>,
) {
    out.raw("{\"name\":").string(user.name);
    out.raw(",\"uid\":").number(user.uid);
    out.raw(",\"gid\":").number(user.gid);
    out.raw(",\"group\":").raw(groups.primary.unwrap_or("null"));
    out.raw(",\"groups\":[");
    for (i, name) in groups.primary.into_iter().chain(groups.others).enumerate() {
        out.raw(if i == 0 { "" } else { "," }).raw(name);
    }
    out.raw("],\"gecos\":").string(user.gecos);
    out.raw(",\"home\":").string(user.home);
    out.raw(",\"shell\":").string(user.shell);
    match password {
        None => out.raw(",\"password\":\"missing\"}"),
        Some(password) => {
            out.raw(",\"password\":\"").raw(password.state.word()).raw("\"");
            ageing(out, &password.ageing);
            out.raw("}")
        }
    };
}

fn ageing(out: &mut Writer, ageing: &Ageing) {
    day(out.raw(",\"last_change\":"), ageing.last_change);
    out.raw(",\"must_change\":").raw(if ageing.must_change { "true" } else { "false" });
    count(out.raw(",\"min_days\":"), ageing.min_days);
    count(out.raw(",\"max_days\":"), ageing.max_days);
    count(out.raw(",\"warn_days\":"), ageing.warn_days);
    count(out.raw(",\"inactive_days\":"), ageing.inactive_days);
    day(out.raw(",\"password_expires\":"), ageing.password_expires);
    day(out.raw(",\"expires\":"), ageing.expires);
}

fn count(out: &mut Writer, days: Option<u32>) {
    match days {
        Some(days) => out.number(days),
        None => out.raw("null"),
    };
}

fn day(out: &mut Writer, day: Option<Day>) {
    match day {
        Some(day) => out.raw("\"").raw(&day.to_string()).raw("\""),
        None => out.raw("null"),
    };
}
