//! A method's name, and the file name that follows from it.
//!
//! A [`MethodName`] always has the form below, so it cannot contain a path. The host's lookup and
//! the agent's dispatch parse them from untrusted text.

use std::fmt;

/// The prefix of every method that a plugin provides.
const PREFIX: &str = "getinfo.";

/// The name of a method, such as `getinfo.kernel`: two or more segments of lower-case letters and
/// digits, each beginning with a letter, joined by dots; at most [`MethodName::MAX_LEN`] bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MethodName(String);

/// The error for a text that is not a method name.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidMethodName;

impl MethodName {
    /// The longest name, in bytes.
    pub const MAX_LEN: usize = 128;

    /// Parses `name`.
    ///
    /// # Errors
    /// [`InvalidMethodName`] if it has another form. Underscores are not allowed: with them, `a.b`
    /// and `a_b` would share a file.
    pub fn parse(name: &str) -> Result<Self, InvalidMethodName> {
        let well_formed = name.len() <= Self::MAX_LEN
            && name.contains('.')
            && name.split('.').all(|segment| {
                segment.starts_with(|c: char| c.is_ascii_lowercase())
                    && segment.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
            });
        if well_formed { Ok(Self(name.to_owned())) } else { Err(InvalidMethodName) }
    }

    /// Splits a call such as `os -x` into its method, with `getinfo.` added if it lacks that
    /// prefix, and its arguments. Does not check the method.
    pub fn split_call(text: &str) -> (String, &str) {
        let text = text.trim();
        let (method, args) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let prefix = if method.starts_with(PREFIX) { "" } else { PREFIX };
        (format!("{prefix}{method}"), args.trim_start())
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the file name of the method's plugin (`libgetinfo_kernel.so`). Only `getinfo.*`
    /// methods have one.
    pub fn file_name(&self) -> Option<String> {
        self.0.starts_with(PREFIX).then(|| format!("lib{}.so", self.0.replace('.', "_")))
    }

    /// Returns the method of the plugin file with this name, if it is the name of a plugin file.
    pub fn from_file_name(file: &str) -> Option<Self> {
        let stem = file.strip_prefix("lib")?.strip_suffix(".so")?;
        if stem.contains('.') {
            return None;
        }
        let name = Self::parse(&stem.replace('_', ".")).ok()?;
        name.0.starts_with(PREFIX).then_some(name)
    }
}

impl fmt::Display for MethodName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for InvalidMethodName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "not a method name: expected lower-case words joined by dots, such as getinfo.kernel",
        )
    }
}

impl std::error::Error for InvalidMethodName {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_splits_into_method_and_arguments() {
        for (text, method, args) in [
            ("os", "getinfo.os", ""),
            ("getinfo.os", "getinfo.os", ""),
            (" users  -U 'a b' ", "getinfo.users", "-U 'a b'"),
            ("", "getinfo.", ""),
        ] {
            assert_eq!(MethodName::split_call(text), (method.to_owned(), args), "{text:?}");
        }
    }

    #[test]
    fn only_well_formed_names_are_accepted() {
        for good in ["getinfo.kernel", "a.b", "getinfo.net.tcp4"] {
            assert_eq!(MethodName::parse(good).unwrap().as_str(), good);
        }
        let long = format!("a.{}", "b".repeat(MethodName::MAX_LEN));
        for bad in [
            "", "getinfo", ".", "a.", ".a", "a..b", "a_b.c", "A.b", "a.1b", "a.b/c", "../a.b",
            "a.b ", "a.é", &long,
        ] {
            assert!(MethodName::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn file_names_and_methods_follow_from_each_other() {
        let name = MethodName::parse("getinfo.net.tcp").unwrap();
        assert_eq!(name.file_name().unwrap(), "libgetinfo_net_tcp.so");
        assert_eq!(MethodName::from_file_name("libgetinfo_net_tcp.so"), Some(name));
        assert_eq!(MethodName::parse("agent.ping").unwrap().file_name(), None);
        for file in [
            "libgetinfo.so",
            "libssl.so",
            "libother_x.so",
            "libgetinfo_A.so",
            "getinfo_a.so",
            "libgetinfo_a.so.1",
            "libgetinfo.a.so",
        ] {
            assert_eq!(MethodName::from_file_name(file), None, "{file}");
        }
    }
}
