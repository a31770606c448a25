//! Lists of processors or memory nodes as the kernel writes them: `0-3,8`
//! (Documentation/admin-guide/cputopology.rst).

/// The highest number taken: the largest kernels know 8,192 processors. A list has no more members.
pub const MAX_NUMBER: u32 = 65_535;

/// Returns the members in the list's order; `None` for an empty list and for anything that isn't a
/// list, or has a number above [`MAX_NUMBER`] or more members than that.
#[must_use]
pub fn parse(list: &str) -> Option<Vec<u32>> {
    let mut numbers = Vec::new();
    for item in list.trim().split(',') {
        let (first, last) = item.split_once('-').unwrap_or((item, item));
        let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
        if first > last || last > MAX_NUMBER || numbers.len() > MAX_NUMBER as usize {
            return None;
        }
        numbers.extend(first..=last);
    }
    Some(numbers)
}

/// Writes sorted members as such a list.
#[must_use]
pub fn write(members: &[u32]) -> String {
    let mut list = String::new();
    for range in members.chunk_by(|a, b| a.checked_add(1) == Some(*b)) {
        let separator = if list.is_empty() { "" } else { "," };
        list.push_str(&match range {
            [first, .., last] => format!("{separator}{first}-{last}"),
            one => format!("{separator}{}", one[0]),
        });
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read() {
        for (list, want) in [
            ("0-1\n", Some(&[0, 1][..])),
            ("0", Some(&[0])),
            ("0-2,8,10-11", Some(&[0, 1, 2, 8, 10, 11])),
            ("", None),
            ("\n", None),
            ("0,", None),
            ("3-1", None),
            ("0-4294967295", None),
            ("99999999999", None),
            ("0-65536", None),
            ("1-2-3", None),
            ("a", None),
        ] {
            assert_eq!(parse(list).as_deref(), want, "{list:?}");
        }
        for (members, want) in [(&[0, 1, 2, 8, 10, 11][..], "0-2,8,10-11"), (&[], ""), (&[5], "5")]
        {
            assert_eq!(write(members), want);
        }
        assert_eq!(
            parse(&vec!["0-65535"; 100_000].join(",")),
            None,
            "a list that would fill the memory"
        );
    }
}
