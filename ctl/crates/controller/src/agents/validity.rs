//! The validity of an agent's certificate while its session lasts: the certificate may expire, and
//! the operator may replace the client CA.

use super::certificate::{Chain, End};
use super::tls::ServerSide;
use rustls_pki_types::CertificateDer;
use std::pin::Pin;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, Sleep, sleep};

/// The longest time between two checks: the clock may be set meanwhile.
const MAX_RECHECK: Duration = Duration::from_secs(24 * 3600);

/// When to check a certificate again, and by which CA.
#[derive(Debug)]
pub(super) struct Validity {
    tls: watch::Receiver<ServerSide>,
    recheck: Pin<Box<Sleep>>,
}

impl Validity {
    /// Starts for a chain that the handshake has just verified, and that is valid until `end`.
    pub(super) fn new(tls: watch::Receiver<ServerSide>, end: End) -> Self {
        Self { tls, recheck: Box::pin(sleep(until_recheck(Some(end)))) }
    }

    /// Waits until the chain is to be checked again. Dropped half-way, it loses nothing.
    pub(super) async fn due(&mut self) {
        tokio::select! {
            () = self.recheck.as_mut() => {}
            Ok(()) = self.tls.changed() => {}
        }
    }

    /// Checks the chain by the present client CA and clock, and plans the next check.
    ///
    /// # Errors
    /// When the certificate is not valid anymore.
    pub(super) fn check(&mut self, chain: &[CertificateDer<'_>]) -> Result<(), rustls::Error> {
        self.tls.borrow_and_update().verify(chain)?;
        let end = Chain::read(chain).map(|chain| chain.end);
        self.recheck.as_mut().reset(Instant::now() + until_recheck(end));
        Ok(())
    }
}

fn until_recheck(end: Option<End>) -> Duration {
    match end.map(End::left) {
        Some(left) if !left.is_zero() => left.min(MAX_RECHECK),
        // One that the path does not need has expired: no reason to check every moment.
        _ => MAX_RECHECK,
    }
}
