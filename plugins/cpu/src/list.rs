//! Lists of processors as the kernel writes them: `0-3,8` (Documentation/admin-guide/cputopology.rst).

/// Numbers beyond are none of a processor: the largest kernels know 8,192.
const MAX_NUMBER: u32 = 65_535;

/// The members, as they stand in the list; none at all where it is not understood.
pub(crate) fn parse(list: &str) -> Vec<u32> {
    let mut numbers = Vec::new();
    for item in list.trim().split(',').filter(|item| !item.is_empty()) {
        let (first, last) = item.split_once('-').unwrap_or((item, item));
        match (first.parse::<u32>(), last.parse::<u32>()) {
            (Ok(first), Ok(last)) if first <= last && last <= MAX_NUMBER => numbers.extend(first..=last),
            _ => return Vec::new(),
        }
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read() {
        for (list, want) in [
            ("0-1\n", &[0, 1][..]),
            ("0", &[0]),
            ("0-2,8,10-11", &[0, 1, 2, 8, 10, 11]),
            ("", &[]),
            ("\n", &[]),
            ("3-1", &[]),
            ("0-4294967295", &[]),
            ("99999999999", &[]),
            ("a", &[]),
        ] {
            assert_eq!(parse(list), want, "{list:?}");
        }
    }
}
