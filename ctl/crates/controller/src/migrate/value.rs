//! A value of a column: as SQLite and PostgreSQL give it, as COPY takes it, and in the canonical form
//! that is hashed.

use crate::store::without_nul;
use rusqlite::types::ValueRef;
use std::borrow::Cow;
use tokio_postgres::binary_copy::BinaryCopyOutRow;
use tokio_postgres::types::Type;

/// The type of a column of the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    SmallInt,
    Integer,
    BigInt,
    Boolean,
    Text,
    Bytes,
}

impl Kind {
    /// Returns the kind that PostgreSQL calls so.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "smallint" => Self::SmallInt,
            "integer" => Self::Integer,
            "bigint" => Self::BigInt,
            "boolean" => Self::Boolean,
            "text" => Self::Text,
            "bytea" => Self::Bytes,
            _ => return None,
        })
    }

    /// Returns the type for PostgreSQL's client.
    pub(super) fn of_client(self) -> Type {
        match self {
            Self::SmallInt => Type::INT2,
            Self::Integer => Type::INT4,
            Self::BigInt => Type::INT8,
            Self::Boolean => Type::BOOL,
            Self::Text => Type::TEXT,
            Self::Bytes => Type::BYTEA,
        }
    }
}

/// A value, whichever side it comes from. A boolean is a number here, as in SQLite.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Value<'a> {
    Null,
    Integer(i64),
    Text(Cow<'a, str>),
    Bytes(Cow<'a, [u8]>),
}

impl<'a> Value<'a> {
    /// Takes a value of the source. In a text, U+FFFD stands for NUL, as the store writes it.
    ///
    /// # Errors
    /// When the column of the target cannot hold it: a sentence.
    pub(super) fn of_source(kind: Kind, value: ValueRef<'a>) -> Result<Self, String> {
        let within = |low: i64, high: i64, number: i64| match (low..=high).contains(&number) {
            true => Ok(Self::Integer(number)),
            false => Err(format!("{number} is not between {low} and {high}")),
        };
        match (kind, value) {
            (_, ValueRef::Null) => Ok(Self::Null),
            (Kind::SmallInt, ValueRef::Integer(number)) => {
                within(i16::MIN.into(), i16::MAX.into(), number)
            }
            (Kind::Integer, ValueRef::Integer(number)) => {
                within(i32::MIN.into(), i32::MAX.into(), number)
            }
            (Kind::BigInt, ValueRef::Integer(number)) => Ok(Self::Integer(number)),
            (Kind::Boolean, ValueRef::Integer(number)) => within(0, 1, number),
            (Kind::Text, ValueRef::Text(bytes)) => match std::str::from_utf8(bytes) {
                Ok(text) => Ok(Self::Text(without_nul(text))),
                Err(error) => Err(format!("the text is not UTF-8: {error}")),
            },
            (Kind::Bytes, ValueRef::Blob(bytes)) => Ok(Self::Bytes(Cow::Borrowed(bytes))),
            (_, other) => Err(format!("a value of type {} is there", other.data_type())),
        }
    }

    /// Takes a value of the target.
    pub(super) fn of_target(
        kind: Kind,
        row: &'a BinaryCopyOutRow,
        place: usize,
    ) -> Result<Self, tokio_postgres::Error> {
        let number = |number: Option<i64>| number.map_or(Self::Null, Self::Integer);
        Ok(match kind {
            Kind::SmallInt => number(row.try_get::<Option<i16>>(place)?.map(i64::from)),
            Kind::Integer => number(row.try_get::<Option<i32>>(place)?.map(i64::from)),
            Kind::BigInt => number(row.try_get(place)?),
            Kind::Boolean => number(row.try_get::<Option<bool>>(place)?.map(i64::from)),
            Kind::Text => match row.try_get::<Option<&str>>(place)? {
                Some(text) => Self::Text(Cow::Borrowed(text)),
                None => Self::Null,
            },
            Kind::Bytes => match row.try_get::<Option<&[u8]>>(place)? {
                Some(bytes) => Self::Bytes(Cow::Borrowed(bytes)),
                None => Self::Null,
            },
        })
    }

    /// Appends a field of COPY's binary format (PostgreSQL, "COPY", "Binary Format").
    ///
    /// # Errors
    /// When the value is larger than a field can be.
    pub(super) fn write_field(&self, kind: Kind, row: &mut Vec<u8>) -> Result<(), String> {
        match (self, kind) {
            (Self::Null, _) => row.extend((-1_i32).to_be_bytes()),
            (Self::Integer(number), Kind::SmallInt) => {
                field(&i16::try_from(*number).map_err(large)?.to_be_bytes(), row)?;
            }
            (Self::Integer(number), Kind::Integer) => {
                field(&i32::try_from(*number).map_err(large)?.to_be_bytes(), row)?;
            }
            (Self::Integer(number), Kind::Boolean) => field(&[u8::from(*number != 0)], row)?,
            (Self::Integer(number), _) => field(&number.to_be_bytes(), row)?,
            (Self::Text(text), _) => field(text.as_bytes(), row)?,
            (Self::Bytes(bytes), _) => field(bytes, row)?,
        }
        Ok(())
    }

    /// Appends the canonical form, which tells apart any two rows.
    pub(super) fn write_canonical(&self, row: &mut Vec<u8>) {
        let mut tagged = |tag: u8, bytes: &[u8]| {
            row.push(tag);
            row.extend((bytes.len() as u64).to_be_bytes());
            row.extend(bytes);
        };
        match self {
            Self::Null => tagged(0, &[]),
            Self::Integer(number) => tagged(1, &number.to_be_bytes()),
            Self::Text(text) => tagged(2, text.as_bytes()),
            Self::Bytes(bytes) => tagged(3, bytes),
        }
    }
}

fn field(bytes: &[u8], row: &mut Vec<u8>) -> Result<(), String> {
    row.extend(i32::try_from(bytes.len()).map_err(large)?.to_be_bytes());
    row.extend(bytes);
    Ok(())
}

fn large<E: std::fmt::Display>(error: E) -> String {
    format!("the value is too large: {error}")
}

/// Writes a key for people: long ones are cut, bytes are hexadecimal.
pub(super) fn shown(values: &[Value<'_>]) -> String {
    const MOST: usize = 80;
    let one = |value: &Value<'_>| match value {
        Value::Null => "null".to_owned(),
        Value::Integer(number) => number.to_string(),
        Value::Text(text) => {
            let text: String = text.chars().take(MOST).collect();
            format!("\"{}\"", text.escape_debug())
        }
        Value::Bytes(bytes) => {
            bytes.iter().take(MOST / 2).map(|byte| format!("{byte:02x}")).collect()
        }
    };
    values.iter().map(one).collect::<Vec<_>>().join(", ")
}
