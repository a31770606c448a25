//! The checks that the fuzz targets in tests/fuzz run.

use readers::netlink::scripted::replay;

use crate::{address, link, route};

/// Reads the kernel's replies to three dumps: links, addresses, routes. The first byte selects.
pub fn network(bytes: &[u8]) {
    let Some((kind, replies)) = bytes.split_first() else { return };
    let mut netlink = replay(replies);
    match kind % 3 {
        0 => drop(link::read(&mut netlink)),
        1 => drop(address::read(&mut netlink)),
        _ => drop(route::read(&mut netlink, 2, &|index| Some(index.to_string()))),
    }
}

#[cfg(test)]
mod tests {
    use test_support::check_corpus;

    #[test]
    fn kept_inputs_pass() {
        check_corpus("network", 3, super::network);
    }
}
