//! Parses /proc/PID/stat (proc_pid_stat(5)).

/// The relevant fields, in the kernel's units.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) pid: u32,
    /// The name: any bytes but NUL, including brackets and newlines.
    pub(crate) name: Vec<u8>,
    pub(crate) state: u8,
    pub(crate) ppid: u32,
    pub(crate) process_group: u32,
    pub(crate) session: u32,
    /// The device number; 0 means no terminal.
    pub(crate) tty: u32,
    pub(crate) flags: u64,
    /// Clock ticks.
    pub(crate) user_ticks: u64,
    /// Clock ticks.
    pub(crate) system_ticks: u64,
    pub(crate) nice: i64,
    pub(crate) threads: u64,
    /// Clock ticks since boot.
    pub(crate) start_ticks: u64,
    pub(crate) virtual_bytes: u64,
    pub(crate) rss_pages: u64,
}

impl Stat {
    /// Parses the line; `None` if a field is missing or not a number.
    pub(crate) fn parse(line: &[u8]) -> Option<Self> {
        let open = line.iter().position(|byte| *byte == b'(')?;
        // The last bracket, because a name can contain brackets.
        let close = line.iter().rposition(|byte| *byte == b')').filter(|close| *close > open)?;
        let pid = str::from_utf8(line.get(..open)?).ok()?.trim().parse().ok()?;
        let name = line.get(open + 1..close)?.to_vec();
        let rest = str::from_utf8(line.get(close + 1..)?).ok()?;
        let mut words = [""; 22];
        let mut count = 0;
        for (word, place) in rest.split_ascii_whitespace().zip(&mut words) {
            *place = word;
            count += 1;
        }
        (count == words.len()).then_some(())?;
        let number = |index: usize| words[index].parse::<u64>().ok();
        Some(Self {
            pid,
            name,
            state: *words[0].as_bytes().first()?,
            ppid: words[1].parse().ok()?,
            // -1 for a process that is exiting.
            process_group: words[2].parse().unwrap_or(0),
            session: words[3].parse().unwrap_or(0),
            // The file shows the device number as signed.
            tty: u32::from_ne_bytes(words[4].parse::<i32>().ok()?.to_ne_bytes()),
            flags: number(6)?,
            user_ticks: number(11)?,
            system_ticks: number(12)?,
            nice: words[16].parse().ok()?,
            threads: number(17)?,
            start_ticks: number(19)?,
            virtual_bytes: number(20)?,
            // Negative for a moment while the kernel sums the counters of several processors.
            rss_pages: number(21).unwrap_or(0),
        })
    }
}

/// Returns the word for a state's letter (proc_pid_stat(5)).
pub(crate) fn state_name(letter: u8) -> &'static str {
    match letter {
        b'R' => "running",
        b'S' => "sleeping",
        b'D' => "disk_sleep",
        b'T' => "stopped",
        b't' => "traced",
        b'Z' => "zombie",
        b'X' | b'x' => "dead",
        b'I' => "idle",
        b'P' => "parked",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REST: &str = " S 1 7 8 34816 7 4194560 1 2 3 4 500 600 9 10 20 -5 3 0 12345 8192 77 18446744073709551615 1";

    #[test]
    fn names_of_any_kind_are_parsed() {
        for name in ["sshd", "a b", "(sd-pam)", ") R 1 (", "", "tab\there", "new\nline"] {
            let stat = Stat::parse(format!("42 ({name}){REST}\n").as_bytes()).unwrap();
            assert_eq!(
                (stat.pid, stat.name.as_slice(), stat.state),
                (42, name.as_bytes(), b'S'),
                "{name:?}"
            );
            assert_eq!((stat.ppid, stat.process_group, stat.session, stat.tty), (1, 7, 8, 34816));
            assert_eq!(
                (stat.user_ticks, stat.system_ticks, stat.nice, stat.threads),
                (500, 600, -5, 3)
            );
            assert_eq!((stat.start_ticks, stat.virtual_bytes, stat.rss_pages), (12345, 8192, 77));
        }
        let mut line = b"1 (Jos\xe9)".to_vec();
        line.extend_from_slice(REST.as_bytes());
        assert_eq!(Stat::parse(&line).unwrap().name, b"Jos\xe9");
    }

    #[test]
    fn truncated_lines_are_rejected_without_a_panic() {
        let line = format!("42 (sshd){REST}");
        let least = line.find(" 18446744073709551615").unwrap();
        for end in 0..least - 1 {
            assert_eq!(Stat::parse(&line.as_bytes()[..end]), None, "{end}");
        }
        for bad in ["1 )x(", "x (a) S 1", "1 (a) S -1 1 1 0 0 0 0 0 0 0 0 0 0 0 0 0 1 0 1 1 1"] {
            assert_eq!(Stat::parse(bad.as_bytes()), None, "{bad}");
        }
    }
}
