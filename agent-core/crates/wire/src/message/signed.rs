//! What says that people want a request (§3): a plan, and their signatures of it.

use crate::{InvalidParams, Params};
use serde_json::{Map, Value};

/// The most signatures of one request.
pub const MAX_SIGNATURES: usize = 8;

/// The most bytes of one signature: an SSH signature of the largest common key has 2 KiB.
pub const MAX_SIGNATURE: usize = 4 << 10;

/// The most bytes of a plan, as JSON: it names its targets by a digest.
pub const MAX_PLAN: usize = 16 << 10;

/// The fields `signatures` and `plan`, which any request may carry. The agent hands them to its
/// policy; they are not part of what the request asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signed {
    /// The signatures, in a form that only the policy knows.
    pub signatures: Vec<String>,
    /// The plan that they sign.
    pub plan: Option<Map<String, Value>>,
}

impl Signed {
    /// Reads both fields; absent ones are empty.
    ///
    /// # Errors
    /// When one of them is of another type, or beyond its bound.
    pub fn parse(params: Params<'_>) -> Result<Self, InvalidParams> {
        let signatures = params.texts("signatures")?;
        if signatures.len() > MAX_SIGNATURES {
            let count = signatures.len();
            return Err(InvalidParams(format!(
                "signatures has {count} signatures; a request may carry {MAX_SIGNATURES}"
            )));
        }
        let fits = |text: &String| (1..=MAX_SIGNATURE).contains(&text.len());
        if let Some(text) = signatures.iter().find(|text| !fits(text)) {
            return Err(InvalidParams(format!(
                "signatures must hold strings of 1 to {MAX_SIGNATURE} bytes, not {} bytes",
                text.len()
            )));
        }
        let plan = params.object("plan")?;
        if let Some(plan) = plan {
            let bytes = serde_json::to_vec(plan).map_or(usize::MAX, |text| text.len());
            if bytes > MAX_PLAN {
                return Err(InvalidParams(format!(
                    "plan has {bytes} bytes as JSON; a request may carry {MAX_PLAN}"
                )));
            }
        }
        Ok(Self { signatures, plan: plan.cloned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parse(fields: &Value) -> Result<Signed, InvalidParams> {
        Signed::parse(Params::new(fields.as_object().unwrap()))
    }

    #[test]
    fn a_request_without_signatures_has_none() {
        assert_eq!(parse(&json!({})), Ok(Signed::default()));
        assert_eq!(parse(&json!({"signatures": null, "plan": null})), Ok(Signed::default()));
    }

    #[test]
    fn signatures_and_plan_are_kept_within_their_bounds() {
        let most = json!({
            "signatures": vec!["x".repeat(MAX_SIGNATURE); MAX_SIGNATURES],
            "plan": {"root": "r".repeat(MAX_PLAN - r#"{"root":""}"#.len())},
        });
        let signed = parse(&most).unwrap();
        assert_eq!(signed.signatures.len(), MAX_SIGNATURES);
        assert_eq!(signed.plan.unwrap()["root"], most["plan"]["root"]);
        for (fields, field) in [
            (json!({"signatures": "x"}), "signatures"),
            (json!({"signatures": [1]}), "signatures"),
            (json!({"signatures": [""]}), "signatures"),
            (json!({"signatures": vec!["x"; MAX_SIGNATURES + 1]}), "signatures"),
            (json!({"signatures": ["x".repeat(MAX_SIGNATURE + 1)]}), "signatures"),
            (json!({"plan": []}), "plan"),
            (json!({"plan": "x"}), "plan"),
            (json!({"plan": {"root": "r".repeat(MAX_PLAN)}}), "plan"),
        ] {
            let error = parse(&fields).unwrap_err();
            assert!(error.0.starts_with(field), "{error}");
        }
    }
}
