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
    use rusqlite::Connection;

    /// Tables of a few rows, whatever the fleet's size.
    const SMALL: [&str; 5] = ["clock", "host_counts", "event_chain", "own_roles", "open_events"];

    /// Panics if SQLite would read a growing table, or sort rows of one, for this statement.
    pub(super) fn check(connection: &Connection, sql: &str) {
        let mut explained = connection
            .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
            .unwrap_or_else(|error| panic!("{error}: {sql}"));
        let parameters = explained.parameter_count();
        let nulls = vec![rusqlite::types::Null; parameters];
        let steps: Vec<String> = explained
            .query_map(rusqlite::params_from_iter(nulls), |row| row.get("detail"))
            .unwrap()
            .collect::<rusqlite::Result<_>>()
            .unwrap();
        for step in &steps {
            assert!(!scans(step), "{step}, for {sql}");
        }
    }

    fn scans(step: &str) -> bool {
        let Some(table) = step.strip_prefix("SCAN ") else { return false };
        let table = table.split(' ').next().unwrap_or_default();
        // A constant row, a list of values, or the rows of a subquery that is checked itself.
        !matches!(table, "CONSTANT" | "json_each" | "SUBQUERY") && !SMALL.contains(&table)
    }

    #[test]
    fn a_statement_that_reads_a_growing_table_from_end_to_end_is_found() {
        let database = Connection::open_in_memory().unwrap();
        database.execute_batch("CREATE TABLE hosts (id TEXT PRIMARY KEY, x) WITHOUT ROWID").unwrap();
        let found = |sql: &str| std::panic::catch_unwind(|| check(&database, sql)).is_err();
        assert!(found("SELECT * FROM hosts WHERE x = ?"));
        assert!(found("DELETE FROM hosts WHERE x = ?"));
        assert!(!found("SELECT * FROM hosts WHERE id > ? ORDER BY id LIMIT ?"));
        assert!(!found("INSERT INTO hosts VALUES (?, ?)"));
    }
}
