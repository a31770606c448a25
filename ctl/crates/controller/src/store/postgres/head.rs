//! The head of an event: all of it but its output.

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// Returns an event without its member `data`; one that is no object stays as it is.
pub(super) fn without_output(event: String) -> String {
    let Ok(Members(kept)) = serde_json::from_str::<Members<'_>>(&event) else { return event };
    let members: Vec<String> = kept
        .iter()
        .map(|(name, value)| {
            let name = serde_json::to_string(name).expect("a text is written to memory");
            format!("{name}:{}", value.get())
        })
        .collect();
    format!("{{{}}}", members.join(","))
}

/// The members of an object that stay, in order.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> serde::Deserialize<'de> for Members<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Kept;
        impl<'de> Visitor<'de> for Kept {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut kept = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    if name == "data" {
                        map.next_value::<IgnoredAny>()?;
                    } else {
                        kept.push((name, map.next_value()?));
                    }
                }
                Ok(Members(kept))
            }
        }
        deserializer.deserialize_map(Kept)
    }
}

#[cfg(test)]
mod tests {
    use super::without_output;

    #[test]
    fn the_output_is_taken_out_and_nothing_else_changes() {
        for (event, head) in [
            (
                r#"{"id": "a\u0000", "data": {"out": "x\u0000"}, "n": 18446744073709551617}"#,
                r#"{"id":"a\u0000","n":18446744073709551617}"#,
            ),
            ("{\"data\":1}", "{}"),
            ("[1, 2]", "[1, 2]"),
            ("{", "{"),
        ] {
            assert_eq!(without_output(event.to_owned()), head);
        }
    }
}
