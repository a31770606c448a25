//! What goes where: the tables and columns of both schemas, paired.
//!
//! Both schemas are read from the databases, so a table or column that is added to both is moved
//! without a change here. [`CHANGED`] and the other lists hold the differences; whatever they do not
//! explain is an error, which a test of this module would show first.

use super::SharedTable;
use super::error::{self, MigrateError};
use super::value::Kind;
use crate::store::MigrationTarget;
use rusqlite::Connection;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Tables of the source that the target does without.
const DROPPED: &[&str] = &[
    "places",          // the numbers from 1 to 128, for SQLite's own triggers
    "schedule_counts", // PostgreSQL counts when it is asked
];

/// Tables that the target keeps for itself.
pub(super) const OWN: &[&str] =
    &["ca", "controller", "mail", "marks", "news", "nodes", "refinery_schema_history"];

/// Tables whose texts cannot be changed.
const SEALED: &[&str] = &["events"];

/// Columns of the source that the target does without: it finds the uses of a document, and the
/// number of a label's host, by its indexes.
const DROPPED_COLUMNS: &[(&str, &str)] =
    &[("fact_documents", "hosts"), ("fact_documents", "uses"), ("labels", "number")];

/// Columns that have another name in the source.
const RENAMED: &[(&str, &str)] = &[("single", "only")];

/// Columns that only the target has: what they are in the source.
const COMPUTED: &[(&str, &str, &str)] = &[
    ("hosts", "certificate_ends", "json_extract(identity, '$.keys.certificate.not_after')"),
    ("open_events", "node", "NULL"),
    ("repeatable", "node", "NULL"),
    ("presence", "node", "NULL"),
];

/// A column that is the SHA-256 of another one where the source has none, as in the first version.
const DIGESTS: &[(&str, &str, &str)] = &[("results", "digest", "event")];

/// Tables that the source has in another shape: the columns of the target, in order.
const CHANGED: &[(&str, &str)] = &[
    (
        "host_counts",
        "SELECT 1, (SELECT hosts FROM host_counts WHERE state = 'active'), \
         (SELECT hosts FROM host_counts WHERE state = 'pending'), \
         (SELECT hosts FROM host_counts WHERE state = 'quarantined'), \
         (SELECT hosts FROM host_counts WHERE state = 'banned')",
    ),
    // The first of the shares has everything; only their sum counts.
    (
        "fact_totals",
        "WITH RECURSIVE s (share) AS (SELECT 0 UNION ALL SELECT share + 1 FROM s WHERE share < 15) \
         SELECT share, CASE share WHEN 0 THEN (SELECT bytes FROM fact_totals) ELSE 0 END FROM s",
    ),
    // Documents without a use wait to be deleted: the target looks at those in this table.
    (
        "fact_released",
        "SELECT row_number() OVER (ORDER BY number), number FROM fact_documents WHERE uses = 0",
    ),
];

/// What is moved.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) tables: Vec<SharedTable>,
}

/// A table of the target, and how its rows are read from the source.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: String,
    pub(super) columns: Vec<Column>,
    /// The columns' values in the source.
    pub(super) select: String,
    /// The places of the primary key's columns.
    pub(super) key: Vec<usize>,
    /// The column that PostgreSQL numbers.
    pub(super) identity: Option<String>,
    /// Its texts must stay as they are, to the letter: digests cover them.
    pub(super) is_sealed: bool,
}

/// A column of the target.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) kind: Kind,
    /// The place of the column whose SHA-256 stands for a value that the source lacks.
    pub(super) digest_of: Option<usize>,
}

/// A column as the target has it.
struct Found {
    name: String,
    kind: String,
    is_identity: bool,
}

impl Plan {
    /// Pairs the two schemas.
    ///
    /// # Errors
    /// When a table or column has no counterpart.
    pub(super) async fn read(
        source: &Connection,
        target: &MigrationTarget,
    ) -> Result<Self, MigrateError> {
        let from = source_tables(source).map_err(error::read("sqlite_schema"))?;
        let (to, keys) = target_tables(target).await?;
        pair(&from, &to, &keys)
    }
}

impl Table {
    /// Returns the columns' names, quoted.
    fn names(&self) -> String {
        let names: Vec<String> =
            self.columns.iter().map(|column| format!("\"{}\"", column.name)).collect();
        names.join(", ")
    }

    /// Returns the statement that takes rows.
    pub(super) fn copy_in(&self) -> String {
        format!("COPY \"{}\" ({}) FROM STDIN (FORMAT binary)", self.name, self.names())
    }

    /// Returns the statement that gives all rows, on request in the order of the key.
    pub(super) fn copy_out(&self, ordered: bool) -> String {
        let order = if ordered { self.order() } else { String::new() };
        let names = self.names();
        format!("COPY (SELECT {names} FROM \"{}\"{order}) TO STDOUT (FORMAT binary)", self.name)
    }

    /// Returns the query of the source's rows, on request in the order of the key.
    pub(super) fn query(&self, ordered: bool) -> String {
        if ordered { format!("{}{}", self.select, self.order()) } else { self.select.clone() }
    }

    fn order(&self) -> String {
        let places: Vec<String> = self.key.iter().map(|place| (place + 1).to_string()).collect();
        format!(" ORDER BY {}", places.join(", "))
    }
}

/// Returns the columns of each table of the source.
fn source_tables(source: &Connection) -> rusqlite::Result<BTreeMap<String, BTreeSet<String>>> {
    let mut columns = source.prepare(
        "SELECT t.name, c.name FROM sqlite_schema t JOIN pragma_table_info(t.name) c \
         WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
    )?;
    let mut tables: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut rows = columns.query([])?;
    while let Some(row) = rows.next()? {
        tables.entry(row.get(0)?).or_default().insert(row.get(1)?);
    }
    Ok(tables)
}

type Columns = BTreeMap<String, Vec<Found>>;
type Keys = BTreeMap<String, Vec<String>>;

/// Returns the columns of each table of the target, and of its primary key.
async fn target_tables(target: &MigrationTarget) -> Result<(Columns, Keys), MigrateError> {
    let columns = "SELECT c.relname::text, a.attname::text, format_type(a.atttypid, NULL), \
                   a.attidentity <> '' FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid \
                   WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' \
                   AND a.attnum > 0 AND NOT a.attisdropped ORDER BY c.relname, a.attnum";
    let keys = "SELECT c.relname::text, a.attname::text FROM pg_index i \
                JOIN pg_class c ON c.oid = i.indrelid \
                CROSS JOIN unnest(i.indkey::smallint[]) WITH ORDINALITY AS k (attnum, place) \
                JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum \
                WHERE c.relnamespace = current_schema()::regnamespace AND i.indisprimary \
                ORDER BY c.relname, k.place";
    let failed = || error::server("cannot read the target's schema");
    let (mut found, mut found_keys) = (Columns::new(), Keys::new());
    for row in target.client().query(columns, &[]).await.map_err(failed())? {
        let get = |place| row.try_get::<_, String>(place).map_err(failed());
        let is_identity = row.try_get(3).map_err(failed())?;
        found.entry(get(0)?).or_default().push(Found { name: get(1)?, kind: get(2)?, is_identity });
    }
    for row in target.client().query(keys, &[]).await.map_err(failed())? {
        let get = |place| row.try_get::<_, String>(place).map_err(failed());
        found_keys.entry(get(0)?).or_default().push(get(1)?);
    }
    Ok((found, found_keys))
}

fn pair(
    from: &BTreeMap<String, BTreeSet<String>>,
    to: &Columns,
    keys: &Keys,
) -> Result<Plan, MigrateError> {
    let mut tables = Vec::new();
    for (name, found) in to {
        if OWN.contains(&name.as_str()) || name == MigrationTarget::MARKER {
            continue;
        }
        tables.push(Arc::new(table(name, found, from.get(name), keys)?));
    }
    for name in from.keys() {
        if !to.contains_key(name) && !DROPPED.contains(&name.as_str()) {
            return Err(unplanned(&format!("only the source has the table {name}")));
        }
    }
    Ok(Plan { tables })
}

fn table(
    name: &str,
    found: &[Found],
    from: Option<&BTreeSet<String>>,
    keys: &Keys,
) -> Result<Table, MigrateError> {
    let place_of = |column: &str| found.iter().position(|other| other.name == column);
    let mut columns = Vec::new();
    for column in found {
        let kind = Kind::named(&column.kind).ok_or_else(|| {
            unplanned(&format!("the column {name}.{} is of type {}", column.name, column.kind))
        })?;
        let digest =
            DIGESTS.iter().find(|(of, column_of, _)| *of == name && *column_of == column.name);
        let digest_of = digest.and_then(|(_, _, text)| place_of(text));
        columns.push(Column { name: column.name.clone(), kind, digest_of });
    }
    let key = keys.get(name).map(Vec::as_slice).unwrap_or_default();
    let key: Vec<usize> = key.iter().filter_map(|column| place_of(column)).collect();
    if key.is_empty() {
        return Err(unplanned(&format!("the table {name} has no primary key")));
    }
    let select = match (CHANGED.iter().find(|(changed, _)| *changed == name), from) {
        (Some((_, select)), _) => (*select).to_owned(),
        (None, Some(from)) => select(name, found, from)?,
        (None, None) => return Err(unplanned(&format!("only the target has the table {name}"))),
    };
    let identity = found.iter().find(|column| column.is_identity);
    let identity = identity.map(|column| column.name.clone());
    let is_sealed = SEALED.contains(&name);
    Ok(Table { name: name.to_owned(), columns, select, key, identity, is_sealed })
}

/// Returns the query that gives a table's columns as the target wants them.
fn select(name: &str, found: &[Found], from: &BTreeSet<String>) -> Result<String, MigrateError> {
    let mut left: BTreeSet<&str> = from.iter().map(String::as_str).collect();
    let mut values = Vec::new();
    for Found { name: column, .. } in found {
        let computed = COMPUTED.iter().find(|(table, new, _)| *table == name && new == column);
        if let Some((_, _, value)) = computed {
            values.push((*value).to_owned());
            continue;
        }
        let old = RENAMED.iter().find(|(new, _)| new == column).map_or(&**column, |(_, old)| old);
        if !left.remove(old) {
            return Err(unplanned(&format!("only the target has the column {name}.{column}")));
        }
        values.push(format!("\"{old}\""));
    }
    let unexplained = left.iter().find(|column| !DROPPED_COLUMNS.contains(&(name, column)));
    if let Some(column) = unexplained {
        return Err(unplanned(&format!("only the source has the column {name}.{column}")));
    }
    Ok(format!("SELECT {} FROM \"{name}\"", values.join(", ")))
}

fn unplanned(what: &str) -> MigrateError {
    MigrateError::Unplanned(what.to_owned())
}
