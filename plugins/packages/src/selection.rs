//! Which packages a call asks for, and of which root folder.

use std::path::{Path, PathBuf};

use plugin_api::{Args, ProviderError};

/// The package managers whose databases are read.
pub(crate) const MANAGERS: [&str; 3] = ["dpkg", "rpm", "apk"];

/// A call's arguments.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Selection {
    /// Names, or patterns with `*`; none are all.
    names: Vec<String>,
    manager: Option<String>,
    pub(crate) count_only: bool,
    pub(crate) root: PathBuf,
}

impl Selection {
    pub(crate) fn parse(args: &Args) -> Result<Self, ProviderError> {
        let mut chosen =
            Self { names: Vec::new(), manager: None, count_only: false, root: PathBuf::from("/") };
        let mut words = args.words();
        while let Some(word) = words.next() {
            match word {
                "-c" => chosen.count_only = true,
                "-m" => {
                    let manager = words.next().unwrap_or_default();
                    if !MANAGERS.contains(&manager) {
                        return Err(ProviderError::usage(format!(
                            "-m needs dpkg, rpm or apk, not {manager:?}"
                        )));
                    }
                    chosen.manager = Some(manager.to_owned());
                }
                "-r" => {
                    let root = Path::new(words.next().unwrap_or_default());
                    if !root.is_absolute() {
                        return Err(ProviderError::usage(format!("-r needs an absolute path, not {root:?}")));
                    }
                    root.clone_into(&mut chosen.root);
                }
                "--" => chosen.names.extend(words.by_ref().map(str::to_owned)),
                _ if word.starts_with('-') => {
                    return Err(ProviderError::usage(format!(
                        "{word:?} is none of -c, -m MANAGER, -r ROOT, NAME"
                    )));
                }
                _ => chosen.names.push(word.to_owned()),
            }
        }
        Ok(chosen)
    }

    pub(crate) fn wants_manager(&self, manager: &str) -> bool {
        self.manager.as_ref().is_none_or(|wanted| wanted == manager)
    }

    pub(crate) fn wants(&self, name: &str) -> bool {
        self.names.is_empty() || self.names.iter().any(|pattern| matches(pattern, name))
    }
}

/// Whether a name is of a pattern's form, in which `*` stands for any text.
fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        // The earliest place leaves most for what follows.
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
        let parse = |line| Selection::parse(&Args::parse(line).unwrap());
        let chosen = parse("-m rpm -r /srv/image 'lib*' bash").unwrap();
        assert!(chosen.wants("libc6") && chosen.wants("bash") && !chosen.wants("zsh"));
        assert!(chosen.wants_manager("rpm") && !chosen.wants_manager("dpkg"));
        assert_eq!(chosen.root, Path::new("/srv/image"));
        assert!(parse("-c").unwrap().count_only && parse("-- -odd").unwrap().wants("-odd"));
        for bad in ["-m", "-m yum", "-r", "-r image", "-x"] {
            assert_eq!(parse(bad).unwrap_err().code(), "usage", "{bad}");
        }
    }
}
