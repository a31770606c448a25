//! Unix domain sockets of /proc/net/unix (proc_pid_net(5)).

/// The kernel's __SO_ACCEPTCON: the socket listens.
const LISTENING: u32 = 0x1_0000;

/// One line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) listens: bool,
    /// The type: `stream`, `dgram` or `seqpacket`.
    pub(crate) kind: &'static str,
    pub(crate) state: &'static str,
    pub(crate) inode: u64,
    /// The name as the file shows it: `@` for the NUL that an abstract name begins with.
    pub(crate) path: Option<String>,
}

impl Row {
    /// Parses `Num: RefCount Protocol Flags Type St Inode [Path]`; the path may contain blanks.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let mut rest = line;
        let mut word = || {
            let text = rest.trim_ascii_start();
            let end = text.find(' ').unwrap_or(text.len());
            let (word, after) = text.split_at(end);
            rest = after;
            Some(word).filter(|word| !word.is_empty())
        };
        let (_number, _references, _protocol) = (word()?, word()?, word()?);
        let flags = u32::from_str_radix(word()?, 16).ok()?;
        let kind = match word()? {
            "0001" => "stream",
            "0002" => "dgram",
            "0005" => "seqpacket",
            _ => "other",
        };
        let state = word()?;
        let inode = word()?.parse().ok()?;
        let listens = flags & LISTENING != 0;
        let state = match state {
            _ if listens => "listen",
            "01" => "unconnected",
            "02" => "connecting",
            "03" => "established",
            "04" => "disconnecting",
            _ => "other",
        };
        let path = rest.strip_prefix(' ').filter(|path| !path.is_empty()).map(str::to_owned);
        Some(Self { listens, kind, state, inode, path })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read() {
        assert_eq!(Row::parse("Num       RefCount Protocol Flags    Type St Inode Path"), None);
        let row =
            Row::parse("00000000b8c21948: 00000002 00000000 00010000 0001 01 12345 /run/a b.sock")
                .unwrap();
        assert_eq!(
            (row.listens, row.kind, row.state, row.inode),
            (true, "stream", "listen", 12345)
        );
        assert_eq!(row.path.as_deref(), Some("/run/a b.sock"));
        let row = Row::parse("0000000000000000: 00000003 00000000 00000000 0002 03   582").unwrap();
        assert_eq!(
            (row.listens, row.kind, row.state, row.inode, row.path),
            (false, "dgram", "established", 582, None)
        );
        assert_eq!(
            Row::parse("0: 2 0 0 0005 01 7 @abstract").unwrap().path.as_deref(),
            Some("@abstract")
        );
        for bad in ["", "0:", "0: 2 0 x 0001 01 7", "0: 2 0 0 0001 01", "0: 2 0 0 0001 01 seven"] {
            assert_eq!(Row::parse(bad), None, "{bad}");
        }
    }
}
