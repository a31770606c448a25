//! The first start: a link by which somebody becomes the first operator, once.

use crate::audit;
use crate::auth::{Authenticator, Secret};
use crate::error::Error;
use crate::store::Store;
use fleet::UnixMillis;
use std::io;
use std::net::SocketAddr;

/// Milliseconds that the link is good for.
const LIFE: UnixMillis = fleet::DAY;

/// Makes the link where there is neither an operator nor a token file; each start makes a new one.
///
/// # Errors
/// When the database cannot be used, or the system has no random numbers.
pub(crate) async fn link(
    store: &dyn Store,
    authenticator: &Authenticator,
    scheme: &str,
    http: SocketAddr,
    names: &[String],
) -> Result<Option<String>, Error> {
    let failed = Error::system("cannot make the link for the first operator");
    if authenticator.has_token_file() {
        return Ok(None);
    }
    let made = async {
        if store.operator_count().await.map_err(io::Error::other)? > 0 {
            return Ok(None);
        }
        let secret = Secret::random().map_err(|error| io::Error::other(error.to_string()))?;
        let expires = audit::now().saturating_add(LIFE);
        store.put_setup(secret.digest(), expires).await.map_err(io::Error::other)?;
        Ok(Some(secret))
    };
    let secret: Option<Secret> = made.await.map_err(failed)?;
    // The part behind # stays with the client: no proxy's log has it.
    Ok(secret.map(|secret| format!("{scheme}://{}/setup#{}", host(http, names), secret.reveal())))
}

fn host(http: SocketAddr, names: &[String]) -> String {
    match names.first() {
        Some(name) if http.ip().is_unspecified() => format!("{name}:{}", http.port()),
        _ => http.to_string(),
    }
}
