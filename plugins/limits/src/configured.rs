//! Limits for logins: /etc/security/limits.conf and limits.d (limits.conf(5)), which pam_limits
//! reads.

use std::path::Path;

use readers::file::MAX_TEXT_BYTES;
use readers::{folder, regular};
use serde::Serialize;

const FILE: &str = "etc/security/limits.conf";
const FOLDER: &str = "etc/security/limits.d";
/// The most names that are read of the folder.
const MAX_NAMES: usize = 10_000;
/// The most files of the folder that are read.
const MAX_FILES: usize = 200;
/// The most entries of all files together.
const MAX_ENTRIES: usize = 2000;

/// One entry.
#[derive(Serialize, Debug, PartialEq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Entry {
    /// The file.
    pub(crate) file: String,
    /// The line number.
    pub(crate) line: usize,
    /// The users it applies to: a user, `@group`, `%group`, `*`, or a range of ids.
    pub(crate) domain: String,
    /// The type: `soft`, `hard`, or `-` for both.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// The limit, `nofile`; null: the domain has no limits (`-` alone).
    pub(crate) item: Option<String>,
    /// The value as written, `65536`, `unlimited`; sizes are in KiB.
    pub(crate) value: Option<String>,
}

/// Reads the entries in the order of pam_limits: of two for the same domain and item, the later one
/// counts.
pub(crate) fn read(root: &Path) -> Vec<Entry> {
    let names = folder::names(&root.join(FOLDER), MAX_NAMES).into_iter();
    let more = names.filter(|name| name.ends_with(".conf")).take(MAX_FILES);
    let files = [FILE.to_owned()].into_iter().chain(more.map(|name| format!("{FOLDER}/{name}")));
    let mut entries = Vec::new();
    for path in files {
        let text = regular::text(&root.join(&path), MAX_TEXT_BYTES).unwrap_or_default();
        let name = format!("/{path}");
        let parsed =
            text.lines().enumerate().filter_map(|(index, text)| parse(&name, index + 1, text));
        entries.extend(parsed.take(MAX_ENTRIES - entries.len()));
    }
    entries
}

/// Parses `domain type item value`, separated by blanks; `#` begins a comment. As pam_limits does,
/// takes the letters after the domain as small ones, and ignores further words.
fn parse(file: &str, line: usize, text: &str) -> Option<Entry> {
    let text = text.split('#').next().unwrap_or_default();
    let mut words = text.split_ascii_whitespace();
    let domain = words.next()?.to_owned();
    let mut words = words.map(str::to_ascii_lowercase);
    let (kind, item, value) = (words.next()?, words.next(), words.next());
    let is_entry = match kind.as_str() {
        "soft" | "hard" => value.is_some(),
        "-" => value.is_some() || item.is_none(),
        _ => false,
    };
    is_entry.then(|| Entry { file: file.to_owned(), line, domain, kind, item, value })
}

#[cfg(test)]
mod tests {
    use super::*;
    use test_support::Scratch;

    #[test]
    fn entries_are_read_in_order() {
        let root = Scratch::new("getinfo-limits");
        let main = "# comment\n*  soft core 0\n@student\t-  maxlogins 4 # four\n\nroot hard nofile\n\
                    bad line here now ok\nftp -\n";
        for (path, text) in [
            ("limits.conf", main),
            ("limits.d/90-b.conf", "* HARD NoFile Unlimited and more words\n"),
            ("limits.d/10-a.conf", "1000:2000 - nproc 5\n"),
            ("limits.d/README", "* hard nofile 1\n"),
        ] {
            root.write(&format!("etc/security/{path}"), text);
        }
        let entries = read(root.path());
        let found: Vec<_> = entries
            .iter()
            .map(|entry| {
                (entry.line, entry.domain.as_str(), entry.kind.as_str(), entry.value.as_deref())
            })
            .collect();
        let want = [
            (2, "*", "soft", Some("0")),
            (3, "@student", "-", Some("4")),
            (7, "ftp", "-", None),
            (1, "1000:2000", "-", Some("5")),
            (1, "*", "hard", Some("unlimited")),
        ];
        assert_eq!(found, want);
        assert_eq!(entries[4].file, "/etc/security/limits.d/90-b.conf");
    }
}
