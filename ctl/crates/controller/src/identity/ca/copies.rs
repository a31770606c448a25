//! The copies of a CA: on a site with several nodes each has its files, and the database too.
//!
//! Whoever may change the database can let hosts join and run commands on them, so the keys are no
//! less safe there than what they protect. A backup of the database is as secret as this directory.

use super::state::{self, State};
use super::{Ca, load};
use crate::error::Error;
use crate::files::{self, Access};
use std::collections::BTreeMap;
use std::path::Path;

/// The files of each authority. Of these, those that end in `.key` hold keys.
const OF_AN_AUTHORITY: [&str; 5] =
    ["root.pem", "root.key", "issuing.key", "issuing.pem", "cross.pem"];

/// The texts of the files, by their paths below the directory. The certificate of this server is not
/// among them: each node has its own.
pub(crate) type CaTexts = BTreeMap<String, String>;

/// Reads the files; none where there is no CA yet.
///
/// # Errors
/// When one cannot be read.
pub(crate) fn read(dir: &Path) -> Result<CaTexts, Error> {
    let mut texts = CaTexts::new();
    let Some(state) = State::load(dir)? else { return Ok(texts) };
    let paths = (1..=state.last)
        .flat_map(|number| OF_AN_AUTHORITY.map(|name| format!("{number}/{name}")))
        .chain([state::FILE.to_owned()]);
    for path in paths {
        let file = dir.join(&path);
        if file.exists() {
            let bytes = files::read(&file, access(&path))?;
            let text = String::from_utf8(bytes).map_err(Error::content(&file))?;
            texts.insert(path, text);
        }
    }
    Ok(texts)
}

/// Writes the files of a site's CA; the one that says which of them count comes last.
///
/// # Errors
/// When one cannot be written, or the directory has the files of another CA.
pub(crate) fn write(dir: &Path, texts: &CaTexts) -> Result<(), Error> {
    const FIRST: &str = "1/root.pem";
    files::create_dir(dir)?;
    let own = read(dir)?;
    if own.get(FIRST).is_some_and(|own| texts.get(FIRST) != Some(own)) {
        let why =
            "another CA than the site's, which is in the database; move it away, and this node \
                   takes the site's"
                .to_owned();
        return Err(Error::Content { path: dir.to_owned(), why });
    }
    let (last, others): (Vec<_>, Vec<_>) = texts.iter().partition(|(path, _)| *path == state::FILE);
    for (path, text) in others.into_iter().chain(last) {
        let Some(place) = place(path) else {
            let why = format!("the database has a file that this version does not know: {path}");
            return Err(Error::Content { path: dir.to_owned(), why });
        };
        if own.get(path) == Some(text) {
            continue;
        }
        if let Some(folder) = place {
            files::create_dir(&dir.join(folder))?;
        }
        let mode = match access(path) {
            Access::Private => files::PRIVATE,
            Access::Public => files::PUBLIC,
        };
        files::replace(&dir.join(path), text.as_bytes(), mode)?;
        if let Some(folder) = place {
            files::sync_dir(&dir.join(folder))?;
        }
    }
    files::sync_dir(dir)
}

/// Returns the folder of a file, `None` for the one that has none; nothing for a path that is not one
/// of a CA's files.
fn place(path: &str) -> Option<Option<&str>> {
    if path == state::FILE {
        return Some(None);
    }
    let (folder, name) = path.split_once('/')?;
    let is_number = folder.parse::<u32>().is_ok_and(|number| number.to_string() == folder);
    (is_number && OF_AN_AUTHORITY.contains(&name)).then_some(Some(folder))
}

fn access(path: &str) -> Access {
    if path.ends_with(".key") || path == state::FILE { Access::Private } else { Access::Public }
}

impl Ca {
    /// Returns the files as they are.
    ///
    /// # Errors
    /// When one cannot be read.
    pub(crate) fn texts(&self) -> Result<CaTexts, Error> {
        let _one = self.changing.lock();
        read(&self.settings.dir)
    }

    /// Takes the files of another node, and follows what they say. Blocks on files.
    ///
    /// # Errors
    /// When a file cannot be written or used.
    pub(crate) fn take(&self, texts: &CaTexts) -> Result<(), Error> {
        let _one = self.changing.lock();
        write(&self.settings.dir, texts)?;
        // The node that has changed something has counted it. Nodes with other files of --server-ca would
        // count each other's for ever.
        self.current.send_replace(load(&self.settings, false)?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use test_support::Scratch;

    #[test]
    fn only_a_cas_own_files_are_written_and_no_other_ca_is_replaced() {
        let scratch = Scratch::new("ca-copies");
        let texts = |root: &str, more: &str| {
            let state = serde_json::to_string(&State::first(1)).unwrap();
            let all = [("state.json", &*state), ("1/root.pem", root), (more, "x")];
            all.map(|(path, text)| (path.to_owned(), text.to_owned())).into_iter().collect()
        };
        let dir = scratch.file("ca");
        let site: CaTexts = texts("a", "1/root.key");
        write(&dir, &site).unwrap();
        assert_eq!(read(&dir).unwrap(), site);
        write(&dir, &site).unwrap();
        let told = write(&dir, &texts("b", "1/root.key")).unwrap_err().to_string();
        assert!(told.contains("another CA"), "{told}");
        for path in ["../../x", "1/../x", "01/root.pem", "server.key", "1/server.key", "/etc/x"] {
            let told = write(&dir, &texts("a", path)).unwrap_err().to_string();
            assert!(told.contains("does not know"), "{path}: {told}");
        }
        assert_eq!(read(&dir).unwrap(), site);
    }
}
