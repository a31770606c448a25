//! The process that holds a socket: one with the socket open in /proc/PID/fd.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use readers::process;

/// The first process found with a socket open.
#[derive(Debug, Clone)]
pub(crate) struct Holder {
    pub(crate) pid: u32,
    pub(crate) name: Option<String>,
}

/// Finds the holders of sockets, by sorted inode numbers. Stops as soon as each is found: a host
/// has many more descriptors than listening sockets. Without root only this user's own processes
/// can be examined.
pub(crate) fn find(inodes: &[u64]) -> Vec<Option<Holder>> {
    let mut holders = vec![None; inodes.len()];
    let mut missing = inodes.len();
    let Ok(processes) = process::ids(Path::new("/proc")) else { return holders };
    for pid in processes {
        if missing == 0 {
            break;
        }
        let folder = Path::new("/proc").join(pid.to_string());
        let mut name = None;
        let Ok(descriptors) = fs::read_dir(folder.join("fd")) else { continue };
        for descriptor in descriptors.flatten() {
            let inode = match fs::read_link(descriptor.path()) {
                Ok(link) => socket_inode(&link),
                // The other descriptors of such a process would be denied, too.
                Err(error) if error.kind() == ErrorKind::PermissionDenied => break,
                Err(_) => None,
            };
            let Some(inode) = inode else { continue };
            let Ok(index) = inodes.binary_search(&inode) else { continue };
            if holders[index].is_none() {
                let name = name.get_or_insert_with(|| process::name(&folder)).clone();
                holders[index] = Some(Holder { pid, name });
                missing -= 1;
            }
        }
    }
    holders
}

/// Parses `socket:[12345]`.
fn socket_inode(link: &Path) -> Option<u64> {
    link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_links_to_sockets_have_an_inode() {
        assert_eq!(socket_inode(Path::new("socket:[12345]")), Some(12345));
        for other in ["pipe:[1]", "/dev/null", "socket:[x]", "socket:[1"] {
            assert_eq!(socket_inode(Path::new(other)), None);
        }
    }
}
