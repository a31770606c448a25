//! The CA of a site with several nodes: each has its files, and the database has them for all.
//!
//! A node puts its files there when it has changed them, and takes those that another one has put
//! there. A step of a rotation is taken by one node at a time.

use super::ca::{Ca, CaSettings, CaTexts, read_texts, write_texts};
use crate::error::Error;
use crate::stop::Stop;
use crate::store::{CaFiles, Store, StoreError};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

/// The wait before files that could not be exchanged are exchanged again.
const RETRY: Duration = Duration::from_secs(1);

/// Opens the CA of a node that starts: the site's or, of the first node, one that becomes the site's.
/// Blocks on files.
///
/// # Errors
/// When a file or the database cannot be read or written, or the directory has another CA.
pub(crate) fn open_shared(settings: CaSettings, store: &dyn Store) -> Result<Ca, Error> {
    let (dir, wait) = (settings.dir.clone(), Handle::current());
    let is_new = read_texts(&dir)?.is_empty();
    if wait.block_on(store.ca_files()).map_err(not_exchanged)?.is_none() {
        let ca = Ca::open(settings.clone())?;
        let first = CaFiles { version: 1, texts: json(&ca.texts()?) };
        if wait.block_on(store.put_ca_files(first)).map_err(not_exchanged)? {
            return Ok(ca);
        }
        // Another node was faster. What has just been made, nobody has used.
        if is_new {
            drop(ca);
            std::fs::remove_dir_all(&dir).map_err(Error::file(&dir))?;
        }
    }
    if let Some(files) = wait.block_on(store.ca_files()).map_err(not_exchanged)? {
        write_texts(&dir, &texts(&files)?)?;
    }
    Ca::open(settings)
}

/// Exchanges the CA's files with the other nodes until the controller stops: after each change here,
/// and when another node has changed them.
pub(crate) async fn share(ca: Arc<Ca>, store: Arc<dyn Store>, mut stop: Stop) {
    let (mut own, mut others) = (ca.follow(), store.ca_version());
    let mut tenures = store.tenures();
    let mut known = None;
    loop {
        let exchanged = exchange(&ca, &*store, &mut known).await;
        if let Err(error) = &exchanged {
            log::warn!("the CA's files are not exchanged with the other nodes yet: {error}");
        }
        tokio::select! {
            () = sleep(RETRY), if exchanged.is_err() => {}
            changed = own.changed() => if changed.is_err() { return },
            changed = others.changed() => if changed.is_err() { return },
            changed = tenures.changed() => if changed.is_err() { return },
            () = stop.requested() => return,
        }
    }
}

/// Takes the files of the database if they are newer than the `known` ones, which both had last; else
/// puts this node's there if they differ. Where both have changed, those of the database stay.
async fn exchange(
    ca: &Arc<Ca>,
    store: &dyn Store,
    known: &mut Option<CaFiles>,
) -> Result<(), Error> {
    loop {
        let Some(files) = store.ca_files().await.map_err(not_exchanged)? else { return Ok(()) };
        let own = own_texts(ca).await?;
        if own == files.texts {
            *known = Some(files);
            return Ok(());
        }
        if known.as_ref().is_none_or(|known| known.version < files.version) {
            if known.as_ref().is_some_and(|known| known.texts != own) {
                log::warn!("another node has changed the CA too: what was changed here is undone");
            }
            let theirs = texts(&files)?;
            on_files(ca, move |ca| ca.take(&theirs)).await?;
            *known = Some(files);
            return Ok(());
        }
        let next = CaFiles { version: files.version + 1, texts: own };
        if store.put_ca_files(next.clone()).await.map_err(not_exchanged)? {
            *known = Some(next);
            return Ok(());
        }
    }
}

/// Takes the files of the database, if others have changed them; returns their version.
///
/// # Errors
/// When a file or the database cannot be read or written, or no node has put its files there yet.
pub(super) async fn take_newest(ca: &Arc<Ca>, store: &dyn Store) -> Result<i64, Error> {
    let newest = store.ca_files().await.map_err(not_exchanged)?;
    let Some(files) = newest else {
        let why = "no node has put the site's CA into the database".to_owned();
        return Err(not_exchanged(StoreError::Conflict(why)));
    };
    if own_texts(ca).await? != files.texts {
        let theirs = texts(&files)?;
        on_files(ca, move |ca| ca.take(&theirs)).await?;
    }
    Ok(files.version)
}

/// Puts this node's files in the place of those of the version before. Where another node has put
/// others there meanwhile, takes those, and returns `false`.
///
/// # Errors
/// When a file or the database cannot be read or written.
pub(super) async fn put_own(ca: &Arc<Ca>, store: &dyn Store, before: i64) -> Result<bool, Error> {
    let own = CaFiles { version: before + 1, texts: own_texts(ca).await? };
    if store.put_ca_files(own.clone()).await.map_err(not_exchanged)? {
        return Ok(true);
    }
    take_newest(ca, store).await?;
    // This node's own exchange may have been faster.
    Ok(own_texts(ca).await? == own.texts)
}

async fn own_texts(ca: &Arc<Ca>) -> Result<String, Error> {
    on_files(ca, |ca| ca.texts().map(|texts| json(&texts))).await
}

/// Does something with the CA's files, in a thread that may wait for the disk.
async fn on_files<T: Send + 'static>(
    ca: &Arc<Ca>,
    work: impl FnOnce(&Ca) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let ca = Arc::clone(ca);
    let failed = Error::system("the CA's files cannot be used");
    spawn_blocking(move || work(&ca)).await.map_err(std::io::Error::other).map_err(failed)?
}

fn not_exchanged(error: StoreError) -> Error {
    Error::System { what: "cannot exchange the CA", source: std::io::Error::other(error) }
}

fn texts(files: &CaFiles) -> Result<CaTexts, Error> {
    let failed = Error::system("the CA's files in the database cannot be read");
    serde_json::from_str(&files.texts).map_err(std::io::Error::other).map_err(failed)
}

fn json(texts: &CaTexts) -> String {
    serde_json::to_string(texts).expect("texts go to memory")
}
