//! `exec`: a command on a host, as if it ran here: its input, its two outputs, its exit status.

use crate::cli::Exec;
use crate::client::Controller;
use crate::error::Error;
use crate::{output, query};
use agent_wire::message::{Bash, DEFAULT_TIMEOUT, Data, MAX_OUTPUT, Resp, Response, StderrMode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::io::{self, Read as _, Write as _};
use std::process::ExitCode;
use std::time::Duration;

/// Bytes of standard input that are passed on: a request has to fit into one message.
const MAX_STDIN: u64 = 1 << 20;

/// Runs the command and gives its exit status.
///
/// # Errors
/// [`Error::NotAsked`], or [`Error::Failed`] when the command did not end by itself; what it had printed
/// by then is printed.
pub(crate) fn run(controller: &Controller, host: &str, exec: &Exec) -> Result<ExitCode, Error> {
    let bash = Bash {
        cmd: command(&exec.words)?,
        timeout: exec.timeout,
        user: exec.user.clone(),
        group: exec.group.clone(),
        cwd: exec.cwd.clone(),
        env: exec.env.clone(),
        stdin: if exec.stdin { Some(standard_input()?) } else { None },
        stderr: StderrMode::Separate,
        max_output: Some(MAX_OUTPUT),
        ..Bash::default()
    };
    let mut request = serde_json::to_value(&bash).expect("a command's fields go to memory");
    request["method"] = "sync.bash".into();
    let timeout = Duration::from_secs(exec.timeout.unwrap_or(DEFAULT_TIMEOUT));
    let text = controller.ask(host, &request.to_string(), Some(timeout))?;
    let response = query::response(&text)?;
    if exec.json {
        output::json(&text)?;
    } else {
        print(&response)?;
    }
    match u8::try_from(response.retcode) {
        Ok(status) if response.resp == Resp::Success => Ok(ExitCode::from(status)),
        _ => Err(query::failed(&response)),
    }
}

/// One word is a line of shell; several are quoted so that the shell sees them as they were given.
fn command(words: &[String]) -> Result<String, Error> {
    match words {
        [line] => Ok(line.clone()),
        words => shlex::try_join(words.iter().map(String::as_str))
            .map_err(|_| Error::NotAsked("a word of the command holds a NUL".to_owned())),
    }
}

fn standard_input() -> Result<String, Error> {
    let mut bytes = Vec::new();
    let read = io::stdin().lock().take(MAX_STDIN + 1).read_to_end(&mut bytes);
    read.map_err(|error| Error::NotAsked(format!("standard input: {error}")))?;
    if bytes.len() as u64 > MAX_STDIN {
        return Err(Error::NotAsked(format!(
            "standard input: more than {MAX_STDIN} bytes can't be passed on"
        )));
    }
    String::from_utf8(bytes)
        .map_err(|_| Error::NotAsked("standard input: only UTF-8 text can be passed on".to_owned()))
}

fn print(response: &Response) -> Result<(), Error> {
    let text = match &response.data {
        None => "",
        Some(Data::Text(text)) => text,
        Some(Data::Json(value)) => value.get(),
    };
    output::bytes(&decoded(text, response.encoding)?)?;
    let errors = decoded(response.stderr.as_deref().unwrap_or_default(), response.stderr_encoding)?;
    // Whoever closed standard error does not want to hear.
    let _ = io::stderr().write_all(&errors);
    for (name, dropped) in [("output", response.dropped), ("standard error", response.stderr_dropped)] {
        if let Some(dropped) = dropped {
            output::error(&format_args!("{dropped} bytes were left out of the middle of its {name}"));
        }
    }
    Ok(())
}

fn decoded(text: &str, encoding: Option<&str>) -> Result<Vec<u8>, Error> {
    match encoding {
        None => Ok(text.as_bytes().to_vec()),
        Some(_) => STANDARD
            .decode(text)
            .map_err(|error| Error::NotAsked(format!("the answer can't be read: base64: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_word_is_shell_and_several_are_quoted() {
        for (words, wanted) in [
            (&["ls | wc -l"][..], "ls | wc -l"),
            (&["ls", "a b", "$HOME", ""], "ls 'a b' '$HOME' ''"),
            (&["echo", "it's"], "echo \"it's\""),
        ] {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            assert_eq!(command(&words).unwrap(), wanted);
        }
        assert!(command(&["a".to_owned(), "\0".to_owned()]).is_err());
    }
}
