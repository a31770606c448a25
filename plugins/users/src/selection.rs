//! The users that a call selects: by exactly one of the four options.

use std::ops::RangeInclusive;

use plugin_api::{Opt, Options};

use crate::login_defs;

/// The selected users and fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Selection {
    /// `-U NAME`: a name or a numeric uid.
    One(String),
    /// The other options: a list.
    Many(Many),
}

/// Which part of all users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Many {
    /// `-A`.
    All,
    /// `-u`: uids within the range.
    Ordinary(RangeInclusive<u32>),
    /// `-S`: uids outside of the range.
    System(RangeInclusive<u32>),
}

pub(crate) const OPTIONS: Options<Selection> = Options::exactly_one(&[
    Opt::value("-U NAME", "one user, by name or numeric uid", |chosen, value| {
        *chosen = Selection::One(value.text()?.to_owned());
        Ok(())
    }),
    Opt::flag("-A", "all users", |chosen| *chosen = Selection::Many(Many::All)),
    Opt::flag("-u", "ordinary users: uids from UID_MIN to UID_MAX of /etc/login.defs", |chosen| {
        *chosen = Selection::Many(Many::Ordinary(login_defs::ordinary_uids()));
    }),
    Opt::flag("-S", "system users: all others, including root and nobody", |chosen| {
        *chosen = Selection::Many(Many::System(login_defs::ordinary_uids()));
    }),
]);

impl Default for Selection {
    fn default() -> Self {
        Self::Many(Many::All)
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
    use plugin_api::{Args, ProviderError};

    #[test]
    fn exactly_one_option_is_taken() {
        let parse = |line| OPTIONS.parse(&Args::parse(line).unwrap());
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
            system.contains(0)
                && system.contains(65534)
                && !system.contains(1000)
                && !system.contains(60000)
        );
    }
}
