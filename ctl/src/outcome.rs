//! Prints a command's two outputs, and returns its exit status.

use crate::error::Error;
use crate::{output, query};
use agent_wire::message::{Data, Resp, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::io::{self, Write as _};
use std::process::ExitCode;

/// Prints the reply `text`: unchanged with `json`, otherwise the command's output.
///
/// # Errors
/// [`Error::Unavailable`] if it is unreadable, [`Error::Failed`] if the command did not exit by
/// itself.
pub(crate) fn print(text: &str, json: bool) -> Result<ExitCode, Error> {
    let response = query::response(text)?;
    if json {
        output::json(text)?;
    } else {
        print_outputs(&response)?;
    }
    status(&response)
}

/// Returns the command's exit status.
///
/// # Errors
/// [`Error::Failed`] if the command did not exit by itself.
pub(crate) fn status(response: &Response) -> Result<ExitCode, Error> {
    match u8::try_from(response.retcode) {
        Ok(status) if response.resp == Resp::Success => Ok(ExitCode::from(status)),
        _ => Err(query::failed(response)),
    }
}

/// Prints the command's output, as far as the reply has it.
///
/// # Errors
/// If the output is unreadable, or cannot be written.
pub(crate) fn print_outputs(response: &Response) -> Result<(), Error> {
    let text = match &response.data {
        None => "",
        Some(Data::Text(text)) => text,
        Some(Data::Json(value)) => value.get(),
    };
    output::bytes(&decoded(text, response.encoding.is_some())?)?;
    let errors = decoded(
        response.stderr.as_deref().unwrap_or_default(),
        response.stderr_encoding.is_some(),
    )?;
    // A closed standard error is not an error.
    let _ = io::stderr().write_all(&errors);
    for (name, dropped) in
        [("output", response.dropped), ("standard error", response.stderr_dropped)]
    {
        if let Some(dropped) = dropped {
            output::error(&format_args!(
                "{dropped} bytes are missing from the middle of the {name}"
            ));
        }
    }
    Ok(())
}

/// Returns output as the command printed it.
///
/// # Errors
/// [`Error::Unavailable`] if it is not base64.
pub(crate) fn decoded(text: &str, base64: bool) -> Result<Vec<u8>, Error> {
    if !base64 {
        return Ok(text.as_bytes().to_vec());
    }
    STANDARD.decode(text).map_err(|error| query::unreadable(&format_args!("base64: {error}")))
}
