//! Patterns of names in a rule: methods (`async.*`) and controllers (`*.ops.example.com`).

use agent_wire::Family;

/// The longest DNS name (RFC 1035 §2.3.4).
const MAX_NAME: usize = 253;

/// A method, or all methods that begin so.
#[derive(Debug)]
pub(super) enum MethodPattern {
    Exact(String),
    /// With its dot at the end.
    Begins(String),
}

impl MethodPattern {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (name, is_family) = match text.strip_suffix(".*") {
            Some(name) => (name, true),
            None => (text, false),
        };
        let mut segments = name.split('.');
        let family = segments.next().unwrap_or_default();
        let is_name = |segment: &str| {
            segment.starts_with(|c: char| c.is_ascii_lowercase())
                && segment.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        };
        match Family::parse(family) {
            Some(Family::Cert) => {
                return Err(format!(
                    "\"{text}\": the policy does not apply to the host's own certificate (cert.*)"
                ));
            }
            Some(Family::Exec) => {
                return Err(format!(
                    "\"{text}\": exec.check is judged as the request that it asks about"
                ));
            }
            Some(_) => {}
            None => {
                let is_ruled = |family: &Family| !matches!(family, Family::Cert | Family::Exec);
                let ruled = Family::ALL.into_iter().filter(is_ruled);
                let families: Vec<&str> = ruled.map(Family::name).collect();
                let families = families.join(", ");
                return Err(format!("\"{text}\" belongs to no family of methods ({families})"));
            }
        }
        if !name.split('.').all(is_name) || (!is_family && name == family) {
            return Err(format!(
                "\"{text}\" must be a method such as sync.bash, or a family such as sync.*"
            ));
        }
        Ok(if is_family { Self::Begins(format!("{name}.")) } else { Self::Exact(name.to_owned()) })
    }

    /// Returns the one method that it names, unless a plugin provides that.
    pub(super) fn own(&self) -> Option<&str> {
        match self {
            Self::Exact(name) => Some(name.as_str()).filter(|name| !name.starts_with("getinfo.")),
            Self::Begins(_) => None,
        }
    }

    pub(super) fn matches(&self, method: &str) -> bool {
        match self {
            Self::Exact(name) => name == method,
            Self::Begins(start) => method.starts_with(start),
        }
    }
}

/// A DNS name, or with `*.` before it every name below it. As in DNS, case does not matter.
#[derive(Debug)]
pub(super) struct Controller(String);

impl Controller {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let name = text.strip_prefix("*.").unwrap_or(text);
        let is_label = |label: &str| {
            !label.is_empty()
                && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
        };
        if name.len() > MAX_NAME || !name.split('.').all(is_label) {
            return Err(format!("\"{text}\" must be a DNS name, or one with *. before it"));
        }
        Ok(Self(text.to_owned()))
    }

    /// Returns whether one of the names in a certificate matches.
    pub(super) fn covers(&self, names: &[String]) -> bool {
        names.iter().any(|name| below(&self.0, name))
    }

    /// Returns whether one of the names matches, or is a whole domain (`*.example.com`) that could
    /// be one that matches.
    pub(super) fn could_be(&self, names: &[String]) -> bool {
        self.covers(names) || names.iter().any(|name| below(name, &self.0))
    }
}

fn below(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.trim_end_matches('.'), name.trim_end_matches('.'));
    if pattern.eq_ignore_ascii_case(name) {
        return true;
    }
    let Some(domain) = pattern.strip_prefix('*') else { return false };
    let Some(host) = name.len().checked_sub(domain.len()).filter(|length| *length > 0) else {
        return false;
    };
    name.is_char_boundary(host) && name[host..].eq_ignore_ascii_case(domain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_one_method_or_a_prefix() {
        let table = [
            ("sync.bash", "sync.bash", true),
            ("sync.bash", "sync.bashful", false),
            ("sync.bash", "sync.cancel", false),
            ("sync.*", "sync.cancel", true),
            ("sync.*", "sync", false),
            ("sync.*", "syncx.bash", false),
            ("getinfo.net.*", "getinfo.net.routes", true),
            ("getinfo.net.*", "getinfo.network", false),
        ];
        for (pattern, method, expected) in table {
            assert_eq!(
                MethodPattern::parse(pattern).unwrap().matches(method),
                expected,
                "{pattern} {method}"
            );
        }
        for pattern in [
            "",
            "*",
            "sync",
            ".*",
            "sync.",
            "sync.b*",
            "sync.*.x",
            "Sync.bash",
            "sinc.*",
            "sync..*",
            "sync.bash ",
            "cert.*",
            "exec.check",
        ] {
            assert!(MethodPattern::parse(pattern).is_err(), "{pattern} was taken");
        }
    }

    #[test]
    fn a_pattern_matches_one_controller_or_a_whole_domain() {
        let table = [
            ("ctl-1.example.com", "ctl-1.example.com", true, true),
            ("ctl-1.example.com", "CTL-1.Example.com", true, true),
            ("ctl-1.example.com", "ctl-1.example.com.", true, true),
            ("ctl-1.example.com", "xctl-1.example.com", false, false),
            ("*.ops.example.com", "a.ops.example.com", true, true),
            ("*.ops.example.com", "a.b.ops.example.com", true, true),
            ("*.ops.example.com", "ops.example.com", false, false),
            ("*.ops.example.com", ".ops.example.com", false, false),
            ("*.ops.example.com", "devops.example.com", false, false),
            // A certificate for a whole domain is not the certificate of each host, but could be
            // used by it.
            ("ctl-1.example.com", "*.example.com", false, true),
            ("*.ops.example.com", "*.example.com", false, true),
            ("*.example.com", "*.ops.example.com", true, true),
        ];
        for (pattern, name, covers, could_be) in table {
            let controller = Controller::parse(pattern).unwrap();
            let names = ["unrelated.example.org".to_owned(), name.to_owned()];
            assert_eq!(
                (controller.covers(&names), controller.could_be(&names)),
                (covers, could_be),
                "{pattern} {name}"
            );
        }
        for pattern in ["", "*", "*.", "a.*.b", "a*", "**.a", "a..b", "a b", "https://a"] {
            assert!(Controller::parse(pattern).is_err(), "{pattern} was taken");
        }
    }
}
