//! Names of kernel parameters: `net.ipv4.ip_forward` is the file net/ipv4/ip_forward of /proc/sys.
//! A dot that is part of a file's name stands as a slash, as in `net.ipv4.conf.eth0/100.forwarding`
//! (sysctl(8)).

/// The file of a name, which may be written with slashes too (sysctl.d(5)): the first separator
/// tells. None for what would lead out of /proc/sys.
pub(crate) fn to_path(name: &str) -> Option<String> {
    let name = name.strip_suffix(['.', '/']).unwrap_or(name);
    let has_dots = name.find(['.', '/']).is_some_and(|at| name.as_bytes()[at] == b'.');
    let path = if has_dots { from_path(name) } else { name.to_owned() };
    let is_plain = path.split('/').all(|part| !matches!(part, "" | "." | ".."));
    is_plain.then_some(path)
}

/// The name of a file below /proc/sys.
pub(crate) fn from_path(path: &str) -> String {
    let swap = |c| match c {
        '/' => '.',
        '.' => '/',
        c => c,
    };
    path.chars().map(swap).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_paths() {
        for (name, want) in [
            ("net.ipv4.ip_forward", Some("net/ipv4/ip_forward")),
            ("net/ipv4/ip_forward", Some("net/ipv4/ip_forward")),
            ("net.ipv4.conf.eth0/100.forwarding", Some("net/ipv4/conf/eth0.100/forwarding")),
            ("net/ipv4/conf/eth0.100/forwarding", Some("net/ipv4/conf/eth0.100/forwarding")),
            ("kernel.", Some("kernel")),
            ("kernel", Some("kernel")),
            ("", None),
            (".", None),
            ("a..b", None),
            ("../passwd", None),
            ("/etc/passwd", None),
            ("net/../../x", None),
            (".//.x", None),
            ("a.//.b", None),
        ] {
            assert_eq!(to_path(name).as_deref(), want, "{name}");
        }
        assert_eq!(
            from_path("net/ipv4/conf/eth0.100/forwarding"),
            "net.ipv4.conf.eth0/100.forwarding"
        );
    }
}
