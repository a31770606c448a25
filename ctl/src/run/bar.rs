//! The progress of a run: one line on standard error, and a line for each of the first hosts that
//! fail. Only on a terminal.

use super::end::{equation, failed_line};
use controller_api::{Run, RunState, Target, TargetState};
use std::io::{self, IsTerminal as _, Write as _};
use std::os::fd::AsFd as _;
use unicode_width::UnicodeWidthStr as _;

/// The most failures that have a line while the run goes on.
const MAX_FAILURES: usize = 10;

/// The columns of a bar.
const BAR: usize = 20;

/// The columns of a terminal that does not say how wide it is.
const USUAL: usize = 80;

/// The progress line.
pub(super) struct Bar {
    on: bool,
    failures: usize,
}

impl Bar {
    pub(super) fn new() -> Self {
        Self { on: io::stderr().is_terminal(), failures: 0 }
    }

    /// Draws how far the run is.
    pub(super) fn draw(&mut self, run: &Run) {
        if self.on && run.state != RunState::Ended {
            let size = terminal_size::terminal_size_of(io::stderr().as_fd());
            let columns = size.map_or(USUAL, |(width, _)| usize::from(width.0));
            let line = format!("\r\x1b[K{}", line(run, columns));
            let _ = io::stderr().write_all(line.as_bytes());
        }
    }

    /// Prints hosts that have just ended without success, above the line.
    pub(super) fn changed(&mut self, targets: &[Target]) {
        let is_failure =
            |target: &&Target| target.state.is_end() && target.state != TargetState::Succeeded;
        for target in targets.iter().filter(is_failure) {
            if !self.on || self.failures == MAX_FAILURES {
                return;
            }
            self.failures += 1;
            let more = match self.failures {
                MAX_FAILURES => "(further hosts are listed at the end)\n",
                _ => "",
            };
            let line = format!("\r\x1b[K{}\n{more}", failed_line(target));
            let _ = io::stderr().write_all(line.as_bytes());
        }
    }

    /// Removes the line.
    pub(super) fn clear(&self) {
        if self.on {
            let _ = io::stderr().write_all(b"\r\x1b[K");
        }
    }
}

/// Returns the line, without the bar where the terminal is narrow.
fn line(run: &Run, columns: usize) -> String {
    let counts = &run.equation;
    let (ended, total) = (counts.ended(), counts.total.max(1));
    let stopping = if run.state == RunState::Stopping { "stopping: " } else { "" };
    let sum = format!("{stopping}{}", equation(counts));
    let filled = usize::try_from(ended * BAR as u64 / total).unwrap_or(0).min(BAR);
    let bar = format!("[{}{}] ", "#".repeat(filled), "-".repeat(BAR - filled));
    let fits = |text: &str| text.width() < columns;
    let whole = format!("{bar}{sum}");
    if fits(&whole) {
        return whole;
    }
    if fits(&sum) {
        return sum;
    }
    let short = format!("{stopping}{ended} of {}", counts.total);
    if fits(&short) { short } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn run(state: &str) -> Run {
        serde_json::from_value(json!({
            "id": "r", "hash": "h", "state": state,
            "equation": {"total": 400, "waiting": 230, "sent": 3, "running": 47,
                "succeeded": 118, "failed": 2},
            "stages": [], "request": {"method": "async.bash"},
            "options": {"stages": ["100%"], "soak": 0, "max_failed": 0, "concurrency": 50,
                "ramp": true, "stop_after": 3, "no_wait": false},
            "created_by": "a", "created_at": "2026-01-01T00:00:00Z",
            "valid_until": "2026-01-01T01:00:00Z", "change": 7
        }))
        .unwrap()
    }

    #[test]
    fn the_line_fits_the_terminal_and_adds_up() {
        let sum = "230 waiting + 3 sent + 47 running + 118 succeeded + 2 failed = 400";
        let running = run("running");
        assert_eq!(line(&running, 120), format!("[######--------------] {sum}"));
        assert_eq!(line(&running, sum.len() + 1), sum);
        assert_eq!(line(&running, 40), "120 of 400");
        assert_eq!(line(&running, 5), "");
        assert_eq!(line(&run("stopping"), 40), "stopping: 120 of 400");
    }
}
