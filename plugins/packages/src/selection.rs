//! The packages that a call selects, and the root folder they are installed below.

use std::path::PathBuf;

use plugin_api::{Opt, Options};

/// A package manager whose database can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manager {
    Dpkg,
    Rpm,
    Apk,
}

impl Manager {
    /// In the order of the answer.
    pub(crate) const ALL: [Self; 3] = [Self::Dpkg, Self::Rpm, Self::Apk];
}

/// A call's arguments.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Selection {
    /// Names, or patterns with `*`; none select all packages.
    names: Vec<String>,
    manager: Option<Manager>,
    pub(crate) count_only: bool,
    pub(crate) root: PathBuf,
}

pub(crate) const OPTIONS: Options<Selection> = Options::new(&[
    Opt::value("-m dpkg|rpm|apk", "only the packages of this manager", |chosen, value| {
        let managers = [("dpkg", Manager::Dpkg), ("rpm", Manager::Rpm), ("apk", Manager::Apk)];
        chosen.manager = Some(value.choice(&managers)?);
        Ok(())
    }),
    Opt::flag("-c", "count only", |chosen| chosen.count_only = true),
    Opt::value(
        "-r ROOT",
        "read the system below this folder, such as a container image",
        |chosen, value| {
            chosen.root = value.absolute_path()?.to_owned();
            Ok(())
        },
    ),
    Opt::words("NAME", "only these packages; * matches any text", |chosen, value| {
        chosen.names.push(value.as_str().to_owned());
        Ok(())
    }),
]);

impl Default for Selection {
    fn default() -> Self {
        Self { names: Vec::new(), manager: None, count_only: false, root: PathBuf::from("/") }
    }
}

impl Selection {
    pub(crate) fn wants_manager(&self, manager: Manager) -> bool {
        self.manager.is_none_or(|wanted| wanted == manager)
    }

    pub(crate) fn wants(&self, name: &str) -> bool {
        self.names.is_empty() || self.names.iter().any(|pattern| matches(pattern, name))
    }
}

/// Returns whether a name matches a pattern, in which `*` stands for any text.
fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        // The earliest match leaves the most for the parts that follow.
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use plugin_api::Args;
    use std::path::Path;

    #[test]
    fn patterns_are_matched() {
        for (pattern, name, want) in [
            ("bash", "bash", true),
            ("bash", "bash-completion", false),
            ("bash*", "bash", true),
            ("*bash", "bash", true),
            ("lib*-dev", "libssl-dev", true),
            ("lib*-dev", "libssl-dev-doc", false),
            ("*", "", true),
            ("", "a", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "acb", false),
            ("ab*ba", "aba", false),
            ("**x**", "axb", true),
        ] {
            assert_eq!(matches(pattern, name), want, "{pattern} {name}");
        }
    }

    #[test]
    fn arguments_are_read() {
        let parse = |line| OPTIONS.parse(&Args::parse(line).unwrap());
        let chosen = parse("-m rpm -r /srv/image 'lib*' bash").unwrap();
        assert!(chosen.wants("libc6") && chosen.wants("bash") && !chosen.wants("zsh"));
        assert!(chosen.wants_manager(Manager::Rpm) && !chosen.wants_manager(Manager::Dpkg));
        assert_eq!(chosen.root, Path::new("/srv/image"));
        assert!(parse("-c").unwrap().count_only && parse("-- -odd").unwrap().wants("-odd"));
        for bad in ["-m", "-m yum", "-r", "-r image", "-x"] {
            assert_eq!(parse(bad).unwrap_err().code(), "usage", "{bad}");
        }
    }
}
