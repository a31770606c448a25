//! A method's name, and the file name that follows from it.
//!
//! Only names of the form below exist as [`MethodName`], so no path can come out of one. The
//! host's lookup and the agent's dispatch make them from outside text.

use std::fmt;

/// What the methods of plugins begin with.
const PREFIX: &str = "getinfo.";

/// A method's name: two or more segments of lower-case letters and digits, each beginning with a
/// letter, joined by dots: `getinfo.kernel`. At most [`MethodName::MAX_LEN`] bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MethodName(String);

/// The text is no method name.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidMethodName;

impl MethodName {
    /// The longest name, in bytes.
    pub const MAX_LEN: usize = 128;

    /// Checks `name`.
    ///
    /// # Errors
    /// [`InvalidMethodName`] when it has another form. No underscore is allowed: with it, `a.b` and
    /// `a_b` would share a file.
    pub fn parse(name: &str) -> Result<Self, InvalidMethodName> {
        let well_formed = name.len() <= Self::MAX_LEN
            && name.contains('.')
            && name.split('.').all(|segment| {
                segment.starts_with(|c: char| c.is_ascii_lowercase())
                    && segment.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
            });
        if well_formed { Ok(Self(name.to_owned())) } else { Err(InvalidMethodName) }
    }

    /// One call of a list of calls, as text: a method, with or without `getinfo.` before it, and its arguments after it.
    /// The method is not checked.
    pub fn split_call(text: &str) -> (String, &str) {
        let text = text.trim();
        let (method, args) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let prefix = if method.starts_with(PREFIX) { "" } else { PREFIX };
        (format!("{prefix}{method}"), args.trim_start())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The plugin file that answers it (`libgetinfo_kernel.so`); only `getinfo.*` methods have one.
    pub fn file_name(&self) -> Option<String> {
        self.0.starts_with(PREFIX).then(|| format!("lib{}.so", self.0.replace('.', "_")))
    }

    /// The method that a plugin file of this name answers, if it is named as one.
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
        f.write_str("a method name is lower-case words joined by dots, such as getinfo.kernel")
    }
}

impl std::error::Error for InvalidMethodName {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_a_method_and_its_arguments() {
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
    fn only_well_formed_names_pass() {
        for good in ["getinfo.kernel", "a.b", "getinfo.net.tcp4"] {
            assert_eq!(MethodName::parse(good).unwrap().as_str(), good);
        }
        let long = format!("a.{}", "b".repeat(MethodName::MAX_LEN));
        for bad in [
            "", "getinfo", ".", "a.", ".a", "a..b", "a_b.c", "A.b", "a.1b", "a.b/c", "../a.b", "a.b ", "a.é",
            &long,
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
