//! Links that log an operator in: stored by their digests, and deleted at their first use.

use super::operators::enabled;
use crate::store::postgres::change::ChangeError;
use crate::store::postgres::params;
use crate::store::postgres::sql::Sql;
use crate::store::{LoginLinkRow, MAX_LOGIN_LINKS};
use fleet::{Digest, UnixMillis};

/// Stores a link, in place of the one that expires first where there are too many.
pub(super) async fn create(sql: &Sql, link: &LoginLinkRow) -> Result<(), ChangeError> {
    enabled(sql, &link.operator).await?;
    sql.run(
        "DELETE FROM login_links WHERE digest IN (SELECT digest FROM login_links \
         WHERE expires_at > 0 ORDER BY expires_at DESC OFFSET $1)",
        params![MAX_LOGIN_LINKS.cast_signed() - 1],
    )
    .await?;
    sql.run(
        "INSERT INTO login_links (digest, operator, expires_at) VALUES ($1, $2, $3)",
        params![&link.digest.as_bytes()[..], link.operator, link.expires_at],
    )
    .await?;
    Ok(())
}

/// Uses a link up; returns its operator, unless the link is good no more.
pub(super) async fn take(
    sql: &Sql,
    digest: &Digest,
    now: UnixMillis,
) -> Result<Option<String>, ChangeError> {
    let taken = sql
        .first(
            "DELETE FROM login_links WHERE digest = $1 RETURNING operator, expires_at",
            params![&digest.as_bytes()[..]],
            |row| Ok((row.try_get::<_, String>(0)?, row.try_get::<_, UnixMillis>(1)?)),
        )
        .await?;
    Ok(taken.filter(|(_, expires)| now < *expires).map(|(operator, _)| operator))
}
