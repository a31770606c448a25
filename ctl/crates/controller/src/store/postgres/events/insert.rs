//! Lines of the audit log on their way into the tables, as columns.

use crate::store::audit_line::outcome_name;
use crate::store::document::document;
use crate::store::postgres::error::DbError;
use crate::store::postgres::params;
use crate::store::postgres::sql::Sql;
use fleet::audit::{Anchor, Body, Entry};
use fleet::{Digest, UnixMillis};
use futures_util::future::try_join3;

const INSERT: &str = "\
    INSERT INTO events \
    (sequence, at, ends, outcome, actor, source, action, hosts, detail, digest) \
    SELECT sequence, $2, ends, outcome, actor, source, action, hosts, detail, digest \
    FROM unnest($1::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[], \
    $8::text[], $9::text[], $10::bytea[]) \
    AS new (sequence, ends, outcome, actor, source, action, hosts, detail, digest)";

const NAME_HOSTS: &str = "\
    INSERT INTO event_hosts (host, sequence) \
    SELECT host, sequence FROM unnest($1::text[], $2::bigint[]) AS named (host, sequence) \
    ON CONFLICT DO NOTHING";

const MOVE_HEAD: &str = "UPDATE event_chain SET head = $1, head_digest = $2";

/// Lines, as columns.
#[derive(Default)]
pub(super) struct Lines {
    sequences: Vec<i64>,
    ends: Vec<Option<i64>>,
    outcomes: Vec<Option<&'static str>>,
    actors: Vec<Option<String>>,
    sources: Vec<Option<String>>,
    actions: Vec<Option<String>>,
    hosts: Vec<Option<String>>,
    details: Vec<Option<String>>,
    digests: Vec<Digest>,
    /// The hosts of each event.
    named: (Vec<String>, Vec<i64>),
}

impl Lines {
    /// Adds a line.
    pub(super) fn add(&mut self, entry: Entry, digest: Digest) {
        self.sequences.push(entry.sequence);
        self.digests.push(digest);
        match entry.body {
            Body::Begun(event) => {
                self.ends.push(None);
                self.outcomes.push(None);
                self.actors.push(Some(event.actor));
                self.sources.push(event.source);
                self.actions.push(Some(event.action));
                self.hosts.push(Some(document(&event.hosts)));
                self.details.push(event.detail);
                for host in event.hosts {
                    self.named.0.push(host);
                    self.named.1.push(entry.sequence);
                }
            }
            Body::Ended { begun, outcome, detail } => {
                self.ends.push(Some(begun));
                self.outcomes.push(Some(outcome_name(outcome)));
                self.actors.push(None);
                self.sources.push(None);
                self.actions.push(None);
                self.hosts.push(None);
                self.details.push(detail);
            }
        }
    }

    /// Inserts the lines, of which the last one is the log's new head.
    pub(super) async fn insert(
        self,
        sql: &Sql,
        head: Anchor,
        at: UnixMillis,
    ) -> Result<(), DbError> {
        let digests: Vec<&[u8]> = self.digests.iter().map(|line| &line.as_bytes()[..]).collect();
        let lines = params![
            self.sequences,
            at,
            self.ends,
            self.outcomes,
            self.actors,
            self.sources,
            self.actions,
            self.hosts,
            self.details,
            digests
        ];
        // Sent together, run one after the other.
        try_join3(
            sql.run(INSERT, lines),
            async {
                match self.named.0.is_empty() {
                    true => Ok(0),
                    false => sql.run(NAME_HOSTS, params![self.named.0, self.named.1]).await,
                }
            },
            sql.run(MOVE_HEAD, params![head.sequence, &head.digest.as_bytes()[..]]),
        )
        .await?;
        Ok(())
    }
}
