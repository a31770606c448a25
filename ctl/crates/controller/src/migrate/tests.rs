//! The plan over both schemas, and what rows of old versions and odd texts become.

use super::error::MigrateError;
use super::plan::{OWN, Plan};
use super::{finish, prepare, target};
use crate::store::{Address, Bounds, MigrationSource, MigrationTarget, SqliteStore, Store as _};
use rusqlite::Connection;
use test_support::{PostgresDatabase, PostgresServer, Scratch};

/// A stopped controller's state directory without content.
async fn state() -> Scratch {
    let scratch = Scratch::new("migrate");
    SqliteStore::open(scratch.path(), Bounds::generous()).unwrap().close().await;
    scratch
}

fn change(state: &Scratch, text: &str) {
    Connection::open(state.file("results.db")).unwrap().execute_batch(text).unwrap();
}

fn address(database: &PostgresDatabase<'_>) -> Address {
    Address::parse(database.url(), None).unwrap()
}

async fn migrate(state: &Scratch, database: &PostgresDatabase<'_>) -> Result<u64, MigrateError> {
    let (mut source, target, moved) = prepare(state.path(), address(database)).await?;
    finish(&mut source, &target, moved.is_new).await?;
    Ok(moved.rows)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_table_and_column_of_both_schemas_has_its_place() {
    let Some(server) = PostgresServer::shared() else { return };
    let (state, database) = (state().await, server.create());
    let source = MigrationSource::open(state.path()).unwrap();
    let there = MigrationTarget::open(address(&database)).await.unwrap();
    let connection = source.connect().unwrap();
    let plan = Plan::read(&connection, &there).await.unwrap();
    let tables = "SELECT count(*) FROM pg_class WHERE relkind = 'r' \
                  AND relnamespace = 'public'::regnamespace";
    assert_eq!((plan.tables.len() + OWN.len()).to_string(), database.sql(tables));
    target::is_empty(&there, &plan).await.unwrap();

    for (here, text, wanted) in [
        (true, "CREATE TABLE more (x)", "only the source has the table more"),
        (
            true,
            "DROP TABLE more; ALTER TABLE hosts ADD y TEXT",
            "only the source has the column hosts.y",
        ),
        (true, "ALTER TABLE hosts DROP y", ""),
        (false, "CREATE TABLE new (x bigint PRIMARY KEY)", "only the target has the table new"),
        (
            false,
            "DROP TABLE new; ALTER TABLE runs ADD y text",
            "only the target has the column runs.y",
        ),
        (false, "ALTER TABLE runs DROP y", ""),
    ] {
        match here {
            true => change(&state, text),
            false => drop(database.sql(text)),
        }
        match Plan::read(&connection, &there).await {
            Ok(_) => assert_eq!(wanted, "", "{text}"),
            Err(error) => {
                let error = error.to_string();
                assert!(!wanted.is_empty() && error.contains(wanted), "{text}: {error}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_of_old_versions_and_texts_with_nul_are_moved() {
    let Some(server) = PostgresServer::shared() else { return };
    let (state, database) = (state().await, server.create());
    change(
        &state,
        "INSERT INTO results (sequence, host, task, kind, received, event) \
         VALUES (7, 'h', 't', 'async.result', 1, '{}');
         INSERT INTO results (sequence, host, task, kind, received, event) \
         VALUES (9, 'h', 'u', 'async.result', 1, '{}');
         DELETE FROM results WHERE sequence = 9;
         INSERT INTO schedule_hosts (schedule, host, outcome, tried, why, since) \
         VALUES ('s', 'h', 'failed', 'r', 'a' || char(0) || 'b', 1);
         INSERT INTO fact_entries VALUES (1, 'k', 'v' || char(0), 3, 1), (1, 'k', 'w', 3, 0);
         INSERT INTO fact_documents (method, digest, size) VALUES (1, zeroblob(32), 5);
         INSERT INTO hosts (id, state, identity, since, enrolled_at) VALUES ('web-1', 'active', \
         '{\"keys\":{\"certificate\":{\"not_after\":12}}}', 1, 1), ('web-2', 'pending', '{}', 1, 1);
         UPDATE fact_totals SET bytes = 77",
    );
    assert!(migrate(&state, &database).await.unwrap() > 8);
    let told = |text: &str| database.sql(text);
    assert_eq!(
        told("SELECT encode(digest, 'hex') FROM results"),
        "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    );
    assert_eq!(told("SELECT why FROM schedule_hosts"), "a\u{fffd}b");
    assert_eq!(told("SELECT value, present FROM fact_entries ORDER BY value"), "v\u{fffd}|t\nw|f");
    assert_eq!(told("SELECT document FROM fact_released"), "1");
    assert_eq!(told("SELECT sum(bytes), count(*) FROM fact_totals"), "77|16");
    assert_eq!(told("SELECT id, certificate_ends FROM hosts ORDER BY id"), "web-1|12\nweb-2|");
    assert_eq!(told("SELECT active, pending, quarantined, banned FROM host_counts"), "1|1|0|0");
    assert_eq!(told("SELECT count(*) FROM host_names"), "4");
    // A number that was given once is not given again, and triggers work.
    told(
        "INSERT INTO results (host, task, kind, received, event, digest) \
         VALUES ('h', 'v', 'k', 1, '{}', '')",
    );
    assert_eq!(told("SELECT max(sequence) FROM results"), "10");
    told(
        "INSERT INTO hosts (id, state, identity, since, enrolled_at) VALUES ('x', 'banned', '', 1, 1)",
    );
    assert_eq!(told("SELECT number FROM hosts WHERE id = 'x'"), "3");
    assert_eq!(told("SELECT banned FROM host_counts"), "1");
    assert_eq!(told("SELECT count(*) FROM host_names"), "5");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_target_cannot_hold_is_named() {
    let Some(server) = PostgresServer::shared() else { return };
    for (text, wanted) in [
        (
            "INSERT INTO events (sequence, at, action, detail, digest) \
             VALUES (1, 1, 'x', char(0), zeroblob(32))",
            "the table events, column detail: a text holds the character NUL",
        ),
        (
            "INSERT INTO fact_methods VALUES (3000000000, 'getinfo.os')",
            "the table fact_methods, column number: 3000000000 is not between",
        ),
        ("PRAGMA user_version = 6", "start this version of the controller on it once"),
        ("PRAGMA user_version = 99", "made by a newer version"),
    ] {
        let (state, database) = (state().await, server.create());
        change(&state, text);
        let error = migrate(&state, &database).await.unwrap_err().to_string();
        assert!(error.contains(wanted), "{error}");
        let tables = database.sql("SELECT count(*) FROM pg_class WHERE relname = 'hosts'");
        assert!(tables == "0" || database.sql("SELECT count(*) FROM fact_methods") == "0");
    }
}
