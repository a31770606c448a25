//! Ctrl-C while a run goes on: this process ends and the run does not.

use crate::error::Error;
use crate::exit;
use crate::output;
use nix::sys::signal::{SigSet, Signal};

/// From now on, Ctrl-C ends this process with a sentence that says how to come back. There is
/// nothing to clean up: the run is the controller's.
///
/// # Errors
/// [`Error::Failed`] if signals cannot be waited for.
pub(super) fn on_interrupt(run: &str) -> Result<(), Error> {
    let failed = |what: &'static str| move |error| Error::failed_by(what, error);
    let mut interrupts = SigSet::empty();
    interrupts.add(Signal::SIGINT);
    // Threads that start later inherit it, so that only the one below receives the signal.
    interrupts.thread_block().map_err(failed("cannot block signals"))?;
    let sentence = format!(
        "detached: run {run} goes on. Follow it with: BasicAgentCtl run watch {run}; end it with: \
         BasicAgentCtl run cancel {run}"
    );
    let thread = std::thread::Builder::new().name("interrupt".to_owned());
    let waiting = thread.spawn(move || {
        // Only an empty or invalid set fails.
        if interrupts.wait().is_ok() {
            output::error_lines("\r\x1b[K");
            output::error(&sentence);
            std::process::exit(i32::from(exit::DETACHED));
        }
    });
    waiting.map(drop).map_err(|error| Error::failed_by("cannot start a thread", error))
}
