//! Which processes a call asks for, and in what order.

use std::ffi::CString;

use agent_sys::accounts::user_by_name;
use plugin_api::{Args, ProviderError};

/// What the kernel keeps of a name (TASK_COMM_LEN without its end).
const NAME_BYTES: usize = 15;

/// The order of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Most processor time first.
    Cpu,
    /// Most memory first.
    Rss,
    /// As the kernel numbers them.
    Pid,
}

/// A call's arguments; what is `None` does not choose.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Selection {
    pub(crate) pid: Option<u32>,
    pub(crate) name: Option<String>,
    pub(crate) uid: Option<u32>,
    pub(crate) text: Option<String>,
    pub(crate) top: Option<usize>,
    order: Option<Order>,
}

impl Selection {
    pub(crate) fn parse(args: &Args) -> Result<Self, ProviderError> {
        let mut chosen = Self::default();
        let mut words = args.words();
        while let Some(word) = words.next() {
            let mut value =
                || words.next().ok_or_else(|| ProviderError::usage(format!("{word} needs a value after it")));
            match word {
                "-p" => chosen.pid = Some(number(word, value()?)?),
                "-n" => chosen.name = Some(value()?.to_owned()),
                "-u" => chosen.uid = Some(uid(value()?)?),
                "-c" => chosen.text = Some(value()?.to_owned()),
                "-t" => chosen.top = Some(number(word, value()?)? as usize),
                "-s" => chosen.order = Some(order(value()?)?),
                _ => {
                    return Err(ProviderError::usage(format!(
                        "{word:?} is none of -p PID, -n NAME, -u USER, -c TEXT, -t N, -s cpu|rss|pid"
                    )));
                }
            }
        }
        Ok(chosen)
    }

    /// As asked; a top of something is that of processor time.
    pub(crate) fn order(&self) -> Order {
        self.order.unwrap_or(if self.top.is_some() { Order::Cpu } else { Order::Pid })
    }

    /// Whether a process of this name is meant, of which the kernel may have kept the beginning only.
    pub(crate) fn has_name(&self, name: &[u8]) -> bool {
        self.name.as_ref().is_none_or(|wanted| {
            let wanted = wanted.as_bytes();
            wanted == name || wanted.len() > NAME_BYTES && wanted.get(..NAME_BYTES) == Some(name)
        })
    }

    /// Whether TEXT stands in the arguments, which are joined by blanks.
    pub(crate) fn has_text(&self, cmdline: &str) -> bool {
        self.text.as_ref().is_none_or(|text| cmdline.contains(text.as_str()))
    }
}

fn number(flag: &str, text: &str) -> Result<u32, ProviderError> {
    text.parse().map_err(|_| ProviderError::usage(format!("{flag} needs a number, not {text:?}")))
}

fn order(text: &str) -> Result<Order, ProviderError> {
    match text {
        "cpu" => Ok(Order::Cpu),
        "rss" => Ok(Order::Rss),
        "pid" => Ok(Order::Pid),
        _ => Err(ProviderError::usage(format!("-s needs cpu, rss or pid, not {text:?}"))),
    }
}

/// A name first: Linux has all-digit names too.
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
    use super::*;

    fn parse(line: &str) -> Result<Selection, String> {
        Selection::parse(&Args::parse(line).unwrap())
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
    fn a_long_name_is_that_of_which_the_kernel_keeps_the_beginning() {
        let wanted = parse("-n systemd-timesyncd").unwrap();
        assert!(wanted.has_name(b"systemd-timesyn") && !wanted.has_name(b"systemd-timesy"));
        assert!(!parse("-n ssh").unwrap().has_name(b"sshd"));
    }
}
