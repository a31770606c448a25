//! The list of a plan's hosts as one digest (RFC 6962 §2.1, RFC 9162 §2.1), and the proof that a
//! host is in it.

use crate::Digest;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::sync::Arc;

/// The proof that a host is in a plan: a few digests, however many hosts there are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// The host's place in the sorted list of hosts.
    pub index: u32,
    /// The number of hosts.
    pub size: u32,
    /// The digests of the subtrees beside the way from the host to the root, from below.
    pub path: Vec<Digest>,
}

/// The hosts of a plan as a Merkle tree: sorted by the bytes of their ids, each once.
#[derive(Clone, Debug)]
pub struct HostTree {
    /// The digests of the leaves, then of each level above. A last one without a neighbor is
    /// repeated on the level above, as it is.
    levels: Vec<Vec<Digest>>,
    hosts: Vec<Arc<str>>,
}

impl HostTree {
    /// Makes the tree of these hosts, in any order.
    pub fn new(hosts: impl IntoIterator<Item = impl Into<Arc<str>>>) -> Self {
        let mut hosts: Vec<Arc<str>> = hosts.into_iter().map(Into::into).collect();
        hosts.sort_unstable();
        hosts.dedup();
        let mut levels = vec![hosts.iter().map(|host| leaf(host)).collect::<Vec<_>>()];
        while let Some(below) = levels.last().filter(|below| below.len() > 1) {
            let above = below
                .chunks(2)
                .map(|pair| match pair {
                    [left, right] => node(left, right),
                    alone => alone[0],
                })
                .collect();
            levels.push(above);
        }
        Self { levels, hosts }
    }

    /// Returns the number of hosts.
    pub fn size(&self) -> u32 {
        u32::try_from(self.hosts.len()).unwrap_or(u32::MAX)
    }

    /// Returns the root. That of no host is the SHA-256 of nothing.
    pub fn root(&self) -> Digest {
        self.levels.last().and_then(|top| top.first()).copied().unwrap_or(Digest::of(b""))
    }

    /// Returns the proof that a host is in the tree; `None` if it is not.
    pub fn proof(&self, host: &str) -> Option<Proof> {
        let place = self.hosts.binary_search_by(|other| (**other).cmp(host)).ok()?;
        let (mut at, mut path) = (place, Vec::new());
        for level in &self.levels {
            path.extend(level.get(at ^ 1));
            at /= 2;
        }
        Some(Proof { index: u32::try_from(place).ok()?, size: self.size(), path })
    }
}

impl Proof {
    /// Returns whether it proves that `host` is among the hosts with this root.
    pub fn holds(&self, host: &str, root: &Digest) -> bool {
        self.root(host).is_some_and(|found| found == *root)
    }

    /// Returns the root of the hosts that it says `host` is among; `None` if it can be no proof. A
    /// host computes the plan's hash with it.
    pub fn root(&self, host: &str) -> Option<Digest> {
        if self.index >= self.size {
            return None;
        }
        let (mut at, mut last) = (self.index, self.size - 1);
        let mut digest = leaf(host);
        for beside in &self.path {
            if last == 0 {
                return None;
            }
            if at % 2 == 1 || at == last {
                digest = node(beside, &digest);
                while at % 2 == 0 && at != 0 {
                    at /= 2;
                    last /= 2;
                }
            } else {
                digest = node(&digest, beside);
            }
            at /= 2;
            last /= 2;
        }
        (last == 0).then_some(digest)
    }
}

fn leaf(host: &str) -> Digest {
    digest(&[&[0], host.as_bytes()])
}

fn node(left: &Digest, right: &Digest) -> Digest {
    digest(&[&[1], left.as_bytes(), right.as_bytes()])
}

fn digest(parts: &[&[u8]]) -> Digest {
    let mut hash = Sha256::new();
    parts.iter().for_each(|part| hash.update(part));
    Digest::from_bytes(hash.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names(count: u32) -> Vec<String> {
        (0..count).map(|n| format!("host-{n:04}")).collect()
    }

    fn tree(names: &[String]) -> HostTree {
        HostTree::new(names.iter().map(String::as_str))
    }

    /// The definition of RFC 6962 §2.1, word by word.
    fn by_definition(leaves: &[Digest]) -> Digest {
        match leaves {
            [] => Digest::of(b""),
            [one] => *one,
            many => {
                let split = many.len().next_power_of_two() / 2;
                node(&by_definition(&many[..split]), &by_definition(&many[split..]))
            }
        }
    }

    #[test]
    fn the_root_is_that_of_the_definition() {
        for count in 0..70 {
            let names = names(count);
            let leaves: Vec<Digest> = names.iter().map(|name| leaf(name)).collect();
            assert_eq!(tree(&names).root(), by_definition(&leaves), "{count} hosts");
        }
    }

    #[test]
    fn the_order_in_which_hosts_are_given_does_not_matter() {
        let one = HostTree::new(["b", "a", "c", "a"]);
        assert_eq!((one.root(), one.size()), (HostTree::new(["a", "b", "c"]).root(), 3));
    }

    proptest! {
        #[test]
        fn a_proof_holds_for_its_host_and_for_no_other(count in 1_u32..300, pick in 0_u32..300) {
            let names = names(count);
            let tree = tree(&names);
            let name = &names[(pick % count) as usize];
            let proof = tree.proof(name).unwrap();
            prop_assert!(proof.holds(name, &tree.root()));
            prop_assert!(!proof.holds("host-none", &tree.root()));
            prop_assert!(!proof.holds(name, &Digest::of(b"another root")));
            for (index, size) in [(proof.index + 1, count), (proof.index, count + 1), (0, 0)] {
                let other = Proof { index, size, path: proof.path.clone() };
                // A greater tree can have the same way to the host only if the path is the same.
                prop_assert!(!other.holds(name, &tree.root()) || size == count + 1);
            }
            for cut in 0..proof.path.len() {
                let mut other = proof.clone();
                other.path.remove(cut);
                prop_assert!(!other.holds(name, &tree.root()));
            }
            prop_assert_eq!(tree.proof("host-none"), None);
        }
    }
}
