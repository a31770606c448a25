//! Which users are asked for: exactly one of the four options.

use std::ops::RangeInclusive;

use plugin_api::{Args, ProviderError};

use crate::login_defs;

/// What the arguments select.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Selection {
    /// `-U NAME`: a name or a numeric uid.
    One(String),
    /// The rest: a list.
    Many(Many),
}

/// Which part of all users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Many {
    /// `-A`.
    All,
    /// `-u`: uids within.
    Ordinary(RangeInclusive<u32>),
    /// `-S`: uids outside.
    System(RangeInclusive<u32>),
}

impl Selection {
    pub(crate) fn parse(args: &Args) -> Result<Self, ProviderError> {
        let mut words = args.words();
        let option =
            words.next().ok_or_else(|| ProviderError::usage("one of -U NAME, -A, -u, -S is needed"))?;
        let selection = match option {
            "-U" => match words.next() {
                Some(name) if !name.is_empty() => Self::One(name.to_owned()),
                _ => return Err(ProviderError::usage("-U needs a user's name or uid")),
            },
            "-A" => Self::Many(Many::All),
            "-u" => Self::Many(Many::Ordinary(login_defs::ordinary_uids())),
            "-S" => Self::Many(Many::System(login_defs::ordinary_uids())),
            other => {
                let message = format!("{other:?} is not known; it is one of -U NAME, -A, -u, -S");
                return Err(ProviderError::usage(message));
            }
        };
        match words.next() {
            None => Ok(selection),
            Some(word) => Err(ProviderError::usage(format!("{word:?} is too much: {option} stands alone"))),
        }
    }
}

impl Many {
    pub(crate) fn contains(&self, uid: u32) -> bool {
        match self {
            Self::All => true,
            Self::Ordinary(range) => range.contains(&uid),
            Self::System(range) => !range.contains(&uid),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_one_option_is_taken() {
        let parse = |line| Selection::parse(&Args::parse(line).unwrap());
        assert_eq!(parse("-U root"), Ok(Selection::One("root".to_owned())));
        assert_eq!(parse("-A"), Ok(Selection::Many(Many::All)));
        assert!(matches!(parse("-u"), Ok(Selection::Many(Many::Ordinary(_)))));
        assert!(matches!(parse("-S"), Ok(Selection::Many(Many::System(_)))));
        for bad in ["", "-U", "-U ''", "-U a b", "-A -u", "-A -A", "-x", "root", "--all"] {
            assert_eq!(parse(bad).unwrap_err().code(), ProviderError::USAGE, "{bad:?}");
        }
    }

    #[test]
    fn root_and_nobody_are_system_users() {
        let system = Many::System(1000..=60000);
        assert!(
            system.contains(0) && system.contains(65534) && !system.contains(1000) && !system.contains(60000)
        );
    }
}
