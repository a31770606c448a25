//! The manual pages of all programs and files, and the completions of bash, zsh and fish, as texts.
//!
//! `page` writes a page from a program's own flags, with what no flag says from the folder `text`;
//! `keys` makes agent.toml(5) from the example configuration, so that it cannot miss a key; `roff`
//! turns our Markdown into a page's language. `completion` writes the completions, in which host ids
//! and labels come from the controller (`BasicAgentCtl complete`). The results are committed in
//! docs/man and ctl/completions; `make manual` writes them again, and a test compares them.

mod completion;
mod keys;
mod page;
mod programs;
mod roff;

use std::collections::BTreeMap;

/// Returns every file that is generated: its path in the source tree, and its text.
///
/// # Panics
/// When a page's own text is not in our Markdown, which the test of this crate shows.
#[must_use]
pub fn files() -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for program in programs::all() {
        for (name, text) in page::all(&program) {
            files.insert(format!("docs/man/{name}"), text);
        }
    }
    for (name, text) in [keys::agent(), keys::policy(), roff::crontab()] {
        files.insert(format!("docs/man/{name}"), text);
    }
    for (path, text) in completion::all() {
        files.insert(format!("ctl/completions/{path}"), text);
    }
    files
}
