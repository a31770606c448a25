//! The sockets that a call selects.

use plugin_api::{Opt, Options};

use crate::inet::LISTEN;

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
    /// Whether connected sockets are selected, too.
    pub(crate) all: bool,
    unix: bool,
    pub(crate) port: Option<u16>,
    protocol: Option<Protocol>,
}

pub(crate) const OPTIONS: Options<Selection> = Options::new(&[
    Opt::flag("-a", "also list connected sockets", |selection| selection.all = true),
    Opt::flag("-x", "also list unix domain sockets", |selection| selection.unix = true),
    Opt::value("-l PORT", "list sockets on this local port only", |selection, value| {
        selection.port = Some(value.number(0..=u16::MAX)?);
        Ok(())
    }),
    Opt::value("-p tcp|udp|unix", "list sockets of this protocol only", |selection, value| {
        let protocols = [("tcp", Protocol::Tcp), ("udp", Protocol::Udp), ("unix", Protocol::Unix)];
        selection.protocol = Some(value.choice(&protocols)?);
        Ok(())
    }),
]);

impl Selection {
    /// Returns the states of connections that the kernel selects, a bit for each.
    pub(crate) fn states(&self) -> u32 {
        if self.all { u32::MAX } else { 1 << LISTEN }
    }

    /// Returns whether sockets of this kind are selected. Unix domain sockets have no port.
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
    use plugin_api::Args;

    #[test]
    fn arguments_are_read() {
        let parse = |line| OPTIONS.parse(&Args::parse(line).unwrap());
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
