//! The order of package versions, as the package's own manager sees it.

mod dpkg;
mod rpm;

use std::cmp::Ordering;

/// A package manager, with an order of versions of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Manager {
    /// dpkg: deb-version(7).
    Dpkg,
    /// rpm: rpm-version(7).
    Rpm,
    /// apk: Alpine's versions, by dpkg's order with Alpine's words for what comes before a release.
    Apk,
}

impl Manager {
    /// Returns the manager that the provider calls so.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "dpkg" => Some(Self::Dpkg),
            "rpm" => Some(Self::Rpm),
            "apk" => Some(Self::Apk),
            _ => None,
        }
    }

    /// Compares two versions.
    pub fn compare(self, a: &str, b: &str) -> Ordering {
        match self {
            Self::Dpkg => dpkg::compare(a, b),
            Self::Rpm => rpm::compare(a, b),
            Self::Apk => dpkg::compare(&tildes(a), &tildes(b)),
        }
    }
}

/// Writes Alpine's suffixes that come before a release as dpkg does.
fn tildes(version: &str) -> String {
    ["_alpha", "_beta", "_pre", "_rc"]
        .iter()
        .fold(version.to_owned(), |text, word| text.replace(word, &word.replace('_', "~")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alpines_words_come_before_the_release_and_patches_after_it() {
        let order = ["1.2_alpha1-r0", "1.2_beta-r0", "1.2_rc1-r3", "1.2-r0", "1.2-r1", "1.2.1-r0"];
        for pair in order.windows(2) {
            assert_eq!(Manager::Apk.compare(pair[0], pair[1]), Ordering::Less, "{pair:?}");
        }
    }
}
