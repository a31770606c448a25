//! The join token of a trial.

use crate::audit;
use crate::error::Error;
use crate::files::{self, Access};
use crate::store::{NewToken, Store, StoreError};
use fleet::join::RANDOM;
use fleet::{JoinTerms, JoinToken, Labels, UnixMillis};
use std::path::Path;

/// The time that a new token is good for, and that an old one must be good for yet to be kept, in
/// milliseconds.
const LIFE: UnixMillis = 24 * 3_600_000;
const LEFT: UnixMillis = 3_600_000;

/// The hosts that it admits.
const MAX_USES: u32 = 1000;

/// Puts a token into the file, unless the one there is good.
pub(super) async fn provide(path: &Path, store: &dyn Store) -> Result<(), Error> {
    let now = audit::now();
    if is_good(path, store, now).await.map_err(failed)? {
        return Ok(());
    }
    let mut random = [0; RANDOM];
    getrandom::fill(&mut random)
        .map_err(std::io::Error::other)
        .map_err(Error::system("cannot make a join token"))?;
    let token = JoinToken::new(&random);
    let terms = JoinTerms {
        expires: now + LIFE,
        max_uses: MAX_USES,
        labels: Labels::default(),
        networks: Vec::new(),
        approval: false,
        per_source_rate: None,
    };
    let new = NewToken {
        id: token.id().clone(),
        secret: token.secret_digest(),
        name: "--dev".to_owned(),
        terms,
        created_by: "--dev".to_owned(),
        now,
    };
    store.create_token(new).await.map_err(failed)?;
    files::replace(path, format!("{}\n", token.reveal()).as_bytes(), files::PRIVATE)
}

async fn is_good(path: &Path, store: &dyn Store, now: UnixMillis) -> Result<bool, StoreError> {
    let Ok(bytes) = files::read(path, Access::Private) else { return Ok(false) };
    let Ok(token) = JoinToken::parse(&String::from_utf8_lossy(&bytes)) else { return Ok(false) };
    let found = store.token(token.id()).await?;
    Ok(found.is_some_and(|row| {
        row.revoked_at.is_none() && row.uses < row.terms.max_uses && row.terms.expires > now + LEFT
    }))
}

#[expect(clippy::needless_pass_by_value, reason = "handed to map_err")]
fn failed(error: StoreError) -> Error {
    Error::Flags(format!("--dev: cannot make a join token: {error}"))
}
