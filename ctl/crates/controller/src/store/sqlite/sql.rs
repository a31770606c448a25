//! How statements are run: prepared once per connection, and in tests never without an index.

use rusqlite::{CachedStatement, Connection, OptionalExtension as _, Params, Row};

/// Statements that a connection keeps prepared.
pub(super) const PREPARED: usize = 256;

/// Runs statements on a connection, or within its transaction.
pub(super) trait Sql {
    /// Returns the statement, prepared. Under test, a statement that reads a growing table from end
    /// to end panics.
    fn statement(&self, sql: &str) -> rusqlite::Result<CachedStatement<'_>>;

    /// Runs a statement that returns no row; returns the number of rows that it changed.
    fn run(&self, sql: &str, params: impl Params) -> rusqlite::Result<usize> {
        self.statement(sql)?.execute(params)
    }

    /// Returns the first row, if there is one.
    fn first<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Option<T>> {
        self.statement(sql)?.query_row(params, read).optional()
    }

    /// Returns every row; the statement bounds their number.
    fn all<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Vec<T>> {
        self.statement(sql)?.query_map(params, read)?.collect()
    }
}

impl Sql for Connection {
    fn statement(&self, sql: &str) -> rusqlite::Result<CachedStatement<'_>> {
        #[cfg(test)]
        plan::check(self, sql);
        self.prepare_cached(sql)
    }
}

/// The check of each statement's plan.
#[cfg(test)]
mod plan {
    use crate::store::conformance::SMALL;
    use parking_lot::Mutex;
    use rusqlite::Connection;
    use rusqlite::types::Null;
    use std::collections::BTreeSet;

    /// The statements that were checked.
    static CHECKED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

    /// Panics if SQLite would read much for this statement where little is enough.
    pub(super) fn check(connection: &Connection, sql: &str) {
        if CHECKED.lock().insert(sql.to_owned()) {
            let slow = slow(connection, sql).unwrap_or_else(|error| panic!("{error}: {sql}"));
            assert_eq!(slow, None, "{sql}");
        }
    }

    /// Returns the step of the statement's plan that reads a growing table from end to end, or all
    /// hosts of a label for each host.
    fn slow(connection: &Connection, sql: &str) -> rusqlite::Result<Option<String>> {
        let mut explained = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
        let nulls = vec![Null; explained.parameter_count()];
        let steps: Vec<String> = explained
            .query_map(rusqlite::params_from_iter(nulls), |row| row.get("detail"))?
            .collect::<rusqlite::Result<_>>()?;
        Ok(steps.into_iter().find(|step| is_scan(step) || is_search_for_one_host(step)))
    }

    /// Returns whether the step looks up a label of one host among those of all hosts. What gives
    /// hosts by a label calls the table `l`; who looks up a host's label does not.
    fn is_search_for_one_host(step: &str) -> bool {
        step.starts_with("SEARCH labels ") && step.contains("host>?")
    }

    fn is_scan(step: &str) -> bool {
        let Some(table) = step.strip_prefix("SCAN ") else { return false };
        let table = table.split(' ').next().unwrap_or_default();
        // A constant row, or the rows of a subquery whose own step is checked.
        !matches!(table, "CONSTANT" | "(subquery-1)" | "(subquery-2)") && !SMALL.contains(&table)
    }

    #[test]
    fn a_statement_that_reads_a_growing_table_from_end_to_end_is_found() {
        let database = Connection::open_in_memory().unwrap();
        database
            .execute_batch("CREATE TABLE hosts (id TEXT PRIMARY KEY, x) WITHOUT ROWID")
            .unwrap();
        let found = |sql: &str| slow(&database, sql).unwrap().is_some();
        assert!(found("SELECT * FROM hosts WHERE x = ?"));
        assert!(found("SELECT count(*) FROM (SELECT 1 FROM hosts WHERE x = ?)"));
        assert!(found("DELETE FROM hosts WHERE x = ?"));
        assert!(!found("SELECT * FROM hosts WHERE id > ? ORDER BY id LIMIT ?"));
        assert!(!found("INSERT INTO hosts VALUES (?, ?)"));
    }

    #[test]
    fn a_statement_that_looks_up_a_hosts_label_among_all_hosts_is_found() {
        let database = Connection::open_in_memory().unwrap();
        database
            .execute_batch(
                "CREATE TABLE labels (host TEXT, key TEXT, value TEXT, PRIMARY KEY (host, key)) \
                 WITHOUT ROWID; \
                 CREATE INDEX labels_by_value ON labels (key, value, host); \
                 CREATE INDEX labels_by_key ON labels (key, host, value)",
            )
            .unwrap();
        let found = |also: &str| {
            let sql = format!(
                "SELECT l.host FROM labels l WHERE l.key = ? AND l.value = ? AND EXISTS \
                 (SELECT 1 FROM labels WHERE host = l.host AND key = ? AND {also} IN (?)) \
                 AND l.host > ? ORDER BY l.host LIMIT ?"
            );
            slow(&database, &sql).unwrap().is_some()
        };
        assert!(found("value"));
        assert!(!found("+value"));
    }
}
