//! Checks the JSON text of somebody else, a plugin for example, before it becomes part of a message
//! unparsed. A reader must not reject the whole message because of it.

use super::{Malformed, quote};
use crate::{DEFAULT_MAX_DEPTH, Retcode};
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// Checks that a reader of this protocol accepts `text` as one value inside a message, `above`
/// levels deep: it is JSON, its numbers and escapes have a value, no object has a key twice, and it
/// does not nest deeper than a message may (§3). Builds no values.
///
/// # Errors
/// [`Malformed`] with [`Retcode::Malformed`], or [`Retcode::TooLarge`] for the nesting.
pub fn check_part(text: &str, above: u32) -> Result<(), Malformed> {
    let mut keys = Keys { path: Vec::new(), too_deep: false };
    let levels = DEFAULT_MAX_DEPTH.saturating_sub(above);
    let mut reader = serde_json::Deserializer::from_str(text);
    let checked = Part { keys: &mut keys, levels }
        .deserialize(&mut reader)
        .and_then(|()| reader.end())
        .map_err(|error| error.to_string());
    match checked {
        Ok(()) => Ok(()),
        Err(_) if keys.too_deep => {
            let message = format!("it nests deeper than {levels} levels");
            Err(Malformed::new(Retcode::TooLarge, message))
        }
        Err(why) => Err(Malformed::new(Retcode::Malformed, why)),
    }
}

/// The keys of the objects from the outermost to the one being read, one after the other.
struct Keys<'de> {
    path: Vec<Cow<'de, str>>,
    too_deep: bool,
}

/// One value, which may have this many levels.
struct Part<'a, 'de> {
    keys: &'a mut Keys<'de>,
    levels: u32,
}

impl<'a, 'de> Part<'a, 'de> {
    /// Returns what the values inside this array or object may have.
    fn inside<E: serde::de::Error>(self) -> Result<(&'a mut Keys<'de>, u32), E> {
        match self.levels.checked_sub(1) {
            Some(levels) => Ok((self.keys, levels)),
            None => {
                self.keys.too_deep = true;
                Err(E::custom("too deep"))
            }
        }
    }
}

impl<'de> DeserializeSeed<'de> for Part<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Part<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let (keys, levels) = self.inside()?;
        while items.next_element_seed(Part { keys: &mut *keys, levels })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let (keys, levels) = self.inside()?;
        let first = keys.path.len();
        while let Some(key) = entries.next_key_seed(Key)? {
            keys.path.push(key);
            entries.next_value_seed(Part { keys: &mut *keys, levels })?;
        }
        let own = keys.path.get_mut(first..).unwrap_or_default();
        own.sort_unstable();
        for pair in own.windows(2) {
            if let [one, next] = pair
                && one == next
            {
                return Err(A::Error::custom(format_args!("duplicate key \"{}\"", quote(one))));
            }
        }
        keys.path.truncate(first);
        Ok(())
    }
}

/// A key, borrowed from the text where it has no escapes.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(key))
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(key.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse_object;
    use super::*;

    /// Returns the message that has the text as its data.
    fn message(part: &str) -> String {
        format!("{{\"id\":\"1\",\"data\":{part}}}")
    }

    #[test]
    fn a_part_is_accepted_exactly_where_the_whole_message_is() {
        let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        let objects = |levels: usize| "{\"a\":".repeat(levels) + "1" + &"}".repeat(levels);
        let mixed = |levels: usize| "[{\"a\":".repeat(levels) + "1" + &"}]".repeat(levels);
        let table = [
            ("null", true),
            (" [1, -0.5e3, true, \"\\u00e9\\ud83d\\ude00\", {}]\n", true),
            (r#"{"a":{"a":1},"b":{"a":1},"c":[{"a":1},{"a":1}]}"#, true),
            (r#"{"a":1,"a":2}"#, false),
            (r#"{"a":1,"\u0061":2}"#, false),
            (r#"[{"x":{"":1,"b":2,"":3}}]"#, false),
            (r#"{"a":1,"b":{"c":1},"a":2}"#, false),
            (r#""\ud800""#, false),
            (r#"{"\udc00":1}"#, false),
            (r#""\ud800\ud800""#, false),
            ("1e999", false),
            ("[-1e999]", false),
            ("1e-999", true),
            ("123456789012345678901234567890", true),
            ("01", false),
            ("NaN", false),
            ("\"\t\"", false),
            ("", false),
            ("1 2", false),
            (&nested(31), true),
            (&nested(32), false),
            (&nested(200), false),
            (&objects(31), true),
            (&objects(32), false),
            (&mixed(15), true),
            (&mixed(16), false),
        ];
        for (part, fits) in table {
            assert_eq!(check_part(part, 1).is_ok(), fits, "{part}: {:?}", check_part(part, 1));
            let mut decoder = crate::Decoder::new(crate::Limits::default());
            decoder.push(message(part).as_bytes());
            let read = match decoder.next_message() {
                Ok(Some(text)) => parse_object(text).is_ok(),
                _ => false,
            };
            assert_eq!(read, fits, "{part}");
        }
    }

    #[test]
    fn the_reason_names_the_key_or_the_levels() {
        let why = |text| check_part(text, 1).unwrap_err();
        assert!(why(r#"{"é\n":1,"é\u000a":2}"#).message.starts_with("duplicate key \"é\\n\""));
        let deep = check_part(&("[".repeat(30) + &"]".repeat(30)), 3).unwrap_err();
        assert_eq!((deep.retcode, deep.message.contains("29 levels")), (Retcode::TooLarge, true));
        assert_eq!(why("1e999").retcode, Retcode::Malformed);
    }
}
