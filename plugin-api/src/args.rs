//! A call's arguments: one string, split into words as a shell splits it.
//!
//! Expands nothing (no `$`, no globs) and rejects an unclosed quote. Providers parse the words by
//! their [`Options`](crate::Options).

use crate::ProviderError;

/// The words of a call's `args` string.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Args {
    words: Vec<String>,
}

impl Args {
    /// Splits `line` by the shell's rules for white space, quotes and backslashes.
    ///
    /// # Errors
    /// [`ProviderError::usage`] for an unclosed quote or a backslash at the end.
    pub fn parse(line: &str) -> Result<Self, ProviderError> {
        shlex::split(line)
            .map(|words| Self { words })
            .ok_or_else(|| ProviderError::usage("unclosed quote, or a backslash at the end"))
    }

    /// Returns the words in order.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.words.iter().map(String::as_str)
    }

    /// Returns whether there are no words.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Rejects every argument, for a provider without options.
    ///
    /// # Errors
    /// [`ProviderError::usage`] naming the first word.
    pub fn none(&self) -> Result<(), ProviderError> {
        match self.words.first() {
            None => Ok(()),
            Some(word) => Err(ProviderError::usage(format!("takes no arguments, got {word:?}"))),
        }
    }

    /// Returns whether `--schema` is the only word.
    pub(crate) fn wants_schema(&self) -> bool {
        self.words == ["--schema"]
    }

    /// Returns whether `-h` or `--help` is among the words before `--`.
    pub(crate) fn wants_help(&self) -> bool {
        self.words().take_while(|word| *word != "--").any(|word| word == "-h" || word == "--help")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_split_as_in_a_shell() {
        let table: &[(&str, &[&str])] = &[
            ("", &[]),
            ("  ", &[]),
            ("-U root", &["-U", "root"]),
            ("-U 'two words' a\\ b", &["-U", "two words", "a b"]),
            ("\"a $HOME *\"", &["a $HOME *"]),
            ("''", &[""]),
        ];
        for (line, want) in table {
            let args = Args::parse(line).unwrap();
            assert_eq!(args.words().collect::<Vec<_>>(), *want, "{line:?}");
        }
        for line in ["'", "a \"b", "a\\"] {
            assert_eq!(Args::parse(line).unwrap_err().code(), "usage", "{line:?}");
        }
    }

    #[test]
    fn help_counts_before_a_double_dash_only() {
        for (line, want) in
            [("-h", true), ("-A --help", true), ("-- -h", false), ("-help", false), ("'-h'", true)]
        {
            assert_eq!(Args::parse(line).unwrap().wants_help(), want, "{line:?}");
        }
    }
}
