//! Reads `NAME=value` lines as in crontab(5): blanks around `=`, either kind of quotes around name
//! or value, nothing expanded.

use crate::blanks::BLANKS;

/// The byte of the line at which an assignment is invalid, and the reason.
pub(super) type Flaw = (usize, &'static str);

/// Reads a line without leading blanks as name and value. `None` means that the line is an entry.
pub(super) fn assignment(line: &str) -> Option<Result<(&str, &str), Flaw>> {
    let (name, rest) = match quote(line) {
        Some(mark) => {
            let (name, rest) = line[1..].split_once(mark)?;
            (name, rest)
        }
        None => line.split_at(line.find(['=', ' ', '\t'])?),
    };
    let value = rest.trim_start_matches(BLANKS).strip_prefix('=')?.trim_start_matches(BLANKS);
    if !is_name(name) {
        return None;
    }
    let at = line.len() - value.len();
    let Some(mark) = quote(value) else {
        let value = value.trim_end_matches(BLANKS);
        // A zone contains no blanks: `TZ=Europe/Berlin 0 9 * * *` is an entry with its own zone.
        let prefix = matches!(name, "TZ" | "CRON_TZ") && value.contains(BLANKS);
        return (!prefix).then_some(Ok((name, value)));
    };
    Some(match value[1..].split_once(mark) {
        None => Err((at, "the quoted value has no closing quote")),
        Some((value, rest)) if rest.trim_matches(BLANKS).is_empty() => Ok((name, value)),
        Some((_, rest)) => {
            Err((line.len() - rest.len(), "unexpected text after the closing quote"))
        }
    })
}

fn quote(text: &str) -> Option<char> {
    text.chars().next().filter(|first| matches!(first, '\'' | '"'))
}

fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_other_crons_read_them() {
        let table = [
            ("A=b", Some(Ok(("A", "b")))),
            ("A = b c \t", Some(Ok(("A", "b c")))),
            ("A=", Some(Ok(("A", "")))),
            ("A\t=\t", Some(Ok(("A", "")))),
            ("MAILTO=\"\"", Some(Ok(("MAILTO", "")))),
            ("A=' b '", Some(Ok(("A", " b ")))),
            ("\"A\" = \"it's\"  ", Some(Ok(("A", "it's")))),
            ("'_a1'=$HOME/bin", Some(Ok(("_a1", "$HOME/bin")))),
            ("A=b\"c", Some(Ok(("A", "b\"c")))),
            ("A=b # c", Some(Ok(("A", "b # c")))),
            ("A=ä=b", Some(Ok(("A", "ä=b")))),
            ("TZ=Europe/Berlin ", Some(Ok(("TZ", "Europe/Berlin")))),
            ("CRON_TZ=Europe/Berlin 0 9 * * * root x", None),
            ("CRON_TZ=\"a b\"", Some(Ok(("CRON_TZ", "a b")))),
            ("A=\"b", Some(Err((2, "the quoted value has no closing quote")))),
            ("A=\"b\" c", Some(Err((5, "unexpected text after the closing quote")))),
            ("1A=b", None),
            ("A-B=c", None),
            ("=b", None),
            ("\"A=b", None),
            ("\"A=\"b", None),
            ("A b=c", None),
            ("* * * * * root A=b", None),
            ("@daily root A=b", None),
            ("", None),
            ("'", None),
        ];
        for (line, wanted) in table {
            assert_eq!(assignment(line), wanted, "{line:?}");
        }
    }
}
