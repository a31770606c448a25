//! The hosts that wait in a connection of their own for an operator's approval: each hears at once
//! when its standing changes.

use fleet::identity::MAX_PENDING;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::Notify;

/// The hosts that wait, at most as many as may be pending.
#[derive(Debug, Default)]
pub(crate) struct Approvals(Mutex<HashMap<String, Arc<Waiter>>>);

#[derive(Debug, Default)]
struct Waiter {
    /// The host's standing has changed.
    told: Notify,
    /// A newer connection of the host waits.
    superseded: Notify,
}

/// One host's wait; it ends when dropped.
#[derive(Debug)]
pub(super) struct Approval {
    approvals: Arc<Approvals>,
    host: String,
    waiter: Arc<Waiter>,
}

impl Approvals {
    /// Lets a host wait; `None` if too many do. An older connection of the host waits no longer.
    pub(super) fn enter(self: &Arc<Self>, host: &str) -> Option<Approval> {
        let mut waiting = self.0.lock();
        if waiting.len() >= MAX_PENDING as usize && !waiting.contains_key(host) {
            return None;
        }
        let waiter = Arc::new(Waiter::default());
        if let Some(older) = waiting.insert(host.to_owned(), Arc::clone(&waiter)) {
            older.superseded.notify_one();
        }
        Some(Approval { approvals: Arc::clone(self), host: host.to_owned(), waiter })
    }

    /// Tells a host that its standing has changed.
    pub(super) fn tell(&self, host: &str) {
        if let Some(waiter) = self.0.lock().get(host) {
            waiter.told.notify_one();
        }
    }

    /// Tells every host to look, after changes were missed.
    pub(super) fn tell_all(&self) {
        self.0.lock().values().for_each(|waiter| waiter.told.notify_one());
    }
}

impl Approval {
    /// Waits until the host's standing has changed.
    pub(super) async fn told(&self) {
        self.waiter.told.notified().await;
    }

    /// Waits until a newer connection of the host waits.
    pub(super) async fn superseded(&self) {
        self.waiter.superseded.notified().await;
    }
}

impl Drop for Approval {
    fn drop(&mut self) {
        let mut waiting = self.approvals.0.lock();
        if waiting.get(&self.host).is_some_and(|waiter| Arc::ptr_eq(waiter, &self.waiter)) {
            waiting.remove(&self.host);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn is_told(approval: &Approval) -> bool {
        tokio::select! { biased; () = approval.told() => true, () = std::future::ready(()) => false }
    }

    #[tokio::test]
    async fn a_host_that_waits_is_told_and_no_other_one() {
        let approvals = Arc::new(Approvals::default());
        let (one, other) = (approvals.enter("web-1").unwrap(), approvals.enter("web-2").unwrap());
        approvals.tell("web-1");
        approvals.tell("web-3");
        assert!(is_told(&one).await && !is_told(&one).await && !is_told(&other).await);
        approvals.tell_all();
        assert!(is_told(&one).await && is_told(&other).await);
        drop((one, other));
        assert!(approvals.0.lock().is_empty());
    }

    #[tokio::test]
    async fn a_newer_connection_of_a_host_ends_the_wait_of_the_older_one() {
        let approvals = Arc::new(Approvals::default());
        let older = approvals.enter("web-1").unwrap();
        let newer = approvals.enter("web-1").unwrap();
        older.superseded().await;
        drop(older);
        approvals.tell("web-1");
        assert!(is_told(&newer).await);
    }

    #[test]
    fn as_many_hosts_wait_as_may_be_pending() {
        let approvals = Arc::new(Approvals::default());
        let held: Vec<_> =
            (0..MAX_PENDING).map(|host| approvals.enter(&format!("h-{host}")).unwrap()).collect();
        assert!(approvals.enter("another").is_none());
        assert!(approvals.enter("h-7").is_some());
        drop(held);
        assert!(approvals.enter("another").is_some());
    }
}
