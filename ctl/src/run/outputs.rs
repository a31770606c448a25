//! The outputs of a run, equal ones once, the failures first.

use super::end::{failed_line, word};
use super::parsed;
use crate::client::Controller;
use crate::error::Error;
use crate::outcome::decoded;
use crate::terminal::safe;
use controller_api::{OutputGroup, OutputList, Run, TargetList, TargetState, path};
use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, IsTerminal as _};

/// The most groups that are printed.
const MAX_GROUPS: usize = 100;

/// The most lines of one output on a terminal.
const MAX_LINES: usize = 20;

/// The most hosts without output that are named for each state.
const MAX_NAMED: u64 = 10;

/// Returns the path of a run's groups.
pub(super) fn path(id: &str) -> String {
    format!("{}?limit={MAX_GROUPS}", path::run_outputs(id))
}

/// Returns the groups for people: each end but success with its outputs, then the hosts that ended
/// so without one, then success.
///
/// # Errors
/// Any [`Error`] of a request.
pub(super) fn text(
    controller: &Controller,
    run: &Run,
    outputs: &OutputList,
) -> Result<String, Error> {
    let mut text = String::new();
    let whole = !io::stdout().is_terminal();
    let ends = TargetState::ALL.into_iter().filter(|state| state.is_end());
    let (succeeded, failed): (Vec<_>, Vec<_>) =
        ends.partition(|state| *state == TargetState::Succeeded);
    for state in failed.into_iter().chain(succeeded) {
        let mut grouped = 0;
        for group in outputs.groups.iter().filter(|group| group.state == state) {
            grouped += group.count;
            text.push_str(&of_group(group, whole));
        }
        let left = run.equation.of(state).saturating_sub(grouped);
        // Where groups were left out, their hosts are not without output.
        if left > 0 && state != TargetState::Succeeded && !(outputs.more && grouped > 0) {
            text.push_str(&without_output(controller, run, outputs, state, left)?);
        }
    }
    if outputs.more {
        let _ = writeln!(text, "… and more outputs: BasicAgentCtl run targets {}", run.id);
    }
    Ok(text)
}

/// Returns the hosts that ended in a state and are in no group, as far as they are named.
fn without_output(
    controller: &Controller,
    run: &Run,
    outputs: &OutputList,
    state: TargetState,
    left: u64,
) -> Result<String, Error> {
    let mut text = String::new();
    let path =
        format!("{}?state={}&limit={}", path::run_targets(&run.id), state.name(), 10 * MAX_NAMED);
    let page: TargetList = parsed(&controller.read(&path)?)?;
    let is_grouped = |digest: &String| outputs.groups.iter().any(|group| group.digest == *digest);
    let mut named = 0;
    for target in page.targets {
        if named < MAX_NAMED && !target.digest.as_ref().is_some_and(is_grouped) {
            named += 1;
            let _ = writeln!(text, "{}", failed_line(&target));
        }
    }
    if left > named {
        let _ = writeln!(
            text,
            "… and {} more {}: BasicAgentCtl run targets {} --state {}",
            left - named,
            word(state),
            run.id,
            state.name()
        );
    }
    Ok(text)
}

/// Returns one output with the hosts that have it.
fn of_group(group: &OutputGroup, whole: bool) -> String {
    let code = match (group.state, group.code) {
        (TargetState::Failed, Some(code @ 0..=255)) => format!(" with status {code}"),
        (TargetState::Succeeded, _) | (_, None) => String::new(),
        (_, Some(code)) => format!(" ({code})"),
    };
    let more = match group.count.saturating_sub(group.hosts.len() as u64) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let hosts: Vec<String> = group.hosts.iter().map(|host| safe(host)).collect();
    let mut text =
        format!("{} {}{code}: {}{more}\n", group.count, word(group.state), hosts.join(", "));
    let head = head(group);
    let lines: Vec<&str> = head.lines().collect();
    let shown = if whole { lines.len() } else { lines.len().min(MAX_LINES) };
    for line in &lines[..shown] {
        // Tabs are no harm at the beginning of columns, and outputs are full of them.
        let is_raw = whole && !group.base64;
        let line = if is_raw { (*line).to_owned() } else { safe(&line.replace('\t', "    ")) };
        text.push_str(format!("    {line}").trim_end());
        text.push('\n');
    }
    if shown < lines.len() || group.truncated {
        let host = hosts.first().map_or("HOST", String::as_str);
        let _ = writeln!(text, "    … (whole: run output RUN --host {host})");
    }
    text
}

/// Returns the beginning of an output as text: a byte that belongs to no text as `\xNN`.
fn head(group: &OutputGroup) -> Cow<'_, str> {
    if !group.base64 {
        return Cow::Borrowed(&group.head);
    }
    // Four characters are three bytes; the head may end between them.
    let whole = group.head.get(..group.head.len() / 4 * 4).unwrap_or_default();
    let Ok(bytes) = decoded(whole, true) else { return Cow::Borrowed(&group.head) };
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(state: TargetState, code: Option<u16>, head: &str) -> OutputGroup {
        OutputGroup {
            digest: "d".to_owned(),
            count: 3,
            state,
            code,
            hosts: vec!["web-1".to_owned(), "web\u{1b}[2J".to_owned()],
            head: head.to_owned(),
            truncated: false,
            base64: false,
        }
    }

    #[test]
    fn a_group_says_how_many_hosts_ended_how_and_its_output_steers_no_terminal() {
        let failed = group(TargetState::Failed, Some(7), "a\tb\u{1b}[31m\n\n");
        assert_eq!(
            of_group(&failed, false),
            "3 failed with status 7: web-1, web\\u{1b}[2J and 1 more\n    a    b\\u{1b}[31m\n\n"
        );
        let refused = group(TargetState::Refused, Some(3023), "");
        assert!(of_group(&refused, false).starts_with("3 refused (3023): "));
        let many = "x\n".repeat(MAX_LINES + 1);
        let long = of_group(&group(TargetState::Succeeded, Some(0), &many), false);
        assert_eq!(long.matches("    x\n").count(), MAX_LINES);
        assert!(long.starts_with("3 succeeded: ") && long.contains("--host web-1"), "{long}");
        let piped = of_group(&group(TargetState::Succeeded, Some(0), &many), true);
        assert_eq!(piped.matches("    x\n").count(), MAX_LINES + 1);
    }

    #[test]
    fn an_output_that_is_no_text_is_shown_by_its_bytes() {
        // "ok", a line feed, 0xff 0x00 0x1b, "[2J"; the last character stands for a cut.
        let head = "b2sK/wAbWzJKz";
        let bytes = OutputGroup { base64: true, ..group(TargetState::Succeeded, Some(0), head) };
        for whole in [true, false] {
            let text = of_group(&bytes, whole);
            assert!(text.ends_with("\n    ok\n    \\xff\\u{0}\\u{1b}[2J\n"), "{text:?}");
        }
        let wrong = OutputGroup { head: "!!!!".to_owned(), ..bytes };
        assert!(of_group(&wrong, false).ends_with("\n    !!!!\n"), "it is no base64");
    }
}
