//! The global flags in the help: each subcommand shows those that it uses.

use clap::{Arg, Command};

/// Returns the command line with each global flag hidden where it is of no use. It is still parsed
/// there, so that the error can say why it does not fit.
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
            inside(sub, globals, &path)
        })
    })
}

/// Returns the ids of the global flags that a subcommand uses.
fn used(path: &[&str]) -> &'static [&'static str] {
    match path {
        ["list" | "describe"] => &["plugin_dir"],
        ["hosts"] => &["controller", "token_file"],
        ["cron", "next" | "explain" | "check"] => &[],
        ["exec" | "status"] | ["task" | "cron", ..] => &["controller", "host", "token_file"],
        _ => &[],
    }
}
