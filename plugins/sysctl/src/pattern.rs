//! Patterns in the names of sysctl.d(5): `net.ipv4.conf.*.rp_filter` stands for the keys that exist
//! (glob(7): `*`, `?` and `[…]`, within one folder).

use std::path::Path;

use readers::folder;

/// The most entries of a folder that are compared with a pattern.
const MAX_NAMES: usize = 10_000;

/// Returns whether a key's path is a pattern.
pub(crate) fn is_pattern(path: &str) -> bool {
    path.contains(['*', '?', '['])
}

/// Returns the paths below `root` that match, sorted, at most `most`.
pub(crate) fn matches(root: &Path, pattern: &str, most: usize) -> Vec<String> {
    let mut found = vec![String::new()];
    for part in pattern.split('/') {
        let mut next = Vec::new();
        for folder in found {
            let join = |name: &str| {
                if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
            };
            if is_pattern(part) {
                let names = folder::names(&root.join(&folder), MAX_NAMES);
                let of_part =
                    names.iter().filter(|name| is_match(part.as_bytes(), name.as_bytes()));
                next.extend(of_part.map(|name| join(name)).take(most - next.len()));
            } else if next.len() < most {
                next.push(join(part));
            }
        }
        found = next;
    }
    found.retain(|path| root.join(path).is_file());
    found
}

/// Compares a name with a pattern without slashes. A file's name may begin with any letter: the
/// kernel has no hidden keys.
fn is_match(pattern: &[u8], name: &[u8]) -> bool {
    // The last `*`, and the place in the name from which it is tried again with one more byte.
    let mut again: Option<(&[u8], &[u8])> = None;
    let (mut pattern, mut name) = (pattern, name);
    loop {
        let matched = match (pattern, name) {
            ([], []) => return true,
            ([b'*', rest @ ..], _) => {
                again = Some((rest, name));
                pattern = rest;
                continue;
            }
            ([b'?', rest @ ..], [_, name @ ..]) => Some((rest, name)),
            ([b'[', rest @ ..], [byte, name @ ..]) => match class(rest, *byte) {
                Some((true, rest)) => Some((rest, name)),
                Some((false, _)) => None,
                // Without its end, a bracket is a letter.
                None => (*byte == b'[').then_some((rest, name)),
            },
            ([letter, rest @ ..], [byte, name @ ..]) if letter == byte => Some((rest, name)),
            _ => None,
        };
        (pattern, name) = match (matched, again) {
            (Some(rest), _) => rest,
            (None, Some((after, [_, rest @ ..]))) => {
                again = Some((after, rest));
                (after, rest)
            }
            (None, _) => return false,
        };
    }
}

/// Reads `a-z]` or `!a-z]`: whether the byte is in it, and the rest of the pattern. `None` without
/// an end.
fn class(pattern: &[u8], byte: u8) -> Option<(bool, &[u8])> {
    let (is_negated, members) = match pattern {
        [b'!' | b'^', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    // A `]` in the first place is a member.
    let end = members.iter().skip(1).position(|member| *member == b']')? + 1;
    let (mut members, rest) = (&members[..end], &members[end + 1..]);
    let mut is_in = false;
    loop {
        match members {
            [] => return Some((is_in != is_negated, rest)),
            [first, b'-', last, after @ ..] => {
                is_in |= (*first..=*last).contains(&byte);
                members = after;
            }
            [member, after @ ..] => {
                is_in |= *member == byte;
                members = after;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_those_of_glob() {
        for (pattern, name, want) in [
            ("*", "eth0", true),
            ("eth*", "eth0", true),
            ("eth*", "wlan0", false),
            ("*0", "eth00", true),
            ("*a*b", "xaxbxb", true),
            ("*a*b", "xaxbx", false),
            ("eth?", "eth0", true),
            ("eth?", "eth", false),
            ("eth[0-2]", "eth1", true),
            ("eth[!0-2]", "eth1", false),
            ("eth[]x]", "eth]", true),
            ("eth[", "eth[", true),
            ("", "", true),
            ("**", "", true),
            ("?", "", false),
        ] {
            assert_eq!(is_match(pattern.as_bytes(), name.as_bytes()), want, "{pattern} {name}");
        }
        let long = "a".repeat(10_000);
        assert!(!is_match(format!("{}b", "*a".repeat(1000)).as_bytes(), long.as_bytes()));
    }
}
