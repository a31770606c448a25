//! Links that log an operator in: stored by their digests, and deleted at their first use.

use super::operator;
use crate::store::sqlite::change::ChangeError;
use crate::store::sqlite::sql::Sql as _;
use crate::store::{LoginLinkRow, MAX_LOGIN_LINKS, StoreError};
use fleet::{Digest, UnixMillis};
use rusqlite::{Connection, params};

/// Stores a link, in place of the one that expires first where there are too many.
pub(super) fn create(sql: &Connection, link: &LoginLinkRow) -> Result<(), ChangeError> {
    if operator(sql, &link.operator)?.is_none_or(|operator| operator.disabled) {
        return Err(StoreError::missing("operator", &link.operator).into());
    }
    sql.run(
        "DELETE FROM login_links WHERE digest IN (SELECT digest FROM login_links \
         WHERE expires_at > 0 ORDER BY expires_at DESC LIMIT -1 OFFSET ?)",
        params![MAX_LOGIN_LINKS.cast_signed() - 1],
    )?;
    sql.run(
        "INSERT INTO login_links (digest, operator, expires_at) VALUES (?, ?, ?)",
        params![link.digest.as_bytes(), link.operator, link.expires_at],
    )?;
    Ok(())
}

/// Uses a link up; returns its operator, unless the link is good no more.
pub(super) fn take(
    sql: &Connection,
    digest: &Digest,
    now: UnixMillis,
) -> rusqlite::Result<Option<String>> {
    let taken = sql.first(
        "DELETE FROM login_links WHERE digest = ? RETURNING operator, expires_at",
        params![digest.as_bytes()],
        |row| Ok((row.get::<_, String>(0)?, row.get::<_, UnixMillis>(1)?)),
    )?;
    Ok(taken.filter(|(_, expires)| now < *expires).map(|(operator, _)| operator))
}
