//! Which sockets a call asks for.

use plugin_api::{Args, ProviderError};

/// The kinds of sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Tcp,
    Udp,
    Unix,
}

/// A call's arguments.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Selection {
    /// Connected ones too.
    pub(crate) all: bool,
    unix: bool,
    pub(crate) port: Option<u16>,
    protocol: Option<Protocol>,
}

impl Selection {
    pub(crate) fn parse(args: &Args) -> Result<Self, ProviderError> {
        let mut chosen = Self::default();
        let mut words = args.words();
        while let Some(word) = words.next() {
            match word {
                "-a" => chosen.all = true,
                "-x" => chosen.unix = true,
                "-l" => {
                    let port = words.next().unwrap_or_default();
                    chosen.port = Some(port.parse().map_err(|_| {
                        ProviderError::usage(format!("-l needs a port, 0 to 65535, not {port:?}"))
                    })?);
                }
                "-p" => {
                    chosen.protocol = Some(match words.next().unwrap_or_default() {
                        "tcp" => Protocol::Tcp,
                        "udp" => Protocol::Udp,
                        "unix" => Protocol::Unix,
                        other => {
                            return Err(ProviderError::usage(format!(
                                "-p needs tcp, udp or unix, not {other:?}"
                            )));
                        }
                    });
                }
                _ => {
                    return Err(ProviderError::usage(format!(
                        "{word:?} is none of -a, -x, -l PORT, -p PROTO"
                    )));
                }
            }
        }
        Ok(chosen)
    }

    /// Whether sockets of this kind are asked for. One of the unix domain has no port.
    pub(crate) fn wants(&self, protocol: Protocol) -> bool {
        match self.protocol {
            Some(wanted) => wanted == protocol,
            None if protocol == Protocol::Unix => self.unix && self.port.is_none(),
            None => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_read() {
        let parse = |line| Selection::parse(&Args::parse(line).unwrap());
        let wants = |line| {
            let chosen = parse(line).unwrap();
            [Protocol::Tcp, Protocol::Udp, Protocol::Unix].map(|protocol| chosen.wants(protocol))
        };
        assert_eq!(wants(""), [true, true, false]);
        assert_eq!(wants("-x"), [true, true, true]);
        assert_eq!(wants("-p unix"), [false, false, true]);
        assert_eq!(wants("-p tcp -x"), [true, false, false]);
        assert_eq!(wants("-x -l 22"), [true, true, false]);
        for bad in ["-l", "-l 65536", "-l ssh", "-p", "-p sctp", "tcp", "-t"] {
            assert_eq!(parse(bad).unwrap_err().code(), "usage", "{bad}");
        }
    }
}
