//! The names of units (systemd.unit(5)).

/// The suffixes of unit files.
const SUFFIXES: [&str; 11] = [
    "service",
    "socket",
    "target",
    "timer",
    "path",
    "mount",
    "automount",
    "swap",
    "slice",
    "device",
    "scope",
];

/// Returns whether a name ends in one of the known suffixes.
#[must_use]
pub fn is_unit(name: &str) -> bool {
    name.rsplit_once('.')
        .is_some_and(|(stem, suffix)| !stem.is_empty() && SUFFIXES.contains(&suffix))
}

/// Returns `getty@.service` for `getty@tty1.service`; `None` if the name is not an instance.
#[must_use]
pub fn template_of(name: &str) -> Option<String> {
    let (prefix, rest) = name.split_once('@')?;
    let (instance, suffix) = rest.rsplit_once('.')?;
    (!instance.is_empty()).then(|| format!("{prefix}@.{suffix}"))
}

/// Replaces the specifiers of a unit's own name: `%n`, `%N`, `%p`, `%i`, `%I`, `%j` and `%%`.
/// Others stay as they are.
#[must_use]
pub fn expand(text: &str, name: &str) -> String {
    let (stem, _) = name.rsplit_once('.').unwrap_or((name, ""));
    let (prefix, instance) = stem.split_once('@').unwrap_or((stem, ""));
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        expanded.push_str(before);
        let value = match after.as_bytes().first() {
            Some(b'n') => name.to_owned(),
            Some(b'N') => stem.to_owned(),
            Some(b'p') => prefix.to_owned(),
            Some(b'i') => instance.to_owned(),
            Some(b'I') => unescaped(instance),
            Some(b'j') => prefix.rsplit('-').next().unwrap_or_default().to_owned(),
            Some(b'%') => "%".to_owned(),
            _ => {
                expanded.push('%');
                rest = after;
                continue;
            }
        };
        expanded.push_str(&value);
        rest = &after[1..];
    }
    expanded + rest
}

/// Returns an instance as it was before systemd-escape(1): `-` is a slash, `\x2d` a byte.
fn unescaped(instance: &str) -> String {
    let mut bytes = Vec::with_capacity(instance.len());
    let mut rest = instance.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        let digits = after.strip_prefix(b"x").and_then(|hex| hex.get(..2));
        let code = digits.and_then(|hex| str::from_utf8(hex).ok());
        match (byte, code.and_then(|hex| u8::from_str_radix(hex, 16).ok())) {
            (b'-', _) => bytes.push(b'/'),
            (b'\\', Some(code)) => {
                bytes.push(code);
                rest = &after[3..];
            }
            _ => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Returns the names of the folders, without `.d`, that hold a unit's drop-ins, the most specific
/// first: of `a-b@x.service` these are `a-b@x.service`, `a-b@.service`, `a-@.service` and
/// `a-@x.service`. The type's own folder (`service.d`) is not among them: every other one comes
/// before it (unit_file_find_dirs in systemd's src/shared/dropin.c).
pub(super) fn drop_in_names(name: &str) -> Vec<String> {
    let Some((stem, suffix)) = name.rsplit_once('.') else { return vec![name.to_owned()] };
    let (prefix, instance) = stem.split_once('@').map_or((stem, None), |(p, i)| (p, Some(i)));
    let mut prefixes = vec![prefix];
    let mut rest = prefix.strip_suffix('-').unwrap_or(prefix);
    while let Some(dash) = rest.rfind('-').filter(|dash| *dash > 0) {
        prefixes.push(&prefix[..=dash]);
        rest = &prefix[..dash];
    }
    let named = |at: &'_ str| -> Vec<String> {
        prefixes.iter().map(|prefix| format!("{prefix}{at}.{suffix}")).collect()
    };
    match instance {
        None => named(""),
        Some("") => named("@"),
        Some(instance) => {
            let mut own = named(&format!("@{instance}")).into_iter();
            own.next().into_iter().chain(named("@")).chain(own).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instances_have_templates() {
        assert_eq!(template_of("getty@tty1.service").as_deref(), Some("getty@.service"));
        assert_eq!(template_of("a@b.c.timer").as_deref(), Some("a@.timer"));
        for none in ["getty@.service", "ssh.service", "a@b"] {
            assert_eq!(template_of(none), None);
        }
    }

    #[test]
    fn names_are_shortened_at_dashes() {
        assert_eq!(
            drop_in_names("foo-bar-waldo.service"),
            ["foo-bar-waldo.service", "foo-bar-.service", "foo-.service"]
        );
        assert_eq!(
            drop_in_names("a-b@x.service"),
            ["a-b@x.service", "a-b@.service", "a-@.service", "a-@x.service"]
        );
        assert_eq!(drop_in_names("-.slice"), ["-.slice"]);
        assert_eq!(drop_in_names("a.timer"), ["a.timer"]);
    }

    #[test]
    fn specifiers_of_the_name_are_replaced() {
        for (text, want) in [
            ("%n %N %p %i %I %j", r"a-b@x-\x2dy.timer a-b@x-\x2dy a-b x-\x2dy x/-y b"),
            ("100%% %q %", "100% %q %"),
            ("%é", "%é"),
            ("daily", "daily"),
        ] {
            assert_eq!(expand(text, r"a-b@x-\x2dy.timer"), want);
        }
    }
}
