//! The descriptors of the process, shared out among its connections, so that it never runs out.

use crate::error::Error;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Descriptors for everything but connections: the database, ports, files that are read.
const OWN: usize = 64;

/// Clients of the API at most: a quarter of all descriptors up to the first number, then a
/// twentieth up to the second.
const CLIENTS: usize = 1280;
const MAX_CLIENTS: usize = 4096;

/// The fewest descriptors that the controller starts with.
const LEAST: usize = 256;

/// The connections that there are descriptors for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Share {
    /// Connections of agents.
    pub(crate) agents: usize,
    /// Clients of the API.
    pub(crate) clients: usize,
}

/// Raises the limit of open files as far as allowed, since the soft limit is often 1024, and shares
/// it out; `max_agents` is the operator's own bound.
///
/// # Errors
/// When there are too few.
pub(crate) fn share_out(max_agents: u32) -> Result<Share, Error> {
    let limit = getrlimit(Resource::RLIMIT_NOFILE);
    let (soft, hard) = limit
        .map_err(std::io::Error::from)
        .map_err(Error::system("cannot read the limit of open files"))?;
    let limit = match setrlimit(Resource::RLIMIT_NOFILE, hard, hard) {
        Ok(()) => hard,
        Err(error) => {
            log::warn!("cannot raise the limit of open files: {error}");
            soft
        }
    };
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let wanted = usize::try_from(max_agents).unwrap_or(usize::MAX);
    let share = share(limit, wanted).ok_or_else(|| {
        Error::Flags(format!(
            "the limit of open files is {limit}; the controller needs at least {LEAST} (ulimit -n, \
             or LimitNOFILE= in a unit)"
        ))
    })?;
    if share.agents < wanted {
        log::info!(
            "room for {} agents: the limit of open files is {limit}, below --max-connections",
            share.agents
        );
    }
    Ok(share)
}

fn share(limit: usize, wanted: usize) -> Option<Share> {
    if limit < LEAST {
        return None;
    }
    let clients = CLIENTS.min((limit - OWN) / 4).max((limit - OWN) / 20).min(MAX_CLIENTS);
    Some(Share { agents: wanted.min(limit - OWN - clients), clients })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_never_take_all_descriptors() {
        for (limit, wanted, agents, clients) in [
            (256, 100_000, 144, 48),
            (1024, 100_000, 720, 240),
            (20_000, 100_000, 18_656, 1280),
            (1 << 20, 100_000, 100_000, 4096),
            (1 << 20, 7, 7, 4096),
        ] {
            assert_eq!(share(limit, wanted), Some(Share { agents, clients }), "{limit}");
        }
        assert_eq!(share(LEAST - 1, 1), None);
    }
}
