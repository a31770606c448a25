//! Sends agents that are connected to other nodes: all of them while an operator drains this node, and
//! those above the average when it has had far more than another node for a while. A drained node leaves
//! the lead to others, too.
//!
//! What begins at twice the sessions of another node ends at the average, so that nothing goes to and
//! fro. A few agents go at a time: each needs a handshake at its new node.

use super::redirect::{has_far_more, is_drained, others};
use super::registry::Registry;
use super::session::{CloseReason, Session};
use crate::stop::Stop;
use crate::store::{BEAT, NodeRow, Store};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How long a node must have far more sessions than another one before it sends some away: the nodes
/// of a site do not start in one moment.
const UNEVEN: Duration = Duration::from_secs(30);

/// How long a drained node waits for the replies to the requests of an agent before it goes.
const PATIENCE: Duration = Duration::from_secs(60);

/// Agents that are sent away in a second.
const RATE: u32 = 100;

/// After so many were sent away, the others must have half as many more: else agents do not reach them,
/// and none is sent away for [`PAUSE`].
const TRIED: usize = 100;

/// How long nobody is sent to nodes that agents do not reach.
const PAUSE: Duration = Duration::from_secs(600);

/// What this node does about its agents.
#[derive(Debug, Default)]
struct Balance {
    /// Since when this node has far more than another one.
    uneven: Option<Instant>,
    /// Since when it is drained.
    drained: Option<Instant>,
    /// While it sends away what is above the average.
    evening: Option<Evening>,
    /// Until when it sends nobody away for that.
    paused: Option<Instant>,
}

/// How it goes to send away what is above the average.
#[derive(Clone, Copy, Debug)]
struct Evening {
    sent: usize,
    /// The sessions of the others when it began.
    others: usize,
}

/// How many agents are to go now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Leaving {
    count: usize,
    /// Whether also those go that have not answered all requests yet.
    busy_too: bool,
}

/// Sends agents away as long as they are too many, until the controller stops.
pub(crate) async fn balance(
    registry: Arc<Registry>,
    store: Arc<dyn Store>,
    own: i32,
    mut stop: Stop,
) {
    let (nodes, mut beats) = (store.nodes(), store.beats());
    let mut balance = Balance::default();
    loop {
        tokio::select! {
            beat = beats.changed() => if beat.is_err() { return },
            () = stop.requested() => return,
        }
        let rows = Arc::clone(&nodes.borrow());
        if is_drained(&rows, own) && !others(&rows, own).is_empty() && *store.leads().borrow() {
            store.decline_lead();
        }
        let leaving = balance.leaving(&rows, own, registry.count(), Instant::now());
        if leaving.count > 0 {
            send_away(registry.everyone(), leaving);
        }
    }
}

impl Balance {
    /// Returns how many of the sessions `here` are to go, until the next renewal of the lease.
    fn leaving(&mut self, nodes: &[NodeRow], own: i32, here: usize, now: Instant) -> Leaving {
        let most = (RATE * u32::try_from(BEAT.as_millis()).unwrap_or(u32::MAX) / 1000) as usize;
        let others = others(nodes, own);
        let is_drained = is_drained(nodes, own) && !others.is_empty();
        self.drained = is_drained.then(|| self.drained.unwrap_or(now));
        if let Some(since) = self.drained {
            *self = Self { drained: Some(since), ..Self::default() };
            return Leaving { count: here.min(most), busy_too: now - since >= PATIENCE };
        }
        self.paused = self.paused.filter(|until| now < *until);
        let others_have = others.iter().map(|node| node.sessions as usize).sum::<usize>();
        self.uneven = has_far_more(&others, here).then(|| self.uneven.unwrap_or(now));
        if self.evening.is_none() && self.uneven.is_some_and(|since| now - since >= UNEVEN) {
            self.evening = Some(Evening { sent: 0, others: others_have });
        }
        let above = here.saturating_sub((here + others_have).div_ceil(others.len() + 1));
        self.evening = self.evening.filter(|_| above > 0 && self.paused.is_none());
        let Some(evening) = &mut self.evening else { return Leaving::default() };
        if evening.sent >= TRIED && others_have < evening.others + evening.sent / 2 {
            log::warn!(
                "{} hosts were sent to other nodes, and most of them did not get there: do agents \
                 reach all nodes where --advertise says? The next try is in {} min",
                evening.sent,
                PAUSE.as_secs() / 60
            );
            self.paused = Some(now + PAUSE);
            return Leaving::default();
        }
        let count = above.min(most);
        evening.sent += count;
        Leaving { count, busy_too: false }
    }
}

/// Sends so many agents away, those first that have answered all requests.
fn send_away(mut sessions: Vec<Arc<Session>>, Leaving { count, busy_too }: Leaving) {
    if busy_too {
        sessions.sort_by_key(|session| session.pending());
    } else {
        sessions.retain(|session| session.pending() == 0);
    }
    for session in sessions.into_iter().take(count) {
        session.close_because(CloseReason::Moved);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agents::redirect::tests::node;

    fn idle(count: usize) -> Leaving {
        Leaving { count, busy_too: false }
    }

    #[test]
    fn what_is_above_the_average_goes_after_a_while_and_no_more_than_that() {
        let (mut balance, begin) = (Balance::default(), Instant::now());
        let nodes = |others: u32| [node(1, 0), node(2, others), node(3, others)];
        // Twice as many and ten are not far more.
        assert_eq!(balance.leaving(&nodes(100), 1, 210, begin), idle(0));
        assert_eq!(balance.leaving(&nodes(0), 1, 300, begin), idle(0));
        // Others have come.
        assert_eq!(balance.leaving(&nodes(200), 1, 300, begin + UNEVEN), idle(0));
        let begin = begin + UNEVEN;
        assert_eq!(balance.leaving(&nodes(0), 1, 300, begin), idle(0));
        assert_eq!(balance.leaving(&nodes(0), 1, 300, begin + UNEVEN), idle(150));
        // It goes on below the bound at which it began, down to the average.
        assert_eq!(balance.leaving(&nodes(75), 1, 150, begin + UNEVEN), idle(50));
        assert_eq!(balance.leaving(&nodes(100), 1, 100, begin + UNEVEN), idle(0));
        assert_eq!(balance.leaving(&nodes(75), 1, 150, begin + UNEVEN), idle(0));
    }

    #[test]
    fn nobody_is_sent_for_a_while_to_nodes_that_agents_do_not_reach() {
        let (mut balance, begin) = (Balance::default(), Instant::now());
        let nodes = [node(1, 0), node(2, 0)];
        assert_eq!(balance.leaving(&nodes, 1, 300, begin), idle(0));
        assert_eq!(balance.leaving(&nodes, 1, 300, begin + UNEVEN), idle(150));
        // They are back.
        for later in [UNEVEN, 2 * UNEVEN, PAUSE] {
            assert_eq!(balance.leaving(&nodes, 1, 300, begin + later), idle(0));
        }
        assert_eq!(balance.leaving(&nodes, 1, 300, begin + UNEVEN + PAUSE), idle(150));
    }

    #[test]
    fn a_drained_node_sends_all_away_unless_nobody_takes_them() {
        let (mut balance, begin) = (Balance::default(), Instant::now());
        let mut nodes = [node(1, 0), node(2, 5)];
        nodes[0].is_drained = true;
        assert_eq!(balance.leaving(&nodes, 1, 3, begin), idle(3));
        assert_eq!(balance.leaving(&nodes, 1, 1000, begin), idle(150));
        let late = begin + PATIENCE;
        assert_eq!(balance.leaving(&nodes, 1, 3, late), Leaving { count: 3, busy_too: true });
        nodes[1].is_alive = false;
        assert_eq!(balance.leaving(&nodes, 1, 3, late), idle(0));
        nodes[1].is_alive = true;
        assert_eq!(balance.leaving(&nodes, 1, 3, late), idle(3), "it begins anew");
    }
}
