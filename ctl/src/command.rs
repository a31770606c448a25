//! Turns the flags of a command into the fields of a request.

use crate::cli::Command;
use crate::error::Error;
use agent_wire::message::{Bash, CommandLimits, StderrMode};
use std::io::{self, Read as _};

/// The most standard input that is sent, in bytes: a request must fit into one message.
const MAX_STDIN: u64 = 1 << 20;

/// Returns the command as a request has it. Reads standard input with `--stdin`.
///
/// # Errors
/// [`Error::Unavailable`] if words or input cannot be sent.
pub(crate) fn bash(command: &Command) -> Result<Bash, Error> {
    Ok(Bash {
        cmd: line(&command.words)?,
        user: command.user.clone().map(Into::into),
        group: command.group.clone().map(Into::into),
        cwd: command.cwd.clone(),
        env: command.env.clone(),
        stdin: if command.stdin { Some(standard_input()?) } else { None },
        stderr: command.stderr.map_or(StderrMode::Merge, StderrMode::from),
        max_output: command.max_output,
        limits: CommandLimits { memory: command.memory, cpu: command.cpu, pids: command.pids },
        ..Bash::default()
    })
}

/// Returns a single word as a shell command line; quotes several words so that the shell passes
/// them on unchanged.
fn line(words: &[String]) -> Result<String, Error> {
    match words {
        [line] => Ok(line.clone()),
        words => shlex::try_join(words.iter().map(String::as_str))
            .map_err(|_| Error::unavailable("a word of the command contains a NUL byte")),
    }
}

fn standard_input() -> Result<String, Error> {
    let mut bytes = Vec::new();
    let read = io::stdin().lock().take(MAX_STDIN + 1).read_to_end(&mut bytes);
    read.map_err(|error| Error::unavailable_by("cannot read standard input", error))?;
    if bytes.len() as u64 > MAX_STDIN {
        return Err(Error::unavailable(format!(
            "standard input exceeds the limit of {MAX_STDIN} bytes"
        )));
    }
    String::from_utf8(bytes).map_err(|_| Error::unavailable("standard input is not UTF-8 text"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_word_is_a_shell_line_and_several_are_quoted() {
        for (words, wanted) in [
            (&["ls | wc -l"][..], "ls | wc -l"),
            (&["ls", "a b", "$HOME", ""], "ls 'a b' '$HOME' ''"),
            (&["echo", "it's"], "echo \"it's\""),
        ] {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            assert_eq!(line(&words).unwrap(), wanted);
        }
        assert!(line(&["a".to_owned(), "\0".to_owned()]).is_err());
    }
}
