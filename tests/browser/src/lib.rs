//! The web console in a real browser: Debian's chromium by its chromedriver, on the real controller.
//!
//! [`Console`] is a controller with an operator; [`Browser`] is one browser with an empty profile.
//! [`browser`] starts one, or says that the test is skipped where there is no chromium or no root.
//! Every page's test ends with [`Browser::check`]: no serious issue by axe-core, nothing in the
//! console of the browser (a breach of the content security policy is there, too).

mod console;
mod driver;
mod joining;

pub use console::{Console, PASSWORD};
pub use driver::{Browser, DOWN, ENTER, ESCAPE, TAB, UP};
pub use joining::Joining;

use std::path::PathBuf;

/// Starts a browser, or prints that the test is skipped.
pub fn browser(test: &str) -> Option<Browser> {
    if !test_support::needs_root(test) {
        return None;
    }
    if program("chromedriver").is_none() || program("chromium").is_none() {
        eprintln!(
            "SKIPPED (needs chromium and chromedriver; make test-deps installs them): {test}"
        );
        return None;
    }
    Some(Browser::start())
}

/// Finds a program in the folders of PATH.
fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}
