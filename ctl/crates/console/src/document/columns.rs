//! The columns of a list of things: those that tell most are chosen.

use super::json::Json;
use super::{Schema, name, value};

/// Columns of a table.
const COLUMNS: usize = 6;

/// Names of members that are looked at.
pub(super) const NAMES: usize = 64;

/// A column holds texts up to so many characters; longer ones stand behind the click.
const WIDTH: usize = 64;

/// Names by which people know a thing, the best first.
const KEYS: &[&str] = &[
    "name",
    "target",
    "subject",
    "destination",
    "address",
    "device",
    "path",
    "user",
    "command",
    "key",
    "id",
    "time",
];

/// What is known of a column.
pub(super) struct Column<'a> {
    pub(super) name: &'a str,
    pub(super) schema: Schema<'a>,
    /// Rows that have something there.
    pub(super) filled: usize,
    /// The longest text.
    pub(super) longest: usize,
    /// Whether every row has a number, or nothing.
    pub(super) numbers: bool,
    /// Whether every row has a value in one line.
    pub(super) plain: bool,
    /// The value that all rows have.
    pub(super) same: Option<&'a Json>,
}

/// Returns a column's heading.
pub(super) fn title(column: &Column<'_>) -> String {
    match column.schema.title() {
        Some(title) => title.chars().take(60).collect(),
        None => name::title(column.name),
    }
}

/// Returns what is known of each column, in the provider's order.
pub(super) fn columns<'a>(rows: &[&'a Json], schema: Schema<'a>) -> Vec<Column<'a>> {
    let mut columns: Vec<Column<'a>> = Vec::new();
    for row in rows {
        let Json::Object(members) = row else { continue };
        for (name, value) in members.iter().take(NAMES) {
            let found = columns.iter().position(|column| column.name == name);
            let at = match found {
                Some(at) => at,
                None if columns.len() < NAMES => {
                    let schema = schema.member(name);
                    columns.push(Column {
                        name,
                        schema,
                        filled: 0,
                        longest: 0,
                        numbers: true,
                        plain: true,
                        same: None,
                    });
                    columns.len() - 1
                }
                None => continue,
            };
            let Some(column) = columns.get_mut(at) else { continue };
            column.take(value);
        }
    }
    let order = schema.members();
    let place = |name: &str| order.iter().position(|known| *known == name).unwrap_or(usize::MAX);
    columns.sort_by_key(|column| place(column.name));
    for column in &mut columns {
        let equal = |row: &&&Json| row.member(column.name) == column.same;
        column.same = column.same.filter(|_| rows.iter().filter(equal).count() == rows.len());
    }
    columns
}

impl<'a> Column<'a> {
    fn take(&mut self, value: &'a Json) {
        if value.is_empty() {
            return;
        }
        self.filled += 1;
        self.same.get_or_insert(value);
        self.numbers &= matches!(value, Json::Number(_));
        match value {
            Json::Text(text) if value::time(text).is_none() => {
                self.longest = self.longest.max(text.chars().take(WIDTH + 1).count());
            }
            Json::List(elements) => {
                self.plain &= elements.iter().all(Json::is_scalar) && elements.len() <= 8;
                let texts = elements.iter().take(3).map(|element| match element {
                    Json::Text(text) => text.chars().take(WIDTH + 1).count(),
                    _ => 8,
                });
                self.longest = self.longest.max(texts.sum());
            }
            Json::Object(_) => self.plain = false,
            _ => {}
        }
    }
}

/// Chooses the columns, and the values that all rows have.
pub(super) fn choose<'t, 'a>(
    all: &'t [Column<'a>],
    rows: usize,
) -> (Vec<&'t Column<'a>>, Vec<(&'t Column<'a>, &'a Json)>) {
    let has = |name: &str| all.iter().any(|column| column.name == name && column.filled > 0);
    let useful = |column: &&Column<'_>| {
        column.filled > 0 && column.plain && !name::repeats(column.name, has)
    };
    let is_same = |column: &Column<'_>| rows > 3 && column.same.is_some();
    let key = KEYS.iter().find_map(|key| {
        all.iter().find(|column| column.name == *key && column.plain && column.filled > 0)
    });
    let mut chosen: Vec<&Column<'a>> = key.into_iter().collect();
    let fits = |column: &&Column<'a>| {
        !is_same(column) && column.longest <= WIDTH && column.filled * 5 >= rows
    };
    for column in all.iter().filter(useful).filter(fits) {
        if chosen.len() < COLUMNS && !chosen.iter().any(|other| other.name == column.name) {
            chosen.push(column);
        }
    }
    if chosen.is_empty() {
        chosen.extend(all.iter().filter(useful).take(1));
    }
    let same = all
        .iter()
        .filter(useful)
        .filter(|column| is_same(column) && column.longest <= WIDTH / 2)
        .filter(|column| !chosen.iter().any(|other| other.name == column.name))
        .filter_map(|column| Some((column, column.same?)))
        .take(COLUMNS)
        .collect();
    (chosen, same)
}
