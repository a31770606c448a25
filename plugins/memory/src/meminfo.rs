//! /proc/meminfo (proc(5)).

/// Bytes, and numbers of pages, by the kernel's names.
pub(crate) struct Meminfo<'a>(Vec<(&'a str, u64)>);

/// The most lines that are read; the kernel writes about sixty.
const MAX_LINES: usize = 500;

impl<'a> Meminfo<'a> {
    /// Parses lines such as `MemTotal:       24684096 kB`; a line without a unit is a number of
    /// pages.
    pub(crate) fn parse(text: &'a str) -> Self {
        let line = |line: &'a str| {
            let (name, value) = line.split_once(':')?;
            let mut words = value.split_ascii_whitespace();
            let number: u64 = words.next()?.parse().ok()?;
            match words.next() {
                None => Some((name, number)),
                Some("kB") => Some((name, number.checked_mul(1024)?)),
                Some(_) => None,
            }
        };
        Self(text.lines().take(MAX_LINES).filter_map(line).collect())
    }

    pub(crate) fn get(&self, name: &str) -> Option<u64> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }

    /// Returns the used memory as free(1) counts it: all but the available. Kernels before 3.14 do
    /// not report available memory.
    pub(crate) fn used(&self) -> Option<u64> {
        let total = self.get("MemTotal")?;
        if let Some(available) = self.get("MemAvailable") {
            return Some(total.saturating_sub(available));
        }
        let caches = ["MemFree", "Buffers", "Cached", "SReclaimable"]
            .iter()
            .filter_map(|name| self.get(name));
        Some(caches.fold(total, u64::saturating_sub))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_units_or_none() {
        let text = "MemTotal:  100 kB\nMemFree: 40 kB\nHugePages_Total:  7\nBuffers: 10 kB\nCached: 20 kB\nOdd: 5 MB\n";
        let meminfo = Meminfo::parse(text);
        assert_eq!(
            (meminfo.get("MemTotal"), meminfo.get("HugePages_Total")),
            (Some(102_400), Some(7))
        );
        assert_eq!((meminfo.get("Odd"), meminfo.get("MemAvailable")), (None, None));
        assert_eq!(meminfo.used(), Some(30 * 1024));
        let newer = Meminfo::parse("MemTotal: 100 kB\nMemFree: 1 kB\nMemAvailable: 60 kB\n");
        assert_eq!(newer.used(), Some(40 * 1024));
        let odd = Meminfo::parse("MemTotal: 1 kB\nMemAvailable: 60 kB\n");
        assert_eq!(odd.used(), Some(0));
    }

    #[test]
    fn lines_that_are_not_numbers_are_skipped() {
        for text in [
            "",
            "MemTotal",
            "MemTotal:",
            "MemTotal: x kB",
            "MemTotal: 18446744073709551615 kB",
            "MemTotal: -1",
        ] {
            assert_eq!(Meminfo::parse(text).used(), None, "{text:?}");
        }
    }
}
