//! The schema's history, from an empty database and from one of the first version.

use super::*;

/// The schema as the first version wrote it, to the letter.
const FIRST: &str = "
    CREATE TABLE results (
        sequence INTEGER PRIMARY KEY AUTOINCREMENT,
        host TEXT NOT NULL,
        task TEXT NOT NULL,
        kind TEXT NOT NULL,         -- the event's method
        received INTEGER NOT NULL,  -- milliseconds since 1970, UTC
        event TEXT NOT NULL,        -- the event's JSON as it came
        UNIQUE (host, task)
    ) STRICT;
    CREATE INDEX results_of_a_host ON results (host, sequence);
    CREATE INDEX results_by_age ON results (received);
    PRAGMA user_version = 1;
";

fn schema(connection: &Connection) -> Vec<(String, String)> {
    connection
        .prepare("SELECT name, coalesce(sql, '') FROM sqlite_master ORDER BY name")
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .collect::<rusqlite::Result<_>>()
        .unwrap()
}

fn database() -> Connection {
    Connection::open_in_memory().unwrap()
}

#[test]
fn migrations_are_numbered_without_gaps() {
    let numbers: Vec<u32> = MIGRATIONS.iter().map(|migration| migration.number).collect();
    assert_eq!(numbers, (1..=u32::try_from(MIGRATIONS.len()).unwrap()).collect::<Vec<_>>());
}

#[test]
fn a_database_of_the_first_version_keeps_its_schema_and_content() {
    let mut old = database();
    old.execute_batch(FIRST).unwrap();
    old.execute(
        "INSERT INTO results (host, task, kind, received, event) VALUES ('h', 't', 'k', 1, '{}')",
        [],
    )
    .unwrap();
    apply(&mut old, MIGRATIONS).unwrap();
    let row: (u32, String, u32) = old
        .query_row(
            "SELECT sequence, event, bytes FROM results JOIN usage USING (host)",
            [],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .unwrap();
    assert_eq!(row, (1, "{}".to_owned(), 514));
    // A sequence number is not used again, even if its row was deleted before the migration.
    let mut emptied = database();
    emptied.execute_batch(FIRST).unwrap();
    emptied.execute_batch("INSERT INTO results VALUES (7, 'h', 't', 'k', 1, '{}')").unwrap();
    emptied.execute_batch("DELETE FROM results").unwrap();
    apply(&mut emptied, MIGRATIONS).unwrap();
    emptied
        .execute_batch("INSERT INTO results VALUES (NULL, 'h', 't', 'k', 1, '{}', NULL)")
        .unwrap();
    let next: u32 =
        emptied.query_row("SELECT sequence FROM results", [], |row| row.get(0)).unwrap();
    assert_eq!(next, 8);
    let mut new = database();
    apply(&mut new, MIGRATIONS).unwrap();
    assert_eq!(schema(&old), schema(&new));
    assert_eq!(version(&old).unwrap(), version(&new).unwrap());
    // What the first migration makes is what the first version made.
    let mut first = database();
    first.execute_batch(FIRST).unwrap();
    let mut migrated = database();
    apply(&mut migrated, &MIGRATIONS[..1]).unwrap();
    assert_eq!(schema(&first), schema(&migrated));
    apply(&mut first, &MIGRATIONS[..1]).unwrap();
}

#[test]
fn a_migration_that_fails_is_rolled_back_and_those_before_it_stay() {
    let good = Migration { number: 1, sql: "CREATE TABLE a (x)" };
    let bad = Migration { number: 2, sql: "CREATE TABLE b (x); CREATE TABLE a (x)" };
    let mended = Migration { number: 2, sql: "CREATE TABLE b (x)" };
    let mut connection = database();
    let error = apply(&mut connection, &[good, bad]).unwrap_err();
    assert!(matches!(error, MigrationError::Failed { number: 2, .. }), "{error}");
    assert_eq!((version(&connection).unwrap(), schema(&connection).len()), (1, 1));
    for _ in 0..2 {
        apply(&mut connection, &[good, mended]).unwrap();
        assert_eq!((version(&connection).unwrap(), schema(&connection).len()), (2, 2));
    }
}

#[test]
fn a_newer_database_is_left_alone() {
    let mut connection = database();
    connection.pragma_update(None, "user_version", 99).unwrap();
    let error = apply(&mut connection, MIGRATIONS).unwrap_err().to_string();
    assert!(error.contains("99") && error.contains("upgrade the controller"), "{error}");
    assert_eq!((version(&connection).unwrap(), schema(&connection).len()), (99, 0));
}
