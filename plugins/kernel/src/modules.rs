//! Loaded modules, from /proc/modules (its format: seq_file of kernel/module/procfs.c).

use std::fs::File;

use serde::Serialize;

use crate::source::Source;

static MODULES: Source = Source::new(|| File::open("/proc/modules").ok());

/// One loaded module.
#[derive(Serialize, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Module {
    /// The module's name, as lsmod(8) shows it.
    name: String,
    /// Bytes of memory in use.
    size_bytes: u64,
    /// The number of users; null if the kernel does not count them.
    refcount: Option<u64>,
    /// Names of the modules that use it, sorted.
    used_by: Vec<String>,
    /// Whether it can never be unloaded.
    permanent: bool,
    /// The state: `live`, `loading` or `unloading`.
    state: String,
    /// The taint letters it set, such as `OE`; empty for a module from the kernel's own tree.
    taint: String,
}

/// Reads the modules, sorted by name; none if the kernel has no modules or /proc does not list
/// them.
pub(crate) fn read() -> Vec<Module> {
    let text = MODULES.read().unwrap_or_default();
    let mut modules: Vec<Module> = text.lines().filter_map(parse).collect();
    modules.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    modules
}

/// Parses `name size refcount users state address [(taint)]`, with users as `a,b,[permanent],` or
/// `-`.
fn parse(line: &str) -> Option<Module> {
    let mut words = line.split_ascii_whitespace();
    let name = words.next()?.to_owned();
    let size_bytes = words.next()?.parse().ok()?;
    let refcount = words.next()?.parse().ok();
    let users: Vec<&str> =
        words.next()?.split(',').filter(|user| !user.is_empty() && *user != "-").collect();
    let state = words.next()?.to_ascii_lowercase();
    let taint =
        words.last().and_then(|word| word.strip_prefix('(')?.strip_suffix(')')).unwrap_or_default();
    let mut used_by: Vec<String> =
        users.iter().filter(|user| !user.starts_with('[')).map(ToString::to_string).collect();
    used_by.sort_unstable();
    Some(Module {
        name,
        size_bytes,
        refcount,
        used_by,
        permanent: users.contains(&"[permanent]"),
        state,
        taint: taint.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_of_line_is_read() {
        let module =
            parse("nf_nat 49152 2 xt_MASQUERADE,nft_chain_nat, Live 0xffffffffc0a00000").unwrap();
        assert_eq!(
            (module.name.as_str(), module.size_bytes, module.refcount),
            ("nf_nat", 49152, Some(2))
        );
        assert_eq!(module.used_by, ["nft_chain_nat", "xt_MASQUERADE"]);
        assert_eq!(
            (module.permanent, module.state.as_str(), module.taint.as_str()),
            (false, "live", "")
        );

        let module = parse("zfs 4000000 1 - Loading 0x0000000000000000 (POE)").unwrap();
        assert_eq!(
            (module.used_by.len(), module.state.as_str(), module.taint.as_str()),
            (0, "loading", "POE")
        );

        let module = parse("ipv6 1 7 [permanent], Live 0x0").unwrap();
        assert_eq!((module.permanent, module.used_by.is_empty()), (true, true));

        assert_eq!(parse("ipv6 1 - - Live 0x0").unwrap().refcount, None);
        for bad in ["", "ipv6", "ipv6 large 1 - Live 0x0", "ipv6 1 1 -"] {
            assert_eq!(parse(bad), None, "{bad:?}");
        }
    }
}
