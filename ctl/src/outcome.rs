//! A command's outcome: its two outputs printed, its exit status ours.

use crate::error::Error;
use crate::{output, query};
use agent_wire::message::{Data, Resp, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::io::{self, Write as _};
use std::process::ExitCode;

/// Prints the outcome in `text`: as it is with `json`, else what the command printed.
///
/// # Errors
/// [`Error::NotAsked`] when it can't be read, [`Error::Failed`] when the command did not end by itself.
pub(crate) fn print(text: &str, json: bool) -> Result<ExitCode, Error> {
    let response = query::response(text)?;
    if json {
        output::json(text)?;
    } else {
        print_outputs(&response)?;
    }
    status(&response)
}

/// The command's exit status.
///
/// # Errors
/// [`Error::Failed`] when it did not end by itself.
pub(crate) fn status(response: &Response) -> Result<ExitCode, Error> {
    match u8::try_from(response.retcode) {
        Ok(status) if response.resp == Resp::Success => Ok(ExitCode::from(status)),
        _ => Err(query::failed(response)),
    }
}

/// Prints what the command printed, as far as the response has it.
///
/// # Errors
/// When it can't be read or written.
pub(crate) fn print_outputs(response: &Response) -> Result<(), Error> {
    let text = match &response.data {
        None => "",
        Some(Data::Text(text)) => text,
        Some(Data::Json(value)) => value.get(),
    };
    output::bytes(&decoded(text, response.encoding.is_some())?)?;
    let errors = decoded(response.stderr.as_deref().unwrap_or_default(), response.stderr_encoding.is_some())?;
    // Whoever closed standard error does not want to hear.
    let _ = io::stderr().write_all(&errors);
    for (name, dropped) in [("output", response.dropped), ("standard error", response.stderr_dropped)] {
        if let Some(dropped) = dropped {
            output::error(&format_args!("{dropped} bytes were left out of the middle of its {name}"));
        }
    }
    Ok(())
}

/// Output as it was printed.
///
/// # Errors
/// [`Error::NotAsked`] when it is no base64.
pub(crate) fn decoded(text: &str, base64: bool) -> Result<Vec<u8>, Error> {
    if !base64 {
        return Ok(text.as_bytes().to_vec());
    }
    STANDARD
        .decode(text)
        .map_err(|error| Error::NotAsked(format!("the answer can't be read: base64: {error}")))
}
