//! Who this host is at the start: what it says about itself, and whether the identity in the state
//! directory is its own.

use super::error::Error;
use crate::config::Config;
use crate::enroll::{Folder, sha256_hex};
use crate::identity::{Identity, machine_id};
use crate::link::{Host, discard_token};
use crate::task;
use agent_wire::message::{Joiner, MAX_APPROVAL_WAIT};

/// Returns what the host says about itself.
pub(super) fn host(identity: &Identity) -> Result<Host, Error> {
    let joiner = Joiner {
        machine: machine_id().map(|id| sha256_hex(id.as_bytes())),
        boot: Some(task::boot_id().map_err(Error::Task)?),
        version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        wait: MAX_APPROVAL_WAIT,
    };
    Ok(Host { id: identity.host_id.clone(), joiner })
}

/// Returns the id of a host that has joined. An identity of another machine is set aside where
/// `[enroll]` says how this one joins.
pub(super) fn joined_as(config: &Config) -> Result<Option<String>, Error> {
    if config.tls.names_files() {
        return Ok(None);
    }
    let folder = Folder::of(&config.state_dir);
    let Some(joined) = folder.joined().map_err(Error::Enroll)? else { return Ok(None) };
    let machine = machine_id().map(|id| sha256_hex(id.as_bytes()));
    if joined.record.is_of_another_machine(machine.as_deref()) {
        if !config.enroll.is_set() {
            return Err(Error::OtherMachine { host_id: joined.host_id });
        }
        let key = folder.lock().and_then(|locked| locked.set_aside()).map_err(Error::Enroll)?;
        log::warn!(
            "the machine id is not that of the host that joined as {}: its key is set aside, {}, \
             and this host joins again",
            joined.host_id,
            key.display()
        );
        return Ok(None);
    }
    // A crash may have come between joining and this.
    if let Some(path) = &config.enroll.token_file {
        discard_token(path);
    }
    Ok(Some(joined.host_id))
}
