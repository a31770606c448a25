//! The lines of a unit file (systemd.syntax(7)).

/// One assignment of a file.
#[derive(Debug, PartialEq, Eq)]
pub struct Assignment<'a> {
    /// The section, without brackets.
    pub section: &'a str,
    /// The name before `=`.
    pub key: &'a str,
    /// The value, continued lines joined by a blank.
    pub value: String,
    /// The number of the first of its lines, from 1.
    pub line: usize,
}

/// Returns the assignments of a file in order. Lines outside of a section, and lines that are
/// neither a section nor an assignment, are skipped, as systemd does.
pub fn assignments(text: &str) -> impl Iterator<Item = Assignment<'_>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = text.lines().map(str::trim).enumerate();
    let mut section = "";
    std::iter::from_fn(move || {
        loop {
            let (index, line) = lines.next()?;
            if is_comment(line) {
                continue;
            }
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                section = name;
                continue;
            }
            let (key, first) = line.split_once('=').unwrap_or(("", line));
            let mut value = String::new();
            let mut last = first;
            // Comments between continued lines are skipped.
            while let Some(open) = continued(last) {
                value.push_str(open.trim());
                value.push(' ');
                let next = lines.by_ref().map(|(_, line)| line).find(|line| !is_comment(line));
                last = next.unwrap_or_default();
            }
            value.push_str(last.trim());
            if !key.is_empty() && !section.is_empty() {
                let (key, value) = (key.trim_end(), value.trim().to_owned());
                return Some(Assignment { section, key, value, line: index + 1 });
            }
        }
    })
}

fn is_comment(line: &str) -> bool {
    line.starts_with(['#', ';'])
}

/// Returns a line without the backslash that continues it. Two backslashes are a literal one.
fn continued(line: &str) -> Option<&str> {
    let open = line.trim_end_matches('\\');
    ((line.len() - open.len()) % 2 == 1).then(|| &line[..line.len() - 1])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<(&str, &str, String, usize)> {
        let found = assignments(text);
        found.map(|item| (item.section, item.key, item.value, item.line)).collect()
    }

    #[test]
    fn lines_are_continued_and_comments_between_them_skipped() {
        let text = "\u{feff}Outside=1\n[Service]\r\n ExecStart = /bin/d \\\n  # between\n\n; c\\\n\
            User=a\\\\\nno value\nType=a=b\n[bad\nKey=\\\n\\\n x\n=y\nLast=z\\";
        let want = [
            ("Service", "ExecStart", "/bin/d", 3),
            ("Service", "User", "a\\\\", 7),
            ("Service", "Type", "a=b", 9),
            ("Service", "Key", "x", 11),
            ("Service", "Last", "z", 15),
        ];
        let found = all(text);
        let found: Vec<_> = found
            .iter()
            .map(|(section, key, value, line)| (*section, *key, value.as_str(), *line))
            .collect();
        assert_eq!(found, want);
    }
}
