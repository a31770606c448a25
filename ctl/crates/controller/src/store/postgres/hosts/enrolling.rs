//! Enrollments that wait at the same time are one transaction. Each of them locks the counts of hosts
//! and the audit log, so one by one they would wait for the disk one after the other.

use super::join;
use crate::store::postgres::change::{ChangeError, Transaction, attempt};
use crate::store::postgres::core::Core;
use crate::store::postgres::error::DbError;
use crate::store::postgres::params;
use crate::store::postgres::sql::Sql;
use crate::store::{Admission, EnrollRequest, StoreError};
use fleet::identity::EnrollRefusal;
use parking_lot::Mutex;
use std::collections::VecDeque;
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;

/// Enrollments in one transaction.
const MOST: usize = 32;

/// The hosts that wait to be admitted.
#[derive(Debug, Default)]
pub(in crate::store::postgres) struct Enrolling {
    waiting: Mutex<VecDeque<Waiting>>,
    /// Held by whoever admits some of them.
    turn: tokio::sync::Mutex<()>,
}

type Decision = Result<Admission, EnrollRefusal>;

#[derive(Debug)]
struct Waiting {
    request: EnrollRequest,
    answer: oneshot::Sender<Result<Decision, StoreError>>,
}

impl Core {
    /// Admits a host by a join token, together with those that wait too.
    pub(in crate::store::postgres) async fn enroll(
        &self,
        request: EnrollRequest,
    ) -> Result<Decision, StoreError> {
        let (answer, mut answered) = oneshot::channel();
        self.enrolling.waiting.lock().push_back(Waiting { request, answer });
        loop {
            let _turn = self.enrolling.turn.lock().await;
            // Whoever had the turn before may have asked for this host too.
            match answered.try_recv() {
                Ok(decision) => return decision,
                Err(TryRecvError::Empty) => {}
                Err(TryRecvError::Closed) => {
                    return Err(StoreError::Unavailable {
                        operation: "cannot admit a host".to_owned(),
                        source: "the task that did it panicked".into(),
                    });
                }
            }
            let some: Vec<Waiting> = {
                let mut waiting = self.enrolling.waiting.lock();
                let most = waiting.len().min(MOST);
                waiting.drain(..most).collect()
            };
            self.admit(some).await;
        }
    }

    /// Admits some hosts; one by one where they cannot be admitted together.
    async fn admit(&self, waiting: Vec<Waiting>) {
        if waiting.len() > 1 {
            match attempt!(self, |transaction| all(&mut transaction, &waiting)) {
                Ok(decisions) => {
                    for (Waiting { answer, .. }, decision) in waiting.into_iter().zip(decisions) {
                        // Its host has gone.
                        let _ = answer.send(Ok(decision));
                    }
                    return;
                }
                // One of them cannot be stored, and so none was.
                Err(StoreError::NotFound(_) | StoreError::Conflict(_)) => {}
                Err(error) => {
                    for Waiting { answer, .. } in waiting {
                        let _ = answer.send(Err(error.again()));
                    }
                    return;
                }
            }
        }
        for Waiting { request, answer } in waiting {
            let decision = attempt!(self, |transaction| join::enroll(&mut transaction, &request));
            let _ = answer.send(decision);
        }
    }
}

async fn all(
    transaction: &mut Transaction,
    waiting: &[Waiting],
) -> Result<Vec<Decision>, ChangeError> {
    lock(&transaction.sql, waiting).await?;
    let mut decisions = Vec::with_capacity(waiting.len());
    for Waiting { request, .. } in waiting {
        decisions.push(join::enroll(transaction, request).await?);
    }
    Ok(decisions)
}

/// Locks the tokens and the known hosts, in the order in which other transactions do: after the first
/// host, the transaction has locks that come after these.
async fn lock(sql: &Sql, waiting: &[Waiting]) -> Result<(), DbError> {
    let tokens: Vec<&str> = waiting.iter().map(|one| one.request.token.as_str()).collect();
    sql.all(
        "SELECT id FROM tokens WHERE id = ANY ($1) ORDER BY id FOR UPDATE",
        params![tokens],
        |_| Ok(()),
    )
    .await?;
    let keys: Vec<&[u8]> = waiting.iter().map(|one| &one.request.key.as_bytes()[..]).collect();
    sql.all(
        "SELECT id FROM hosts WHERE id IN (SELECT host FROM host_keys WHERE key = ANY ($1)) \
         ORDER BY id FOR UPDATE",
        params![keys],
        |_| Ok(()),
    )
    .await?;
    Ok(())
}
