//! What a field is called for people, and in what its number is counted: both follow from its name,
//! as providers write names, where the schema has no title.

/// In what a number is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// A plain count.
    None,
    /// Bytes, times this.
    Bytes(u32),
    /// A duration in parts of a second: 1 is a second, 1000 a millisecond.
    Duration(u32),
    /// Days.
    Days,
    /// Seconds since 1970.
    Epoch,
    /// Percent.
    Percent,
    /// Hertz.
    Hertz,
    /// A unit that is written behind the number.
    Written(&'static str),
    /// A number that names something: a port, an id, a year. It has no separators.
    Label,
}

/// Endings of names, and what they say.
const UNITS: &[(&str, Unit)] = &[
    ("bytes", Unit::Bytes(1)),
    ("kib", Unit::Bytes(1 << 10)),
    ("mib", Unit::Bytes(1 << 20)),
    ("seconds", Unit::Duration(1)),
    ("secs", Unit::Duration(1)),
    ("milliseconds", Unit::Duration(1000)),
    ("ms", Unit::Duration(1000)),
    ("microseconds", Unit::Duration(1_000_000)),
    ("nanoseconds", Unit::Duration(1_000_000_000)),
    ("days", Unit::Days),
    ("epoch", Unit::Epoch),
    ("percent", Unit::Percent),
    ("hz", Unit::Hertz),
    ("mbps", Unit::Written("Mbit/s")),
    ("celsius", Unit::Written("°C")),
    ("rpm", Unit::Written("rpm")),
    ("watts", Unit::Written("W")),
    ("volts", Unit::Written("V")),
];

/// Names whose numbers name something.
const LABELS: &[&str] =
    &["id", "pid", "ppid", "uid", "gid", "port", "index", "vlan", "inode", "family", "stepping"];

/// Words that are not written as they stand.
const WORDS: &[(&str, &str)] = &[
    ("acpi", "ACPI"),
    ("api", "API"),
    ("bios", "BIOS"),
    ("ca", "CA"),
    ("cgroup", "cgroup"),
    ("cpe", "CPE"),
    ("cpu", "CPU"),
    ("cpuid", "CPUID"),
    ("cpus", "CPUs"),
    ("dns", "DNS"),
    ("dst", "DST"),
    ("gid", "GID"),
    ("id", "ID"),
    ("ids", "IDs"),
    ("io", "I/O"),
    ("ip", "IP"),
    ("ipv4", "IPv4"),
    ("ipv6", "IPv6"),
    ("mac", "MAC"),
    ("mtu", "MTU"),
    ("numa", "NUMA"),
    ("os", "OS"),
    ("pci", "PCI"),
    ("pid", "PID"),
    ("pids", "PIDs"),
    ("rtc", "RTC"),
    ("rx", "Received"),
    ("sans", "Alternative names"),
    ("sha256", "SHA-256"),
    ("tcp", "TCP"),
    ("tls", "TLS"),
    ("tx", "Sent"),
    ("udp", "UDP"),
    ("uid", "UID"),
    ("uri", "URI"),
    ("url", "URL"),
    ("usb", "USB"),
    ("utc", "UTC"),
    ("uuid", "UUID"),
    ("vlan", "VLAN"),
    ("wwn", "WWN"),
];

/// The most characters of a title.
const MAX_TITLE: usize = 60;

/// Returns in what the number of a field is counted.
pub(crate) fn unit(name: &str) -> Unit {
    let last = name.rsplit(['_', '-', '.']).next().unwrap_or(name);
    if name == "days_left" {
        return Unit::Days;
    }
    if LABELS.contains(&last) {
        return Unit::Label;
    }
    UNITS.iter().find(|(ending, _)| *ending == last).map_or(Unit::None, |(_, unit)| *unit)
}

/// Returns what a field is called: its name as words, without the unit, which stands with the value.
pub(crate) fn title(name: &str) -> String {
    let words: Vec<&str> = name.split(['_', '-', ' ']).filter(|word| !word.is_empty()).collect();
    let keep = match unit(name) {
        Unit::None | Unit::Label => words.len(),
        _ if name == "days_left" => words.len(),
        _ => words.len().saturating_sub(1),
    };
    let shown = if keep == 0 { &words[..] } else { &words[..keep] };
    let mut title = String::new();
    for word in shown {
        if !title.is_empty() {
            title.push(' ');
        }
        let lower = word.to_ascii_lowercase();
        match WORDS.iter().find(|(known, _)| *known == lower) {
            Some((_, written)) if title.is_empty() => title.push_str(written),
            Some((_, written)) if written.starts_with(char::is_uppercase) && lower.len() <= 6 => {
                let acronym = written.chars().filter(|c| c.is_uppercase()).count() > 1;
                title.push_str(if acronym { written } else { &lower });
            }
            _ => title.push_str(word),
        }
    }
    if title.is_empty() {
        name.clone_into(&mut title);
    }
    if title.chars().count() > MAX_TITLE {
        title = title.chars().take(MAX_TITLE - 1).collect();
        title.push('…');
    }
    let mut letters = title.chars();
    match letters.next() {
        Some(first) if !title.starts_with("cgroup") => {
            format!("{}{}", first.to_uppercase(), letters.as_str())
        }
        _ => title,
    }
}

/// Returns whether a field only repeats another one as a number: `installed_epoch` beside
/// `installed`, or `epoch` beside `time`.
pub(crate) fn repeats(name: &str, has: impl Fn(&str) -> bool) -> bool {
    let Some(stem) = name.strip_suffix("epoch") else { return false };
    let stem = stem.trim_end_matches('_');
    match stem {
        "" => has("time"),
        stem => has(stem) || has(&format!("{stem}_time")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_called_by_its_words_without_the_unit() {
        for (name, wanted) in [
            ("available_bytes", "Available"),
            ("uptime_seconds", "Uptime"),
            ("machine_id", "Machine ID"),
            ("bug_report_url", "Bug report URL"),
            ("rx_bytes", "Received"),
            ("days_left", "Days left"),
            ("sans", "Alternative names"),
            ("bytes", "Bytes"),
            ("mac", "MAC"),
            ("", ""),
            ("übergröße", "Übergröße"),
        ] {
            assert_eq!(title(name), wanted, "{name}");
        }
        assert_eq!(title(&"x".repeat(1000)).chars().count(), MAX_TITLE);
    }

    #[test]
    fn a_number_that_repeats_a_time_is_left_out() {
        let has = |name: &str| ["installed", "boot_time", "time"].contains(&name);
        for (name, wanted) in [
            ("installed_epoch", true),
            ("boot_epoch", true),
            ("epoch", true),
            ("last_epoch", false),
            ("installed", false),
        ] {
            assert_eq!(repeats(name, has), wanted, "{name}");
        }
    }
}
