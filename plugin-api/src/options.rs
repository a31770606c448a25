//! The options of a provider, declared once.
//!
//! [`Meta::options`](crate::Meta::options) lists them in the description, and [`Options::parse`]
//! reads a call's [`Args`] by the same table, so help and parser cannot drift apart, and every
//! provider rejects a wrong call in the same words.

use std::fmt::{Display, Write as _};
use std::ops::RangeInclusive;
use std::path::Path;
use std::str::FromStr;

use crate::{Args, ProviderError};

/// The options that fill a selection `S`.
///
/// ```
/// use plugin_api::{Args, Opt, Options};
///
/// #[derive(Default)]
/// struct Selection {
///     all: bool,
///     port: Option<u16>,
///     names: Vec<String>,
/// }
///
/// const OPTIONS: Options<Selection> = Options::new(&[
///     Opt::flag("-a", "also list connected sockets", |chosen| chosen.all = true),
///     Opt::value("-l PORT", "list this local port only", |chosen, value| {
///         chosen.port = Some(value.number(1..=65535)?);
///         Ok(())
///     }),
///     Opt::words("NAME", "list only sockets of these programs", |chosen, value| {
///         chosen.names.push(value.text()?.to_owned());
///         Ok(())
///     }),
/// ]);
///
/// let parse = |line| OPTIONS.parse(&Args::parse(line)?);
/// let chosen = parse("-a -l 22 sshd")?;
/// assert!(chosen.all && chosen.port == Some(22) && chosen.names == ["sshd"]);
///
/// let error = parse("-l ssh").err().unwrap();
/// assert_eq!(error.message(), "-l must be a number from 1 to 65535, got \"ssh\"");
/// let error = parse("-x").err().unwrap();
/// assert_eq!(error.message(), "unknown argument \"-x\"; expected one of -a, -l PORT, NAME");
/// # Ok::<(), plugin_api::ProviderError>(())
/// ```
///
/// In the provider, `describe` says `Meta::new(…).options(&OPTIONS)`, and `call` begins with
/// `let chosen = OPTIONS.parse(args)?`. A provider without options calls [`Args::none`] instead.
///
/// A word that begins with `-` is an option until `--`; the word after an option that takes a value
/// is that value, whatever it looks like. Each option may be given once, except [`Opt::values`].
/// `-h` never gets here: the SDK answers it.
#[derive(Debug, Clone, Copy)]
pub struct Options<S: 'static> {
    all: &'static [Opt<S>],
    exactly_one: bool,
}

/// One option, or the words that are no option.
#[derive(Debug, Clone, Copy)]
pub struct Opt<S> {
    form: &'static str,
    help: &'static str,
    kind: Kind<S>,
}

/// Puts a value into the selection, or rejects it.
type Set<S> = fn(&mut S, OptValue<'_>) -> Result<(), ProviderError>;

#[derive(Debug, Clone, Copy)]
enum Kind<S> {
    Flag(fn(&mut S)),
    Value(Set<S>),
    Values(Set<S>),
    Words(Set<S>),
}

/// The text given for an option or a word, which the option's own code turns into what it needs.
#[derive(Debug, Clone, Copy)]
pub struct OptValue<'a> {
    /// As an error names it: `-l`, or `NAME` for a word.
    name: &'a str,
    text: &'a str,
}

impl<S> Opt<S> {
    /// An option without a value: `-a`.
    pub const fn flag(form: &'static str, help: &'static str, set: fn(&mut S)) -> Self {
        Self { form, help, kind: Kind::Flag(set) }
    }

    /// An option with a value, written as in the help: `-l PORT`.
    pub const fn value(form: &'static str, help: &'static str, set: Set<S>) -> Self {
        Self { form, help, kind: Kind::Value(set) }
    }

    /// An option with a value that may be given more than once; `set` runs for each.
    pub const fn values(form: &'static str, help: &'static str, set: Set<S>) -> Self {
        Self { form, help, kind: Kind::Values(set) }
    }

    /// Any number of words that are no options: `NAME`. `set` runs for each.
    pub const fn words(form: &'static str, help: &'static str, set: Set<S>) -> Self {
        Self { form, help, kind: Kind::Words(set) }
    }

    fn is_words(&self) -> bool {
        matches!(self.kind, Kind::Words(_))
    }

    /// `-l` of `-l PORT`.
    fn name(&self) -> &'static str {
        self.form.split(' ').next().unwrap_or(self.form)
    }
}

impl<S> Options<S> {
    /// Options that combine freely.
    pub const fn new(all: &'static [Opt<S>]) -> Self {
        Self { all, exactly_one: false }
    }

    /// Options of which a call gives exactly one.
    pub const fn exactly_one(all: &'static [Opt<S>]) -> Self {
        Self { all, exactly_one: true }
    }

    /// Reads the words of a call in order, starting from the default selection.
    ///
    /// # Errors
    /// [`ProviderError::usage`] for an argument that is unknown, lacks its value, is given twice or
    /// cannot be combined with another; any error of an option's own code.
    pub fn parse(&self, args: &Args) -> Result<S, ProviderError>
    where
        S: Default,
    {
        let mut selection = S::default();
        let mut given: Vec<&str> = Vec::new();
        let mut only_words = false;
        let mut words = args.words();
        while let Some(word) = words.next() {
            if word == "--" && !only_words {
                only_words = true;
                continue;
            }
            let option = self.find(word, only_words).ok_or_else(|| self.unknown(word))?;
            let name = option.name();
            let mut value = || {
                let text = words.next().ok_or_else(|| {
                    ProviderError::usage(format!("{name} needs a value: {}", option.form))
                })?;
                Ok(OptValue { name, text })
            };
            match option.kind {
                Kind::Flag(set) => {
                    self.note(&mut given, name)?;
                    set(&mut selection);
                }
                Kind::Value(set) => {
                    self.note(&mut given, name)?;
                    set(&mut selection, value()?)?;
                }
                Kind::Values(set) => set(&mut selection, value()?)?,
                Kind::Words(set) => set(&mut selection, OptValue { name, text: word })?,
            }
        }
        if self.exactly_one && given.is_empty() {
            return Err(ProviderError::usage(format!("one of {} is required", self.list(", "))));
        }
        Ok(selection)
    }

    fn find(&self, word: &str, only_words: bool) -> Option<&Opt<S>> {
        let as_word = only_words || !word.starts_with('-');
        self.all.iter().find(|option| match option.is_words() {
            true => as_word,
            false => !as_word && option.name() == word,
        })
    }

    /// Records that `name` was given, and rejects it beside another where that is not allowed.
    fn note(&self, given: &mut Vec<&'static str>, name: &'static str) -> Result<(), ProviderError> {
        if given.contains(&name) {
            return Err(ProviderError::usage(format!("{name} can be given only once")));
        }
        if let Some(other) = given.first().filter(|_| self.exactly_one) {
            return Err(ProviderError::usage(format!("{other} cannot be combined with {name}")));
        }
        given.push(name);
        Ok(())
    }

    fn unknown(&self, word: &str) -> ProviderError {
        let one_of = if self.all.len() > 1 { "one of " } else { "" };
        let list = self.list(", ");
        ProviderError::usage(format!("unknown argument {word:?}; expected {one_of}{list}"))
    }

    fn list(&self, separator: &str) -> String {
        let forms: Vec<&str> = self.all.iter().map(|option| option.form).collect();
        forms.join(separator)
    }

    /// The form and help of each option, as in [`Meta`](crate::Meta).
    pub(crate) fn forms(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.all.iter().map(|option| (option.form, option.help))
    }

    /// How the options combine; empty when [`Meta`](crate::Meta) derives it from the forms.
    pub(crate) fn usage(&self) -> String {
        if self.exactly_one {
            return self.list(" | ");
        }
        let mut usage = String::new();
        if self.all.iter().any(Opt::is_words) {
            for (at, option) in self.all.iter().enumerate() {
                let (space, more) =
                    (if at > 0 { " " } else { "" }, if option.is_words() { "…" } else { "" });
                let _ = write!(usage, "{space}[{}{more}]", option.form);
            }
        }
        usage
    }
}

impl<'a> OptValue<'a> {
    /// Returns the text as given; it may be empty.
    pub fn as_str(self) -> &'a str {
        self.text
    }

    /// Returns the text, which must not be empty.
    ///
    /// # Errors
    /// [`ProviderError::usage`] for an empty text.
    pub fn text(self) -> Result<&'a str, ProviderError> {
        if self.text.is_empty() { Err(self.must_be("a nonempty text")) } else { Ok(self.text) }
    }

    /// Returns the number that the text is.
    ///
    /// # Errors
    /// [`ProviderError::usage`] for anything but a number within `bounds`.
    pub fn number<T>(self, bounds: RangeInclusive<T>) -> Result<T, ProviderError>
    where
        T: FromStr + PartialOrd + Display,
    {
        self.text.parse().ok().filter(|number| bounds.contains(number)).ok_or_else(|| {
            self.must_be(&format!("a number from {} to {}", bounds.start(), bounds.end()))
        })
    }

    /// Returns the value beside the text in `choices`.
    ///
    /// # Errors
    /// [`ProviderError::usage`] for a text that is none of them.
    pub fn choice<T: Copy>(self, choices: &[(&str, T)]) -> Result<T, ProviderError> {
        let found = choices.iter().find(|(name, _)| *name == self.text);
        found.map(|(_, choice)| *choice).ok_or_else(|| {
            let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            self.must_be(&format!("one of {}", names.join(", ")))
        })
    }

    /// Returns the path that the text is.
    ///
    /// # Errors
    /// [`ProviderError::usage`] for a path that does not begin with `/`.
    pub fn absolute_path(self) -> Result<&'a Path, ProviderError> {
        let path = Path::new(self.text);
        if path.is_absolute() { Ok(path) } else { Err(self.must_be("an absolute path")) }
    }

    /// The error for a value that an option's own code rejects: `"-p must be WHAT, got …"`.
    #[must_use]
    pub fn must_be(self, what: &str) -> ProviderError {
        ProviderError::usage(format!("{} must be {what}, got {:?}", self.name, self.text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq)]
    struct Selection {
        all: bool,
        port: Option<u16>,
        types: Vec<String>,
        order: Option<char>,
        root: Option<String>,
        names: Vec<String>,
    }

    const OPTIONS: Options<Selection> = Options::new(&[
        Opt::flag("-a", "lists all", |chosen| chosen.all = true),
        Opt::value("-l PORT", "a port", |chosen, value| {
            chosen.port = Some(value.number(1..=1000)?);
            Ok(())
        }),
        Opt::values("-t TYPE", "types", |chosen, value| {
            chosen.types.extend(value.text()?.split(',').map(str::to_owned));
            Ok(())
        }),
        Opt::value("-s cpu|rss", "order", |chosen, value| {
            chosen.order = Some(value.choice(&[("cpu", 'c'), ("rss", 'r')])?);
            Ok(())
        }),
        Opt::value("-r ROOT", "root", |chosen, value| {
            chosen.root = Some(value.absolute_path()?.display().to_string());
            Ok(())
        }),
        Opt::words("NAME", "names", |chosen, value| {
            chosen.names.push(value.as_str().to_owned());
            Ok(())
        }),
    ]);

    const ONE: Options<Option<char>> = Options::exactly_one(&[
        Opt::flag("-A", "all", |chosen| *chosen = Some('A')),
        Opt::flag("-u", "ordinary", |chosen| *chosen = Some('u')),
    ]);

    fn error<S: Default>(options: &Options<S>, line: &str) -> String {
        let error = options.parse(&Args::parse(line).unwrap()).err().unwrap();
        assert_eq!(error.code(), ProviderError::USAGE);
        error.message().to_owned()
    }

    #[test]
    fn options_and_words_fill_the_selection() {
        let parse = |line| OPTIONS.parse(&Args::parse(line).unwrap()).unwrap();
        assert_eq!(parse(""), Selection::default());
        let chosen = parse("-a x -l 7 -t ext4,xfs -t btrfs -s rss -r /srv y -- -a --");
        assert!(chosen.all && chosen.port == Some(7) && chosen.order == Some('r'));
        assert_eq!(chosen.types, ["ext4", "xfs", "btrfs"]);
        assert_eq!(chosen.root.as_deref(), Some("/srv"));
        assert_eq!(chosen.names, ["x", "y", "-a", "--"]);
        assert_eq!(parse("-t -a").types, ["-a"]);
        assert_eq!(ONE.parse(&Args::parse("-u").unwrap()), Ok(Some('u')));
    }

    #[test]
    fn errors_name_the_fault() {
        for (line, want) in [
            ("-l", "-l needs a value: -l PORT"),
            ("-l 0", "-l must be a number from 1 to 1000, got \"0\""),
            ("-l -1", "-l must be a number from 1 to 1000, got \"-1\""),
            ("-t ''", "-t must be a nonempty text, got \"\""),
            ("-s mem", "-s must be one of cpu, rss, got \"mem\""),
            ("-r srv", "-r must be an absolute path, got \"srv\""),
            ("-a -a", "-a can be given only once"),
            (
                "-x",
                "unknown argument \"-x\"; expected one of -a, -l PORT, -t TYPE, -s cpu|rss, -r ROOT, NAME",
            ),
        ] {
            assert_eq!(error(&OPTIONS, line), want, "{line}");
        }
        for (line, want) in [
            ("", "one of -A, -u is required"),
            ("-A -u", "-A cannot be combined with -u"),
            ("-A -A", "-A can be given only once"),
            ("-u root", "unknown argument \"root\"; expected one of -A, -u"),
        ] {
            assert_eq!(error(&ONE, line), want, "{line}");
        }
    }

    #[test]
    fn the_usage_line_shows_words_and_alternatives() {
        assert_eq!(OPTIONS.usage(), "[-a] [-l PORT] [-t TYPE] [-s cpu|rss] [-r ROOT] [NAME…]");
        assert_eq!(ONE.usage(), "-A | -u");
        assert_eq!(Options::<()>::new(&[]).usage(), "");
    }
}
