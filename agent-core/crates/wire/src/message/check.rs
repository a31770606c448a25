//! `exec.check`: asks what another request would meet (§5).

use crate::{InvalidParams, Method, Params};

/// The most bytes of a method's name, and of a controller's (RFC 1035 §2.3.4).
const MAX_NAME: usize = 253;

/// The fields of `exec.check` beside those of the request that it asks about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecCheck {
    /// The request's method.
    pub method: Method,
    /// The name of the controller that would send it; heeded only from the host's own root.
    pub controller: Option<String>,
}

impl ExecCheck {
    /// Reads `check` (`async.bash` when absent) and `controller`.
    ///
    /// # Errors
    /// When one of them is no name, or it would check itself.
    pub fn parse(params: Params<'_>) -> Result<Self, InvalidParams> {
        let method = params.short_text("check", MAX_NAME)?.map_or(Method::AsyncBash, Method::parse);
        if method == Method::ExecCheck {
            return Err(InvalidParams("check must be another method than exec.check".to_owned()));
        }
        let controller = params.short_text("controller", MAX_NAME)?.map(str::to_owned);
        Ok(Self { method, controller })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn it_asks_about_a_task_unless_it_names_another_method() {
        let parse = |fields: serde_json::Value| {
            ExecCheck::parse(Params::new(fields.as_object().unwrap())).map(|check| check.method)
        };
        assert_eq!(parse(json!({})), Ok(Method::AsyncBash));
        assert_eq!(parse(json!({"check": "sync.bash"})), Ok(Method::SyncBash));
        assert_eq!(
            parse(json!({"check": "getinfo.os"})),
            Ok(Method::Provider("getinfo.os".to_owned()))
        );
        for wrong in [json!("exec.check"), json!(""), json!(1), json!("x".repeat(254))] {
            assert!(parse(json!({ "check": wrong })).is_err());
        }
    }
}
