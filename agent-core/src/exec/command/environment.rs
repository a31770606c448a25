//! The environment of a command: a clean one, plus the request's variables.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::account::Account;

const ROOT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const USER_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Returns `NAME=value` strings for execve(2), each name once; the request's value wins. Pairs with
/// a NUL were rejected before ([`super::spec::Spec::check`]) and are left out.
pub(crate) fn of(account: &Account, shell: &Path, requested: &[(String, String)]) -> Vec<CString> {
    let path = if account.identity.uid == 0 { ROOT_PATH } else { USER_PATH };
    let clean: [(&str, &[u8]); 6] = [
        ("HOME", account.home.as_os_str().as_bytes()),
        ("USER", account.name.as_bytes()),
        ("LOGNAME", account.name.as_bytes()),
        // The shell that runs the command, not the account's: a service account has nologin, and
        // programs that call $SHELL need a working shell.
        ("SHELL", shell.as_os_str().as_bytes()),
        ("PATH", path.as_bytes()),
        ("LANG", b"C.UTF-8"),
    ];
    let requested = requested.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    let mut pairs: Vec<(&str, &[u8])> = Vec::with_capacity(clean.len() + requested.len());
    for (name, value) in clean.into_iter().chain(requested) {
        match pairs.iter_mut().find(|(known, _)| *known == name) {
            Some(pair) => pair.1 = value,
            None => pairs.push((name, value)),
        }
    }
    pairs
        .into_iter()
        .filter_map(|(name, value)| CString::new([name.as_bytes(), b"=", value].concat()).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent_sys::Identity;

    #[test]
    fn the_requests_value_wins_and_each_name_appears_once() {
        let identity = Identity { uid: 65_534, gid: 65_534, groups: vec![] };
        let account = Account { name: "nobody".into(), home: "/nonexistent".into(), identity };
        let requested = [("LANG", "de"), ("A", "1"), ("A", "2")]
            .map(|(name, value)| (name.into(), value.into()));
        let env = of(&account, Path::new("/bin/bash"), &requested);
        let env: Vec<&str> = env.iter().map(|pair| pair.to_str().unwrap()).collect();
        let expected = [
            "HOME=/nonexistent",
            "USER=nobody",
            "LOGNAME=nobody",
            "SHELL=/bin/bash",
            "PATH=/usr/local/bin:/usr/bin:/bin",
            "LANG=de",
            "A=2",
        ];
        assert_eq!(env, expected);
    }
}
