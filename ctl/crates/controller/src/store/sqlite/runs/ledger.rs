//! The books of one transaction, as SQLite keeps them: its numbers follow one another.

use crate::store::sqlite::change::Effects;
use crate::store::sqlite::sql::Sql as _;
use crate::store::steps::{Books, minute};
use fleet::UnixMillis;
use rusqlite::{CachedStatement, Connection, params};

/// The books, and where they are written.
pub(in crate::store::sqlite) struct Ledger<'a> {
    pub(super) sql: &'a Connection,
    /// Counts and changes.
    pub(super) books: Books,
    /// The statements that run for each target.
    prepared: Vec<(&'static str, CachedStatement<'a>)>,
}

impl<'a> Ledger<'a> {
    /// Opens the books.
    pub(in crate::store::sqlite) fn open(
        sql: &'a Connection,
        at: UnixMillis,
    ) -> rusqlite::Result<Self> {
        let last = sql.first("SELECT last FROM target_changes", [], |row| row.get(0))?;
        let books = Books::open(at, last.unwrap_or_default());
        Ok(Self { sql, books, prepared: Vec::new() })
    }

    /// Returns a statement that runs for each target: it is looked up once.
    pub(super) fn prepared(
        &mut self,
        text: &'static str,
    ) -> rusqlite::Result<&mut CachedStatement<'a>> {
        let place = match self.prepared.iter().position(|(known, _)| *known == text) {
            Some(place) => place,
            None => {
                self.prepared.push((text, self.sql.statement(text)?));
                self.prepared.len() - 1
            }
        };
        Ok(&mut self.prepared[place].1)
    }

    /// Writes the books.
    pub(in crate::store::sqlite) fn close(self, effects: &mut Effects) -> rusqlite::Result<()> {
        for ((run, stage), state, targets) in self.books.counts() {
            self.sql.run(
                "INSERT INTO target_counts (run, stage, state, targets) VALUES (?1, ?2, ?3, ?4) \
                 ON CONFLICT (run, stage, state) DO UPDATE SET targets = targets + ?4",
                params![run, stage, state, targets],
            )?;
        }
        let at = minute(self.books.at());
        effects.replies.extend(self.books.replies);
        let changes = &self.books.changes;
        if let (Some(first), Some(last)) = (changes.first(), changes.last()) {
            self.sql.run("UPDATE target_changes SET last = ?", params![last.change])?;
            self.sql.run(
                "INSERT OR IGNORE INTO change_minutes (minute, change) VALUES (?, ?)",
                params![at, first.change],
            )?;
            for (run, change) in self.books.runs {
                self.sql
                    .run("UPDATE runs SET change = ? WHERE number = ?", params![change, run])?;
            }
            effects.runs.extend(self.books.changes);
        }
        Ok(())
    }
}

/// Returns the last change before a time, or before the minute that it is in.
pub(super) fn change_before(sql: &Connection, at: UnixMillis) -> rusqlite::Result<i64> {
    let first = sql.first(
        "SELECT change FROM change_minutes WHERE minute >= ? ORDER BY minute LIMIT 1",
        params![minute(at)],
        |row| row.get::<_, i64>(0),
    )?;
    Ok(first.map_or(i64::MAX, |first| first - 1))
}

/// Returns a change that comes after all those before a time.
pub(super) fn change_after(sql: &Connection, at: UnixMillis) -> rusqlite::Result<i64> {
    let first = sql.first(
        "SELECT change FROM change_minutes WHERE minute > ? ORDER BY minute LIMIT 1",
        params![minute(at)],
        |row| row.get::<_, i64>(0),
    )?;
    Ok(first.unwrap_or(i64::MAX))
}
