//! Completions of bash, zsh and fish: clap_complete's, in which files, folders and users complete as
//! such, and host ids and labels by the hidden subcommand `BasicAgentCtl complete`.
//!
//! clap has no hint for our own values, so two that the programs do not use stand for them:
//! [`HOST`] and [`SELECTOR`]. zsh's script names a function for each, which we replace by ours; in
//! bash and fish, where the script has no place for them, lines are added.

use crate::programs;
use clap::{Arg, Command, ValueHint};
use clap_complete::aot::{Bash, Fish, Generator, Zsh};
use std::fmt::Write as _;

/// Stands for a host id.
const HOST: ValueHint = ValueHint::Hostname;

/// Stands for a selector, or for labels.
const SELECTOR: ValueHint = ValueHint::EmailAddress;

/// The program whose hosts and labels come from a controller.
const CTL: &str = "BasicAgentCtl";

/// The lines added to each shell's script of [`CTL`].
const BASH: &str = include_str!("../text/dynamic.bash");
const ZSH: &str = include_str!("../text/dynamic.zsh");
const FISH: &str = include_str!("../text/dynamic.fish");

/// The place in [`BASH`] of the subcommands whose words are hosts.
const PLACE: &str = "@HOSTS@";

/// Returns each script's path and text.
pub(crate) fn all() -> Vec<(String, String)> {
    let mut scripts = Vec::new();
    for program in programs::all() {
        let name = program.command.get_name().to_owned();
        let command = hinted(&program.command, &[], &[]).disable_help_subcommand(true);
        let bash = script(Bash, &command, &name);
        let zsh = script(Zsh, &command, &name);
        let fish = with_values_of_flags(&script(Fish, &command, &name));
        let (bash, zsh, fish) = match name.as_str() {
            CTL => {
                (dynamic_bash(&bash, &command), dynamic_zsh(&zsh), dynamic_fish(&fish, &command))
            }
            _ => (bash, zsh, fish),
        };
        scripts.push((format!("bash/{name}"), bash));
        scripts.push((format!("zsh/_{name}"), zsh));
        scripts.push((format!("fish/{name}.fish"), fish));
    }
    scripts
}

fn script(shell: impl Generator, command: &Command, name: &str) -> String {
    let mut bytes = Vec::new();
    clap_complete::aot::generate(shell, &mut command.clone(), name, &mut bytes);
    String::from_utf8(bytes).expect("a script is text")
}

/// Gives each flag its hint, and leaves out hidden ones: nobody types them. A global flag, which
/// clap would add everywhere, becomes a flag of each subcommand that does not hide it.
fn hinted(command: &Command, globals: &[Arg], path: &[&str]) -> Command {
    let own: Vec<Arg> = command.get_arguments().cloned().collect();
    let is_new = |arg: &&Arg| own.iter().all(|known| known.get_id() != arg.get_id());
    let inherited = globals.iter().filter(is_new).cloned();
    let args: Vec<Arg> = own.iter().cloned().chain(inherited).collect();
    let globals: Vec<Arg> = match path {
        [] => args.iter().filter(|arg| arg.is_global_set()).cloned().collect(),
        _ => globals.to_vec(),
    };
    // clap can add, but not remove.
    let mut fresh = Command::new(command.get_name().to_owned().leak() as &'static str);
    if let Some(about) = command.get_about() {
        fresh = fresh.about(about.clone());
    }
    if let Some(version) = command.get_version() {
        fresh = fresh.version(version.to_owned().leak() as &'static str);
    }
    for arg in args.into_iter().filter(|arg| !arg.is_hide_set()) {
        let hint = hint(&arg, path);
        fresh = fresh.arg(arg.global(false).value_hint(hint));
    }
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
        fresh = fresh.subcommand(hinted(sub, &globals, &[path, &[sub.get_name()]].concat()));
    }
    fresh
}

fn hint(arg: &Arg, path: &[&str]) -> ValueHint {
    let value = arg.get_value_names().and_then(|names| names.first()).map_or("", |name| name);
    let of_host = path.first().is_some_and(|first| *first == "host");
    match (arg.get_long(), value) {
        (Some("host"), _) | (None, "HOST" | "HOST[@TIME]") => HOST,
        (None, "ID") if of_host => HOST,
        (Some("selector" | "label"), _) => SELECTOR,
        (Some("user"), _) => ValueHint::Username,
        (_, "DIR") => ValueHint::DirPath,
        (_, "FILE" | "PATH" | "FILE|offline" | "PIN|FILE" | "CA") => ValueHint::FilePath,
        (_, "FILE|DIR") => ValueHint::AnyPath,
        _ => ValueHint::Unknown,
    }
}

/// Returns the subcommands of which a word is a host: `host show`.
fn with_hosts(command: &Command, path: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    if command.get_positionals().any(|arg| arg.get_value_hint() == HOST) {
        found.push(path.join(" "));
    }
    for sub in command.get_subcommands() {
        found.extend(with_hosts(sub, &[path, &[sub.get_name()]].concat()));
    }
    found
}

fn dynamic_bash(script: &str, command: &Command) -> String {
    let patterns: Vec<String> =
        with_hosts(command, &[]).iter().map(|path| format!("*\" {path} \"*")).collect();
    // Ours asks the generated function for all other words.
    let ours =
        script.replace(&format!("complete -F _{CTL} "), &format!("complete -F _{CTL}_words "));
    ours + &BASH.replace(PLACE, &patterns.join(" | "))
}

fn dynamic_zsh(script: &str) -> String {
    let script = script
        .replace(":_hosts'", ":_basicagentctl_hosts'")
        .replace(":_email_addresses'", ":_basicagentctl_labels'");
    // zsh runs the end of the file, so our functions stand before it.
    let (head, body) = script.split_once("\n\n").expect("the script begins with #compdef");
    format!("{head}\n\n{ZSH}\n{body}")
}

/// Lets fish complete the value of a flag that stands before the subcommand: clap's script finds a
/// line wrong that ends with a flag without its value, and offers files.
fn with_values_of_flags(script: &str) -> String {
    let Some(parse) = script.lines().find(|line| line.contains("argparse -s")) else {
        return script.to_owned();
    };
    let again = format!("{parse}\n    or begin\n        set -e cmd[-1]\n    {parse}\n    end\n");
    script.replacen(&format!("{parse}\n"), &again, 1)
}

fn dynamic_fish(script: &str, command: &Command) -> String {
    let mut script = script.replace("(__fish_print_hostnames)", "(__basicagentctl_complete hosts)");
    script.push_str(FISH);
    for path in with_hosts(command, &[]) {
        let seen: Vec<String> =
            path.split(' ').map(|word| format!("__fish_seen_subcommand_from {word}")).collect();
        let _ = writeln!(
            script,
            "complete -c {CTL} -n \"{}\" -f -a \"(__basicagentctl_complete hosts)\"",
            seen.join("; and ")
        );
    }
    script
}
