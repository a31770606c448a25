//! The order of requests about the same task or job: the one in which they arrived (§3).
//!
//! `route` takes the places of a request when it reads the request, and the request's handler waits
//! for its turn. Requests about different tasks and jobs do not wait for each other. Each place
//! belongs to a [`Ticket`](super::ticket::Ticket), so their number has the tickets' bound.

use parking_lot::Mutex;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use tokio::sync::oneshot;

/// The task or job that a request is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Named {
    /// A task, by its id.
    Task(String),
    /// A job, by its name.
    Job(String),
}

/// Requests that wait, by the subject of a request that is being handled.
type Lines = HashMap<Named, VecDeque<oneshot::Sender<()>>>;

/// The requests about each task and job, in the order of their arrival.
#[derive(Clone, Default)]
pub(super) struct Order(Arc<Mutex<Lines>>);

impl Order {
    /// Returns whether no request about the subject is being handled.
    pub(super) fn is_free(&self, subject: &Named) -> bool {
        !self.0.lock().contains_key(subject)
    }

    /// Takes the next place of each subject's line. Places are taken all at once, so that no two
    /// requests wait for each other.
    pub(super) fn enter(&self, subjects: Vec<Named>) -> Turn {
        let mut lines = self.0.lock();
        let mut enter = |subject: Named| {
            let wait = match lines.get_mut(&subject) {
                Some(line) => {
                    let (call, called) = oneshot::channel();
                    line.push_back(call);
                    Some(called)
                }
                None => {
                    lines.insert(subject.clone(), VecDeque::new());
                    None
                }
            };
            Place { order: self.clone(), subject, wait }
        };
        Turn(subjects.into_iter().map(&mut enter).collect())
    }

    /// Calls the next request of a subject's line.
    fn leave(&self, subject: &Named) {
        let mut lines = self.0.lock();
        let Some(line) = lines.get_mut(subject) else { return };
        while let Some(next) = line.pop_front() {
            // A request that has given up is passed over.
            if next.send(()).is_ok() {
                return;
            }
        }
        lines.remove(subject);
    }
}

/// A request's places. They are given up when this is dropped: after the request has taken effect.
pub(super) struct Turn(Vec<Place>);

impl Turn {
    /// Waits until every earlier request about the same subjects has taken effect.
    pub(super) async fn come(&mut self) {
        for place in &mut self.0 {
            if let Some(called) = &mut place.wait {
                // The request before calls, or its drop does.
                let _ = called.await;
                place.wait = None;
            }
        }
    }
}

/// A request's place in the line of one subject.
struct Place {
    order: Order,
    subject: Named,
    /// Resolves when it is the request's turn; `None` from then on.
    wait: Option<oneshot::Receiver<()>>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let is_called = match &mut self.wait {
            None => true,
            // From here on no call arrives; one that has arrived is passed on.
            Some(called) => {
                called.close();
                called.try_recv().is_ok()
            }
        };
        if is_called {
            self.order.leave(&self.subject);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    fn enter(order: &Order, jobs: &[&str]) -> Turn {
        order.enter(jobs.iter().map(|name| Named::Job((*name).to_owned())).collect())
    }

    fn is_its_turn(turn: &mut Turn) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        pin!(turn.come()).poll(&mut context) == Poll::Ready(())
    }

    #[test]
    fn requests_about_one_subject_take_turns_and_others_do_not_wait() {
        let order = Order::default();
        let mut turns = [enter(&order, &["a"]), enter(&order, &["a"]), enter(&order, &["a"])];
        assert!(is_its_turn(&mut enter(&order, &["b"])));
        assert!(is_its_turn(&mut turns[0]));
        assert!(!is_its_turn(&mut turns[1]) && !is_its_turn(&mut turns[2]));
        let [first, mut second, mut third] = turns;
        drop(first);
        assert!(is_its_turn(&mut second) && !is_its_turn(&mut third));
        drop(second);
        assert!(is_its_turn(&mut third));
        drop(third);
        assert!(order.is_free(&Named::Job("a".to_owned())));
    }

    #[test]
    fn a_request_that_gives_up_in_the_line_holds_nobody_back() {
        let order = Order::default();
        let first = enter(&order, &["a"]);
        let waiting = enter(&order, &["a"]);
        let called = enter(&order, &["a"]);
        let mut last = enter(&order, &["a"]);
        drop(waiting);
        assert!(!is_its_turn(&mut last));
        drop(first);
        assert!(!is_its_turn(&mut last));
        // It has been called, and is dropped before it looks.
        drop(called);
        assert!(is_its_turn(&mut last));
    }

    #[test]
    fn requests_about_two_subjects_never_wait_for_each_other() {
        let order = Order::default();
        let mut one = enter(&order, &["a", "b"]);
        let mut other = enter(&order, &["b", "a"]);
        assert!(is_its_turn(&mut one) && !is_its_turn(&mut other));
        drop(one);
        assert!(is_its_turn(&mut other));
    }
}
