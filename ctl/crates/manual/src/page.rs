//! The pages of a program: one for itself, and one for each of its subcommands.

use crate::programs::Program;
use crate::roff;
use clap::Command;
use clap_mangen::Man;
use std::fmt::Write as _;

/// Our own words, for pages that have some: the page's name, and Markdown.
const TEXTS: [(&str, &str); 6] = [
    ("BasicAgent.8", include_str!("../text/BasicAgent.8.md")),
    ("BasicAgent-enroll.8", include_str!("../text/BasicAgent-enroll.8.md")),
    ("boot.8", include_str!("../text/boot.8.md")),
    ("BasicAgentController.8", include_str!("../text/BasicAgentController.8.md")),
    ("BasicAgentCtl.1", include_str!("../text/BasicAgentCtl.1.md")),
    ("BasicAgentCtl-status.1", include_str!("../text/BasicAgentCtl-status.1.md")),
];

/// Returns each page's file name and text.
pub(crate) fn all(program: &Program) -> Vec<(String, String)> {
    let mut command = program.command.clone().disable_help_subcommand(true);
    command.build();
    let mut pages = Vec::new();
    add(&command, None, program.section, &mut pages);
    pages
}

fn add(command: &Command, parent: Option<&str>, section: &str, pages: &mut Vec<(String, String)>) {
    let name = command.get_display_name().unwrap_or(command.get_name()).to_owned();
    let file = format!("{name}.{section}");
    pages.push((file.clone(), text(command, &file, parent, section)));
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
        add(sub, Some(&name), section, pages);
    }
}

fn text(command: &Command, file: &str, parent: Option<&str>, section: &str) -> String {
    let own = TEXTS.iter().find(|(name, _)| *name == file).map_or("", |(_, text)| text);
    let man = Man::new(command.clone()).section(section);
    let flags = sections(&man, command).expect("a page is written to memory");
    let flags = String::from_utf8(flags).expect("a page is text");
    let mut page = roff::head(file);
    page.push_str(&tidy(&flags));
    let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    page.push_str(&after_help(&after));
    page.push_str(&roff::of_markdown(own));
    if !own.contains("## SEE ALSO") {
        page.push_str(&see_also(command, parent, section));
    }
    page
}

/// Writes the sections that come from the flags.
fn sections(man: &Man, command: &Command) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    man.render_name_section(&mut bytes)?;
    man.render_synopsis_section(&mut bytes)?;
    man.render_description_section(&mut bytes)?;
    if command.get_arguments().any(|arg| !arg.is_hide_set()) {
        man.render_options_section(&mut bytes)?;
    }
    if command.get_subcommands().any(|sub| !sub.is_hide_set()) {
        man.render_subcommands_section(&mut bytes)?;
    }
    Ok(bytes)
}

/// Removes what every page would repeat, and lines that mandoc would warn of.
fn tidy(text: &str) -> String {
    // The macros of the roff crate for apostrophes: our head has none.
    let kept = text.lines().filter(|line| {
        !line.starts_with(".ie") && !line.starts_with(".el") && !line.trim().is_empty()
    });
    let mut tidy = String::new();
    for line in kept {
        if line == ".br" && tidy.ends_with("\n.br\n") {
            continue;
        }
        let line = line.trim_end().replace("\\*(Aq", "'");
        let _ = writeln!(tidy, "{}", if line.starts_with('.') { line } else { breakable(&line) });
    }
    tidy
}

/// Lets long lists be broken behind their commas.
fn breakable(line: &str) -> String {
    let words = line.split(' ').map(|word| match word.len() > 40 {
        true => word.replace(',', ",\\:"),
        false => word.to_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Writes the end of the help as sections: its paragraphs begin with the section's name.
fn after_help(help: &str) -> String {
    let mut page = String::new();
    for paragraph in help.split("\n\n").filter(|paragraph| !paragraph.trim().is_empty()) {
        let (first, rest) = paragraph.split_once('\n').unwrap_or((paragraph, ""));
        let section = if first.starts_with("Example") {
            Some("EXAMPLES")
        } else if first.starts_with("Exit status") {
            Some("EXIT STATUS")
        } else if first.starts_with("Signals") {
            Some("SIGNALS")
        } else {
            None
        };
        // "Exit status: 0 done; 1 failed" is a sentence, which may end with a colon too.
        let is_heading = first.strip_suffix(':').is_some_and(|head| !head.contains(": "));
        let title = section.unwrap_or("NOTES");
        if !page.contains(&format!(".SH \"{title}\"")) {
            page.push_str(&roff::section(title));
        } else {
            page.push_str(".PP\n");
        }
        match section {
            // "Exit status: 0 done; 1 failed": one paragraph.
            Some(_) if !is_heading => {
                let text = paragraph.split_once(':').map_or(paragraph, |(_, text)| text);
                page.push_str(&roff::paragraph(text.trim()));
            }
            Some(_) => {
                // "Exit status, of run and run apply:" says more than the section's name.
                if let Some((_, of)) = first.split_once(", ") {
                    page.push_str(&roff::paragraph(&capital(of)));
                }
                page.push_str(&match section {
                    Some("EXAMPLES") => roff::verbatim(rest),
                    _ => roff::definitions(rest),
                });
            }
            None if paragraph.contains("\n ") => page.push_str(&roff::verbatim(paragraph)),
            None => page.push_str(&roff::paragraph(paragraph)),
        }
    }
    page
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Names the pages around a subcommand's.
fn see_also(command: &Command, parent: Option<&str>, section: &str) -> String {
    let mut pages: Vec<String> = parent.into_iter().map(str::to_owned).collect();
    if let Some((program, _)) = parent.and_then(|parent| parent.split_once('-')) {
        pages.push(program.to_owned());
    }
    let name = command.get_display_name().unwrap_or(command.get_name());
    let subs = command.get_subcommands().filter(|sub| !sub.is_hide_set());
    pages.extend(subs.map(|sub| format!("{name}-{}", sub.get_name())));
    let named: Vec<String> = pages.iter().map(|page| format!("*{page}*({section})")).collect();
    roff::of_markdown(&format!("## SEE ALSO\n\n{}\n", named.join(", ")))
}
