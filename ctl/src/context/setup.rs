//! `setup`: the first operator, by the link that the controller prints at its first start.

use super::login::{read, said};
use crate::cli::Setup;
use crate::client::{Address, Ca, Connection, Credentials, WAIT};
use crate::error::Error;
use crate::exit;
use crate::terminal::{self, safe};
use controller_api::path;
use std::process::ExitCode;
use ureq::http::Method;

/// Creates the first operator, an admin. `login` follows.
///
/// # Errors
/// Any [`Error`]; the link stays good for another try.
pub(crate) fn setup(setup: &Setup) -> Result<ExitCode, Error> {
    let (url, secret) = parts(&setup.link)?;
    let address = Address::parse(url, "the link")?;
    let ca = setup.ca.as_ref().unwrap_or(&Ca::System);
    ca.check_for(&address)?;
    let name = match &setup.name {
        Some(name) => name.clone(),
        None if terminal::is_interactive() => terminal::line("Name of the first operator: ")?,
        None => return Err(Error::usage("--name NAME is required without a terminal")),
    };
    let password = new_password(&setup.password, &name)?;
    let body = controller_api::Setup { secret: secret.to_owned(), name: name.clone(), password };
    let body = serde_json::to_string(&body).expect("a body serializes to memory");
    let connection = Connection::new(address.clone(), ca, Credentials::none())?;
    let reply = connection.send(&Method::POST, path::SETUP, Some(&body), &[], WAIT)?;
    connection.text(reply)?;
    said(&format!(
        "operator {} is created; log in with: BasicAgentCtl login {} --name {}",
        safe(&name),
        address.base,
        safe(&name)
    ));
    Ok(ExitCode::from(exit::DONE))
}

/// Reads a new password; on a terminal twice, so that a typo locks nobody out.
///
/// # Errors
/// As [`read`]; [`Error::Usage`] if the two differ.
pub(crate) fn new_password(flags: &crate::cli::Password, name: &str) -> Result<String, Error> {
    let first = read(flags, &format!("New password of {}: ", safe(name)))?;
    if flags.is_typed() && terminal::password("The same again: ")? != first {
        return Err(Error::usage("the two passwords differ; nothing was changed"));
    }
    Ok(first)
}

/// Splits a link into its address and its secret: `https://HOST:PORT/setup#SECRET`.
fn parts(link: &str) -> Result<(&str, &str), Error> {
    let wrong = || Error::usage("expected the whole link that the controller printed");
    let (place, secret) = link.split_once('#').ok_or_else(wrong)?;
    let after = place.find("://").map(|at| at + 3).ok_or_else(wrong)?;
    let end = place[after..].find('/').map_or(place.len(), |at| after + at);
    // The fragment may name its secret.
    let secret = secret.strip_prefix("secret=").unwrap_or(secret);
    if secret.is_empty() { Err(wrong()) } else { Ok((&place[..end], secret)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_has_an_address_and_a_secret() {
        assert_eq!(parts("https://c:7480/setup#abc").unwrap(), ("https://c:7480", "abc"));
        assert_eq!(parts("http://127.0.0.1:1#secret=x").unwrap(), ("http://127.0.0.1:1", "x"));
        for wrong in ["", "https://c:7480/setup", "https://c/#", "c#x"] {
            assert!(parts(wrong).is_err(), "{wrong}");
        }
    }
}
