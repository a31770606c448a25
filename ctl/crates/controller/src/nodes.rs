//! What a controller does as one of several: tells the others over the bus that there is news, looks
//! for theirs, knows which of them has which host, and has the same CA and roles.

use crate::agents::Registry;
use crate::auth::Roles;
use crate::bus::{Bus, Heard, Topic};
use crate::error::Error;
use crate::identity::{self, Ca, CaSettings, CaTexts};
use crate::schedules::Schedules;
use crate::stop::Stop;
use crate::store::{CaFiles, Store, StoreError};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

/// Hosts that are told of in one change.
const AT_ONCE: usize = 1000;

/// The wait before roles that could not be read are read again.
const RETRY: Duration = Duration::from_secs(1);

/// Tells of news, and looks for them, until the controller stops.
pub(crate) async fn exchange_news(store: Arc<dyn Store>, bus: Arc<dyn Bus>, mut stop: Stop) {
    let mut written = store.news_written();
    let mut news = bus.listen(&Topic::News).await;
    loop {
        tokio::select! {
            changed = written.changed() => match changed {
                Ok(()) => bus.send(&Topic::News, Vec::new()),
                Err(_) => return,
            },
            heard = news.hear() => match heard {
                Heard::Message(_) | Heard::Missed => store.look(),
                Heard::Closed => return,
            },
            () = stop.requested() => return,
        }
    }
}

/// Follows the hosts of the other nodes, and tells them of this one's, until the controller stops.
pub(crate) async fn follow_hosts(registry: Arc<Registry>, store: Arc<dyn Store>, mut stop: Stop) {
    let mut moves = store.moves();
    let mut tenures = store.tenures();
    let mut beats = store.beats();
    // Whether all of both are to be read and told: at the start, and after a time in which neither was
    // heard of.
    let mut all = true;
    loop {
        if all {
            match exchange_all(&registry, &*store).await {
                Ok(()) => all = false,
                Err(error) => log::debug!("which node has which host is not known: {error}"),
            }
        }
        tokio::select! {
            heard = moves.recv() => match heard {
                Ok(moves) => {
                    if let Some(own) = store.node() {
                        let here = registry.follow(&moves, own);
                        if !here.is_empty() && store.has_hosts(here).await.is_err() {
                            all = true;
                        }
                    }
                }
                Err(RecvError::Lagged(_)) => all = true,
                Err(RecvError::Closed) => return,
            },
            changed = tenures.changed() => match changed {
                Ok(()) => all = true,
                Err(_) => return,
            },
            // An exchange that has failed is tried again.
            beat = beats.changed() => match beat {
                Ok(()) => store.has_sessions(u32::try_from(registry.count()).unwrap_or(u32::MAX)),
                Err(_) => return,
            },
            () = stop.requested() => return,
        }
    }
}

/// Opens the CA of a node that starts: the site's or, of the first node, one that becomes the site's.
/// Blocks on files.
///
/// # Errors
/// When a file or the database cannot be read or written, or the directory has another CA.
pub(crate) fn open_ca(settings: CaSettings, store: &dyn Store) -> Result<Ca, Error> {
    let (dir, wait) = (settings.dir.clone(), Handle::current());
    let is_new = identity::read_texts(&dir)?.is_empty();
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
        identity::write_texts(&dir, &texts(&files)?)?;
    }
    Ca::open(settings)
}

/// Exchanges the CA's files with the other nodes until the controller stops: after each change here,
/// and when another node has changed them.
pub(crate) async fn share_ca(ca: Arc<Ca>, store: Arc<dyn Store>, mut stop: Stop) {
    let (mut own, mut others) = (ca.follow(), store.ca_version());
    let mut tenures = store.tenures();
    let mut known = None;
    loop {
        let exchanged = exchange_ca(&ca, &*store, &mut known).await;
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
async fn exchange_ca(
    ca: &Arc<Ca>,
    store: &dyn Store,
    known: &mut Option<CaFiles>,
) -> Result<(), Error> {
    loop {
        let Some(files) = store.ca_files().await.map_err(not_exchanged)? else { return Ok(()) };
        let own = on_files(ca, |ca| ca.texts().map(|texts| json(&texts))).await?;
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

/// Follows the roles that other nodes change until the controller stops.
pub(crate) async fn follow_roles(
    roles: Arc<Roles>,
    schedules: Schedules,
    store: Arc<dyn Store>,
    mut stop: Stop,
) {
    let mut changes = store.roles_changed();
    let mut tenures = store.tenures();
    loop {
        let changed = tokio::select! {
            changed = changes.changed() => changed,
            changed = tenures.changed() => changed,
            () = stop.requested() => return,
        };
        if changed.is_err() {
            return;
        }
        while let Err(error) = roles.refresh(&*store).await {
            log::warn!("the roles that another node has changed cannot be read: {error}");
            tokio::select! {
                () = sleep(RETRY) => {}
                () = stop.requested() => return,
            }
        }
        schedules.roles_changed();
    }
}

/// Reads the hosts of all other nodes, and writes those of this one.
async fn exchange_all(registry: &Registry, store: &dyn Store) -> Result<(), StoreError> {
    registry.others_have(store.places().await?);
    let own: Vec<String> = registry.all().into_iter().map(|session| session.host.clone()).collect();
    for some in own.chunks(AT_ONCE) {
        store.has_hosts(some.to_vec()).await?;
    }
    Ok(())
}
