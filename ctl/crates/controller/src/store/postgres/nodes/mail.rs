//! Letters between nodes, in the table `mail`, and which node has which host, in `presence`.
//!
//! A letter is taken by whoever deletes it: it is read once, or never, if the node ends in between.

use crate::store::postgres::change::{ChangeError, Transaction};
use crate::store::postgres::error::DbError;
use crate::store::postgres::params;
use crate::store::postgres::sql::Sql;
use crate::store::{Letter, MAX_LETTER, PlaceChange, StoreError, milliseconds};
use std::time::SystemTime;

/// Letters that are taken at once, and bytes of them, unless one alone has more.
const AT_ONCE: i64 = 256;
const BYTES: i64 = 16 << 20;

/// Writes letters. One to a node that has gone is nobody's.
const POST: &str = "\
    INSERT INTO mail (recipient, at, body) SELECT l.recipient, $3, l.body \
    FROM unnest($1::integer[], $2::bytea[]) WITH ORDINALITY AS l (recipient, body, place) \
    JOIN nodes n ON n.number = l.recipient WHERE NOT n.is_settled ORDER BY l.place";

const TAKE: &str = "\
    DELETE FROM mail WHERE number IN \
    (SELECT number FROM (SELECT number, sum(octet_length(body)) OVER (ORDER BY number) \
    - octet_length(body) AS before FROM (SELECT number, body FROM mail WHERE recipient = $1 \
    ORDER BY number LIMIT $2) oldest) summed WHERE before <= $3) RETURNING number, body";

const PLACES: &str = "SELECT host, node FROM presence WHERE node IS NOT NULL AND node <> $1";

/// Writes letters.
pub(super) async fn post(transaction: &Transaction, letters: &[Letter]) -> Result<(), ChangeError> {
    if letters.iter().any(|letter| letter.body.len() > MAX_LETTER) {
        let why = format!("a letter to another node has more than {MAX_LETTER} bytes");
        return Err(StoreError::Conflict(why).into());
    }
    let to: Vec<i32> = letters.iter().map(|letter| letter.to).collect();
    let bodies: Vec<&[u8]> = letters.iter().map(|letter| &*letter.body).collect();
    let now = milliseconds(SystemTime::now());
    transaction.sql.run(POST, params![to, bodies, now]).await?;
    Ok(())
}

/// Takes the oldest letters to this node.
pub(super) async fn take(transaction: &Transaction) -> Result<Vec<Vec<u8>>, ChangeError> {
    let Some(node) = transaction.node else { return Ok(Vec::new()) };
    let read = |row: &tokio_postgres::Row| Ok((row.try_get(0)?, row.try_get(1)?));
    let mut taken: Vec<(i64, Vec<u8>)> =
        transaction.sql.all(TAKE, params![node, AT_ONCE, BYTES], read).await?;
    taken.sort_unstable_by_key(|(number, _)| *number);
    Ok(taken.into_iter().map(|(_, body)| body).collect())
}

/// Says that this node has these hosts' channels.
pub(super) async fn has_hosts(
    transaction: &mut Transaction,
    hosts: &[String],
) -> Result<(), ChangeError> {
    let Some(node) = transaction.node else { return Ok(()) };
    // A host may have gone to another node already, and this one does not know it yet.
    let has = "UPDATE presence SET node = $1, departure = NULL \
               WHERE host = ANY($2) AND (node IS NULL OR node = $1) RETURNING host";
    let place = |row: &tokio_postgres::Row| {
        Ok(PlaceChange { host: row.try_get(0)?, from: node, is_there: true })
    };
    let places = transaction.sql.all(has, params![node, hosts], place).await?;
    transaction.effects.moves.places.extend(places);
    Ok(())
}

/// Returns the hosts whose channels other nodes have than this one.
pub(super) async fn places(sql: &Sql, own: Option<i32>) -> Result<Vec<(String, i32)>, DbError> {
    let own = own.unwrap_or_default();
    sql.all(PLACES, params![own], |row| Ok((row.try_get(0)?, row.try_get(1)?))).await
}
