//! `whoami`: the caller's own account.

use super::parsed;
use super::roles::grants;
use crate::client::Controller;
use crate::error::Error;
use crate::print::{Output, Record, document};
use controller_api::{Me, Proof, path};

/// Prints who the caller is and what the caller may do.
///
/// # Errors
/// Any [`Error`].
pub(super) fn run(controller: &Controller, format: &Output) -> Result<(), Error> {
    let text = controller.read(path::ME)?;
    document(&text, format.format(), || {
        let me: Me = parsed(&text)?;
        let mut record = Record::default();
        record.add("name", &me.name).add("by", proof(me.by)).add("roles", me.roles.join(", "));
        grants(&mut record, &me.grants);
        Ok(record.text())
    })
}

/// Returns how a caller has proved who they are.
fn proof(proof: Proof) -> &'static str {
    match proof {
        Proof::TokenFile => "the controller's token file",
        Proof::ApiToken => "an API token",
        Proof::Session => "a session",
    }
}
