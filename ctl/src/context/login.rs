//! `login` and `logout`: a password becomes an API token, which a context keeps; and back.

use super::chosen_name;
use super::entry::{Entry, Secret};
use super::file::Contexts;
use super::place::Place;
use crate::cli::{Login, Logout, Password};
use crate::client::{self, Ca, Connection, Credentials, WAIT};
use crate::error::Error;
use crate::terminal::{self, safe};
use crate::{exit, output, query};
use controller_api::{LoggedIn, Me, path};
use std::io::Read as _;
use std::path::Path;
use std::process::ExitCode;
use ureq::http::Method;

/// The longest password that is read from a file or standard input, in bytes.
const MAX_PASSWORD: u64 = 4096;

/// Logs in and keeps the token in a context, which becomes the current one.
///
/// # Errors
/// Any [`Error`]; then no context is changed.
pub(crate) fn login(login: &Login) -> Result<ExitCode, Error> {
    let before = Contexts::read()?;
    let place = Place::new(&before, login)?;
    place.ca.check_for(&place.address)?;
    let anchors = match &place.ca {
        Ca::System => None,
        ca => Some(client::pem(&client::anchors(ca, &place.address)?)),
    };
    let ca = anchors.clone().map_or(Ca::System, Ca::Pem);
    let open = |credentials| Connection::new(place.address.clone(), &ca, credentials);
    let (operator, expires, token) = match &login.token_file {
        Some(file) => {
            let me = ask_me(&open(Credentials::of_flags(Some(file))?)?)?;
            (me.name, None, Credentials::of_flags(Some(file))?.into_token())
        }
        None => {
            let done = with_password(&open(Credentials::none())?, &place, login)?;
            (done.name, Some(done.expires), done.token.map(Secret::new))
        }
    };
    let Some(token) = token else {
        return Err(Error::unavailable("the controller logged in without a token"));
    };
    let entry = Entry {
        url: place.address.base.clone(),
        ca: anchors,
        operator: Some(operator.clone()),
        expires,
        token: Some(token),
    };
    keep(&place.name, entry)?;
    said(&format!(
        "logged in to {} as {}; context {} is the current one",
        place.address.base,
        safe(&operator),
        place.name
    ));
    Ok(ExitCode::from(exit::DONE))
}

/// Ends the context's token, there and here.
///
/// # Errors
/// [`Error::Usage`] without such a context; if the controller cannot be told, its error, after the
/// token is removed here.
pub(crate) fn logout(logout: &Logout) -> Result<ExitCode, Error> {
    let contexts = Contexts::read()?;
    let name = chosen_name(&contexts, logout.context.as_deref())
        .ok_or_else(|| Error::usage("there is no current context: name one with --context"))?;
    let context = contexts.find(&name)?;
    if context.entry.token.is_none() {
        said(&format!("context {name} is logged out already"));
        return Ok(ExitCode::from(exit::DONE));
    }
    let told = Connection::of_context(context).and_then(|connection| {
        let sent = connection.send(&Method::POST, path::LOGOUT, None, &[], WAIT)?;
        connection.text(sent)
    });
    Contexts::update(|all| {
        if let Some(entry) = all.contexts.get_mut(&name) {
            entry.token = None;
            entry.expires = None;
        }
        Ok(())
    })?;
    match told {
        Ok(_) => {
            said(&format!("logged out of context {name}"));
            Ok(ExitCode::from(exit::DONE))
        }
        // A token that cannot be ended this way, such as the controller's token file.
        Err(error @ Error::Failed(_)) => {
            said(&format!("the token of context {name} is removed here; {}", error.chain()));
            Ok(ExitCode::from(exit::DONE))
        }
        Err(error) => {
            said(&format!(
                "the token of context {name} is removed here, but not at the controller"
            ));
            Err(error)
        }
    }
}

/// Keeps a context and makes it the current one.
pub(super) fn keep(name: &str, entry: Entry) -> Result<(), Error> {
    Contexts::update(|all| {
        all.contexts.insert(name.to_owned(), entry);
        all.current = Some(name.to_owned());
        Ok(())
    })
}

fn with_password(connection: &Connection, place: &Place, login: &Login) -> Result<LoggedIn, Error> {
    let name = match (&login.name, &place.operator) {
        (Some(name), _) => name.clone(),
        (None, known) if terminal::is_interactive() => asked_name(known.as_deref())?,
        (None, Some(known)) => known.clone(),
        (None, None) => return Err(Error::usage("--name NAME is required without a terminal")),
    };
    let password =
        read(&login.password, &format!("Password of {} at {}: ", safe(&name), place.address.base))?;
    let body = controller_api::Login {
        name,
        password,
        token_name: Some(token_name()),
        days: login.days,
        session: false,
    };
    let body = serde_json::to_string(&body).expect("a body serializes to memory");
    let reply = connection.send(&Method::POST, path::LOGIN, Some(&body), &[], WAIT)?;
    serde_json::from_str(&connection.text(reply)?).map_err(|error| query::unreadable(&error))
}

fn asked_name(known: Option<&str>) -> Result<String, Error> {
    let prompt =
        known.map_or_else(|| "Name: ".to_owned(), |known| format!("Name [{}]: ", safe(known)));
    let typed = terminal::line(&prompt)?;
    match (typed.is_empty(), known) {
        (false, _) => Ok(typed),
        (true, Some(known)) => Ok(known.to_owned()),
        (true, None) => Err(Error::usage("a name is required")),
    }
}

/// Returns what the list of the operator's API tokens shows: `login on HOST`.
fn token_name() -> String {
    let host = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    host.map_or_else(|| "login".to_owned(), |host| format!("login on {host}"))
}

/// Reads a password as the flags say; without a flag, from the terminal after `prompt`.
///
/// # Errors
/// [`Error::Usage`] without a terminal; [`Error::Unavailable`] if it cannot be read.
pub(crate) fn read(password: &Password, prompt: &str) -> Result<String, Error> {
    let (text, source) = match (&password.password_file, password.password_stdin) {
        (Some(path), _) => (from_file(path)?, path.display().to_string()),
        (None, true) => {
            let mut text = String::new();
            let read = std::io::stdin().lock().take(MAX_PASSWORD).read_to_string(&mut text);
            read.map_err(|error| Error::unavailable_by("cannot read standard input", error))?;
            (text, "standard input".to_owned())
        }
        (None, false) => (terminal::password(prompt)?, "the terminal".to_owned()),
    };
    // The line's end is no part of it; blanks are.
    let password = text.strip_suffix('\n').unwrap_or(&text);
    let password = password.strip_suffix('\r').unwrap_or(password);
    if password.is_empty() {
        return Err(Error::usage(format!("the password from {source} is empty")));
    }
    Ok(password.to_owned())
}

fn from_file(path: &Path) -> Result<String, Error> {
    let failed = |error| Error::unavailable_by(path.display().to_string(), error);
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(MAX_PASSWORD).read_to_string(&mut text).map_err(failed)?;
    Ok(text)
}

/// Asks the controller whose token this is.
pub(super) fn ask_me(connection: &Connection) -> Result<Me, Error> {
    let reply = connection.send(&Method::GET, path::ME, None, &[], WAIT)?;
    serde_json::from_str(&connection.text(reply)?).map_err(|error| query::unreadable(&error))
}

/// Prints a sentence on standard error.
pub(super) fn said(text: &str) {
    output::error_lines(&format!("{text}\n"));
}
