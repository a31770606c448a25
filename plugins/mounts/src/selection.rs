//! The mounts that a call selects.

use plugin_api::{Opt, OptValue, Options, ProviderError};

/// A call's arguments.
#[derive(Debug, PartialEq, Eq, Default)]
pub(crate) struct Selection {
    /// The file system types of `-t`; empty: all.
    pub(crate) types: Vec<String>,
    /// The path of `-p`.
    pub(crate) path: Option<String>,
    /// Whether `-n` was given: slow file systems are queried too.
    pub(crate) with_slow: bool,
}

pub(crate) const OPTIONS: Options<Selection> = Options::new(&[
    Opt::values(
        "-t TYPE",
        "show only file systems of these types, separated by commas",
        |selection, value| {
            selection.types.extend(value.text()?.split(',').map(str::to_owned));
            Ok(())
        },
    ),
    Opt::value(
        "-p PATH",
        "show only the mount that PATH lies on; links are not followed",
        |selection, value| {
            selection.path = Some(plain(value)?);
            Ok(())
        },
    ),
    Opt::flag(
        "-n",
        "also query network and FUSE file systems for their usage, which may take long",
        |selection| {
            selection.with_slow = true;
        },
    ),
]);

/// Normalizes a path: no double slashes, none at the end. Links are not followed, which could take
/// long.
fn plain(value: OptValue<'_>) -> Result<String, ProviderError> {
    let path = value.as_str();
    let parts = || path.split('/').filter(|part| !part.is_empty() && *part != ".");
    if !path.starts_with('/') || parts().any(|part| part == "..") {
        return Err(value.must_be("an absolute path without \"..\""));
    }
    let mut plain = String::new();
    for part in parts() {
        plain.push('/');
        plain.push_str(part);
    }
    Ok(if plain.is_empty() { "/".to_owned() } else { plain })
}

#[cfg(test)]
mod tests {
    use super::*;
    use plugin_api::Args;

    #[test]
    fn options_combine() {
        let parse = |line| OPTIONS.parse(&Args::parse(line).unwrap());
        assert_eq!(parse(""), Ok(Selection::default()));
        let all = parse("-t ext4,xfs -t btrfs -n -p /a//b/./c/").unwrap();
        assert_eq!(
            (all.types.len(), all.path.as_deref(), all.with_slow),
            (3, Some("/a/b/c"), true)
        );
        assert_eq!(parse("-p /").unwrap().path.as_deref(), Some("/"));
        for bad in ["-t", "-t ''", "-p", "-p a", "-p ''", "-p /a/../b", "-p / -p /", "-x", "ext4"] {
            assert_eq!(parse(bad).unwrap_err().code(), ProviderError::USAGE, "{bad:?}");
        }
    }
}
