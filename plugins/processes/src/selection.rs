//! The selection of processes, and their order.

use std::ffi::CString;

use agent_sys::accounts::user_by_name;
use plugin_api::{Opt, Options, ProviderError};

/// The bytes of a name that the kernel keeps (TASK_COMM_LEN without the NUL).
const NAME_BYTES: usize = 15;

/// The order of the reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Most processor time first.
    Cpu,
    /// Most memory first.
    Rss,
    /// By process id.
    Pid,
}

/// A call's arguments; `None` selects every process.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Selection {
    pub(crate) pid: Option<u32>,
    pub(crate) name: Option<String>,
    pub(crate) uid: Option<u32>,
    pub(crate) text: Option<String>,
    pub(crate) top: Option<usize>,
    order: Option<Order>,
}

pub(crate) const OPTIONS: Options<Selection> = Options::new(&[
    Opt::value("-p PID", "show this process only", |chosen, value| {
        chosen.pid = Some(value.number(0..=u32::MAX)?);
        Ok(())
    }),
    Opt::value(
        "-n NAME",
        "show processes of this name (its first 15 bytes count)",
        |chosen, value| {
            chosen.name = Some(value.as_str().to_owned());
            Ok(())
        },
    ),
    Opt::value(
        "-u USER",
        "show processes of this effective user, a name or uid",
        |chosen, value| {
            chosen.uid = Some(uid(value.as_str())?);
            Ok(())
        },
    ),
    Opt::value("-c TEXT", "show processes with TEXT in their arguments", |chosen, value| {
        chosen.text = Some(value.as_str().to_owned());
        Ok(())
    }),
    Opt::value("-t N", "show the top N only, by processor time or as -s says", |chosen, value| {
        chosen.top = Some(value.number(0..=u32::MAX)? as usize);
        Ok(())
    }),
    Opt::value(
        "-s cpu|rss|pid",
        "sort by processor time, memory or process id",
        |chosen, value| {
            let orders = [("cpu", Order::Cpu), ("rss", Order::Rss), ("pid", Order::Pid)];
            chosen.order = Some(value.choice(&orders)?);
            Ok(())
        },
    ),
]);

impl Selection {
    /// Returns the order; with `-t` alone, by processor time.
    pub(crate) fn order(&self) -> Order {
        self.order.unwrap_or(if self.top.is_some() { Order::Cpu } else { Order::Pid })
    }

    /// Returns whether a process name matches. The kernel keeps only the beginning of a long name.
    pub(crate) fn has_name(&self, name: &[u8]) -> bool {
        self.name.as_ref().is_none_or(|wanted| {
            let wanted = wanted.as_bytes();
            wanted == name || wanted.len() > NAME_BYTES && wanted.get(..NAME_BYTES) == Some(name)
        })
    }

    /// Returns whether the arguments, joined by spaces, contain TEXT.
    pub(crate) fn has_text(&self, cmdline: &str) -> bool {
        self.text.as_ref().is_none_or(|text| cmdline.contains(text.as_str()))
    }
}

/// Looks up a name before a number, because names can consist of digits.
fn uid(name: &str) -> Result<u32, ProviderError> {
    let unknown = || ProviderError::new("no_such_user", format!("no such user: {name}"));
    let c_name = CString::new(name).map_err(|_| unknown())?;
    match user_by_name(&c_name, |user| user.uid) {
        Ok(Some(uid)) => Ok(uid),
        _ => name.parse().map_err(|_| unknown()),
    }
}

#[cfg(test)]
mod tests {
    use plugin_api::Args;

    use super::*;

    fn parse(line: &str) -> Result<Selection, String> {
        OPTIONS
            .parse(&Args::parse(line).unwrap())
            .map_err(|error| format!("{} {}", error.code(), error.message()))
    }

    #[test]
    fn arguments_are_read() {
        assert_eq!(parse("").unwrap(), Selection::default());
        assert_eq!(parse("").unwrap().order(), Order::Pid);
        assert_eq!(parse("-t 5").unwrap().order(), Order::Cpu);
        assert_eq!(parse("-t 5 -s rss").unwrap().order(), Order::Rss);
        let all = parse("-p 7 -n sshd -u root -c 'a b'").unwrap();
        assert_eq!((all.pid, all.uid), (Some(7), Some(0)));
        assert!(all.has_text("x a b c") && !all.has_text("a  b"));
        for bad in ["-p", "-p x", "-p -1", "-s", "-s mem", "x", "-t many", "-z"] {
            assert!(parse(bad).unwrap_err().starts_with("usage "), "{bad}");
        }
        assert_eq!(parse("-u 'no such'").unwrap_err(), "no_such_user no such user: no such");
        assert_eq!(parse("-u 4000000001").unwrap().uid, Some(4_000_000_001));
    }

    #[test]
    fn a_long_name_matches_the_beginning_that_the_kernel_keeps() {
        let wanted = parse("-n systemd-timesyncd").unwrap();
        assert!(wanted.has_name(b"systemd-timesyn") && !wanted.has_name(b"systemd-timesy"));
        assert!(!parse("-n ssh").unwrap().has_name(b"sshd"));
    }
}
