//! The global flags in the help: each subcommand shows those that it uses.

use super::examples;
use crate::exit;
use clap::{Arg, Command};

/// Returns the command line with the examples, and with each global flag hidden where it is of no
/// use. It is still parsed there, so that the error can say why it does not fit.
pub(super) fn trimmed(command: Command) -> Command {
    let globals: Vec<Arg> =
        command.get_arguments().filter(|arg| arg.is_global_set()).cloned().collect();
    inside(command, &globals, &[])
}

fn inside(command: Command, globals: &[Arg], path: &[&str]) -> Command {
    let names: Vec<String> =
        command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    names.iter().fold(command, |command, name| {
        let path: Vec<&str> = path.iter().copied().chain([name.as_str()]).collect();
        command.mut_subcommand(name, |sub| {
            let unused = globals.iter().filter(|arg| !used(&path).contains(&arg.get_id().as_str()));
            let sub = unused.fold(sub, |sub, arg| sub.arg(arg.clone().hide(true)));
            let sub = with_examples(sub, &path);
            inside(sub, globals, &path)
        })
    })
}

/// Puts the examples before what the help ends with.
fn with_examples(command: Command, path: &[&str]) -> Command {
    let examples = examples::of(path);
    if examples.is_empty() {
        return command;
    }
    let mut text = if examples.len() == 1 { "Example:" } else { "Examples:" }.to_owned();
    for example in examples {
        text.push_str("\n  ");
        text.push_str(example);
    }
    let about_a_controller = matches!(
        path,
        ["logout" | "setup" | "whoami" | "hosts" | "host" | "token" | "ca" | "operator", ..]
            | ["role" | "audit" | "run" | "node" | "budget" | "history", ..]
    );
    if let Some(after) = command.get_after_help() {
        text = format!("{text}\n\n{after}");
    } else if about_a_controller {
        text = format!("{text}\n\n{}", exit::SHORT_HELP);
    }
    command.after_help(text)
}

/// Returns the ids of the global flags that a subcommand uses.
fn used(path: &[&str]) -> &'static [&'static str] {
    const CONTROLLER: &[&str] = &["context", "controller", "token_file", "ca"];
    match path {
        ["list" | "describe"] => &["plugin_dir"],
        ["login"] => &["context", "token_file", "ca"],
        ["logout"] => &["context"],
        ["setup"] => &["ca"],
        ["whoami" | "hosts" | "host" | "token" | "ca" | "operator" | "role", ..]
        | ["node" | "budget", ..] => CONTROLLER,
        ["run", "show" | "targets" | "apply" | "cancel" | "again" | "watch"] => CONTROLLER,
        ["cron", "next" | "explain" | "check"] => &[],
        ["exec" | "status" | "audit"] | ["task" | "cron" | "audit" | "run" | "history", ..] => {
            &["context", "controller", "host", "token_file", "ca"]
        }
        _ => &[],
    }
}
