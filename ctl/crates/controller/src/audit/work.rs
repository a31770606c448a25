//! Work that goes on though the client that asked for it has gone.

use parking_lot::Mutex;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// The owner of such work. Clones share it. Requests bound its number: each starts one piece, and
/// one more for its event's end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Work(Arc<Mutex<JoinSet<()>>>);

impl Work {
    /// Starts work. Its result is lost where nobody waits for it.
    pub(crate) fn start<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> oneshot::Receiver<T> {
        let (sender, receiver) = oneshot::channel();
        let mut set = self.0.lock();
        while let Some(ended) = set.try_join_next() {
            if let Err(error) = ended {
                log::error!("the work for a request failed: {error}");
            }
        }
        set.spawn(async move {
            let _ = sender.send(work.await);
        });
        receiver
    }

    /// Waits for the end of all work, within a bound.
    pub(crate) async fn finish(&self, within: Duration) {
        let mut set = std::mem::take(&mut *self.0.lock());
        let all = async { while set.join_next().await.is_some() {} };
        if timeout(within, all).await.is_err() {
            log::warn!("work for requests did not end within {} s", within.as_secs());
        }
    }
}
