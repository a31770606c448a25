//! Which mounts are asked for.

use plugin_api::{Args, ProviderError};

/// What the arguments say.
#[derive(Debug, PartialEq, Eq, Default)]
pub(crate) struct Selection {
    /// `-t`: file system types; empty: all.
    pub(crate) types: Vec<String>,
    /// `-p`: the path whose mount is asked for.
    pub(crate) path: Option<String>,
    /// `-n`: use is looked up where it may take long, too.
    pub(crate) with_slow: bool,
}

impl Selection {
    pub(crate) fn parse(args: &Args) -> Result<Self, ProviderError> {
        let mut selection = Self::default();
        let mut words = args.words();
        while let Some(option) = words.next() {
            match option {
                "-n" => selection.with_slow = true,
                "-t" => match words.next() {
                    Some(types) if !types.is_empty() => {
                        selection.types.extend(types.split(',').map(str::to_owned))
                    }
                    _ => return Err(ProviderError::usage("-t needs a file system type, such as ext4")),
                },
                "-p" => {
                    let path = words.next().unwrap_or_default();
                    if selection.path.replace(plain(path)?).is_some() {
                        return Err(ProviderError::usage("-p stands twice; it takes one path"));
                    }
                }
                other => {
                    let message = format!("{other:?} is not known; it is one of -t TYPE, -p PATH, -n");
                    return Err(ProviderError::usage(message));
                }
            }
        }
        Ok(selection)
    }
}

/// Without double slashes, or one at the end. Links are not followed: that could take long.
fn plain(path: &str) -> Result<String, ProviderError> {
    let parts = || path.split('/').filter(|part| !part.is_empty() && *part != ".");
    if !path.starts_with('/') || parts().any(|part| part == "..") {
        let message = format!("-p needs an absolute path without \"..\", not {path:?}");
        return Err(ProviderError::usage(message));
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

    #[test]
    fn options_combine() {
        let parse = |line| Selection::parse(&Args::parse(line).unwrap());
        assert_eq!(parse(""), Ok(Selection::default()));
        let all = parse("-t ext4,xfs -t btrfs -n -p /a//b/./c/").unwrap();
        assert_eq!((all.types.len(), all.path.as_deref(), all.with_slow), (3, Some("/a/b/c"), true));
        assert_eq!(parse("-p /").unwrap().path.as_deref(), Some("/"));
        for bad in ["-t", "-t ''", "-p", "-p a", "-p ''", "-p /a/../b", "-p / -p /", "-x", "ext4"] {
            assert_eq!(parse(bad).unwrap_err().code(), ProviderError::USAGE, "{bad:?}");
        }
    }
}
