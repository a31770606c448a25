//! The checks that the fuzz targets in tests/fuzz run.

use readers::netlink::scripted::replay;

use crate::{diag, unix};

/// Reads the kernel's replies to two dumps of sock_diag(7): TCP and unix sockets. The first byte
/// selects.
pub fn sockets(bytes: &[u8]) {
    let Some((kind, replies)) = bytes.split_first() else { return };
    let mut netlink = replay(replies);
    match kind % 3 {
        0 => drop(diag::tcp(&mut netlink, 2, u32::MAX, 100)),
        1 => drop(diag::tcp(&mut netlink, 10, u32::MAX, 100)),
        _ => drop(unix::read(&mut netlink, u32::MAX, 100)),
    }
}

#[cfg(test)]
mod tests {
    use test_support::check_corpus;

    #[test]
    fn kept_inputs_pass() {
        check_corpus("sockets", 3, super::sockets);
    }
}
