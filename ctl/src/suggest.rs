//! "did you mean …?": the known name that is nearest to a mistyped one.

/// The most single edits between a typo and the name that was meant.
const MAX_EDITS: usize = 2;

/// Returns `; did you mean NAME?` for the nearest of `known`, or nothing if none is near.
pub(crate) fn nearest(typed: &str, known: impl IntoIterator<Item = String>) -> String {
    let known: Vec<String> = known.into_iter().collect();
    if known.iter().any(|name| name == typed) {
        return String::new();
    }
    let distance = |name: &String| strsim::damerau_levenshtein(typed, name);
    let near = known
        .into_iter()
        .map(|name| (distance(&name), name))
        .filter(|(edits, _)| (1..=MAX_EDITS).contains(edits))
        .min();
    near.map_or_else(String::new, |(_, name)| format!("; did you mean {name}?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_near_name_is_suggested() {
        let known = || ["getinfo.kernel", "getinfo.users"].map(str::to_owned);
        assert_eq!(nearest("getinfo.kernal", known()), "; did you mean getinfo.kernel?");
        assert_eq!(nearest("getinfo.suers", known()), "; did you mean getinfo.users?");
        assert_eq!(nearest("getinfo.disks", known()), "");
        assert_eq!(nearest("getinfo.kernel", known()), "");
    }
}
