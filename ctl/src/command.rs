//! The flags of a command → the fields of a request.

use crate::cli::Command;
use crate::error::Error;
use agent_wire::message::Bash;
use std::io::{self, Read as _};

/// Bytes of standard input that are passed on: a request has to fit into one message.
const MAX_STDIN: u64 = 1 << 20;

/// The command as a request has it; reads standard input where it is to be passed on.
///
/// # Errors
/// [`Error::NotAsked`] when words or input can't travel.
pub(crate) fn bash(command: &Command) -> Result<Bash, Error> {
    Ok(Bash {
        cmd: line(&command.words)?,
        user: command.user.clone(),
        group: command.group.clone(),
        cwd: command.cwd.clone(),
        env: command.env.clone(),
        stdin: if command.stdin { Some(standard_input()?) } else { None },
        ..Bash::default()
    })
}

/// One word is a line of shell; several are quoted so that the shell sees them as they were given.
fn line(words: &[String]) -> Result<String, Error> {
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
            assert_eq!(line(&words).unwrap(), wanted);
        }
        assert!(line(&["a".to_owned(), "\0".to_owned()]).is_err());
    }
}
