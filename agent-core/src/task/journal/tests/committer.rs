//! The committer: which requests share a batch, which have room, and who learns the outcome.

use super::super::committer::{CommitError, Committer, Priority, Replica};
use super::super::disk::Disk;
use super::super::log::Log;
use super::super::segment::frame_length;
use super::memory::Memory;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A new request from which nothing follows.
pub(super) const NEW: Priority = Priority::New { follow_up: 0 };

/// A replica that remembers every record.
pub(super) struct RecordingReplica {
    records: Mutex<Vec<Vec<u8>>>,
    /// Computes the reserve from the records.
    reserve: fn(&[Vec<u8>]) -> u64,
}

impl RecordingReplica {
    fn reserving(reserve: fn(&[Vec<u8>]) -> u64) -> Arc<Self> {
        Arc::new(Self { records: Mutex::default(), reserve })
    }
}

impl Default for RecordingReplica {
    fn default() -> Self {
        Self { records: Mutex::default(), reserve: |_| 0 }
    }
}

impl Replica for RecordingReplica {
    type Record = Vec<u8>;

    fn bytes(record: &Vec<u8>) -> Vec<u8> {
        record.clone()
    }

    fn recover(&self, bytes: &[u8]) {
        self.apply(vec![bytes.to_vec()]);
    }

    fn apply(&self, records: Vec<Vec<u8>>) {
        self.records.lock().unwrap().extend(records);
    }

    fn snapshot(&self) -> Vec<Vec<u8>> {
        self.records.lock().unwrap().clone()
    }

    fn reserve(&self) -> u64 {
        (self.reserve)(&self.records.lock().unwrap())
    }
}

pub(super) fn local() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// Makes `count` commits at once, in order.
pub(super) async fn at_once<D: Disk + Send + 'static>(
    committer: &Arc<Committer<D, RecordingReplica>>,
    count: usize,
) where
    D::File: Send,
{
    let all: Vec<_> = (0..count)
        .map(|number| {
            let committer = committer.clone();
            let record = format!("record {number} {}", "x".repeat(180)).into_bytes();
            tokio::spawn(async move { committer.commit(vec![record], NEW).await.unwrap() })
        })
        .collect();
    for one in all {
        one.await.unwrap();
    }
}

#[test]
fn concurrent_requests_share_batches_and_keep_their_order() {
    local().block_on(async {
        let memory = Memory::default();
        let replica: Arc<RecordingReplica> = Arc::default();
        let (committer, _) = Committer::open(memory.clone(), replica.clone()).unwrap();
        let committer = Arc::new(committer);
        at_once(&committer, 1000).await;
        assert!(memory.state().syncs < 100, "{} syncs for 1000 records", memory.state().syncs);
        let seen = replica.snapshot();
        assert_eq!(seen.len(), 1000);
        for (number, record) in seen.iter().enumerate() {
            assert!(record.starts_with(format!("record {number} ").as_bytes()), "record {number}");
        }
        committer.close();
        assert!(matches!(
            committer.commit(vec![b"x".to_vec()], NEW).await,
            Err(CommitError::Closed)
        ));
        assert_eq!(Log::open(memory.killed()).unwrap().1.records, seen);
    });
}

#[test]
fn a_deferred_request_is_written_with_the_next_request() {
    local().block_on(async {
        let memory = Memory::default();
        let replica: Arc<RecordingReplica> = Arc::default();
        let (committer, _) = Committer::open(memory.clone(), replica.clone()).unwrap();
        let committer = Arc::new(committer);
        let before = memory.state().syncs;
        let patient = |text: &'static [u8]| {
            let committer = committer.clone();
            tokio::spawn(
                async move { committer.commit(vec![text.to_vec()], Priority::Deferred).await },
            )
        };
        let (first, second) = (patient(b"first"), patient(b"second"));
        tokio::task::yield_now().await;
        committer.commit(vec![b"third".to_vec()], Priority::Required).await.unwrap();
        first.await.unwrap().unwrap();
        second.await.unwrap().unwrap();
        assert_eq!(replica.snapshot(), [&b"first"[..], b"second", b"third"]);
        // Two when this process was suspended in between.
        assert!(memory.state().syncs - before <= 2, "{} syncs", memory.state().syncs - before);
        // Alone, and when the journal is closed meanwhile.
        patient(b"alone").await.unwrap().unwrap();
        let last = patient(b"last");
        tokio::task::yield_now().await;
        committer.close();
        assert_eq!(replica.snapshot().last().unwrap(), b"last");
        last.await.unwrap().unwrap();
    });
}

#[test]
fn an_abandoned_request_does_not_strand_the_rest_of_its_batch() {
    local().block_on(async {
        let replica: Arc<RecordingReplica> = Arc::default();
        let (committer, _) = Committer::open(Memory::default(), replica.clone()).unwrap();
        let mut given_up = Box::pin(committer.commit(vec![b"given up".to_vec()], NEW));
        let mut with_it = Box::pin(committer.commit(vec![b"with it".to_vec()], NEW));
        std::future::poll_fn(|cx| {
            assert!(
                given_up.as_mut().poll(cx).is_pending() && with_it.as_mut().poll(cx).is_pending()
            );
            std::task::Poll::Ready(())
        })
        .await;
        drop(given_up);
        with_it.await.unwrap();
        assert_eq!(replica.snapshot(), [&b"given up"[..], b"with it"]);
    });
}

#[test]
fn required_records_have_room_when_new_ones_are_rejected() {
    local().block_on(async {
        let memory = Memory::default();
        memory.state().space = Some(64 << 10);
        let (committer, _) =
            Committer::open(memory.clone(), RecordingReplica::reserving(|_| 8 << 10)).unwrap();
        let mut taken = 0;
        let error = loop {
            match committer.commit(vec![vec![b'n'; 500]], NEW).await {
                Ok(()) => taken += 1,
                Err(error) => break error,
            }
        };
        assert!(matches!(error, CommitError::NoSpace(_)) && taken > 50, "{taken}: {error:?}");
        for _ in 0..10 {
            committer.commit(vec![vec![b'd'; 500]], Priority::Required).await.unwrap();
        }
    });
}

#[test]
fn the_follow_ups_of_accepted_records_have_room_on_a_full_disk() {
    const THEN: usize = 1000;
    local().block_on(async {
        for space in [64 << 10, 200 << 10, 1 << 20] {
            let memory = Memory::default();
            memory.state().space = Some(space);
            let replica = RecordingReplica::reserving(promised);
            let (committer, _) = Committer::open(memory.clone(), replica.clone()).unwrap();
            let need = Priority::New { follow_up: frame_length(THEN) as u64 };
            let all: Vec<_> =
                (0..500).map(|_| committer.commit(vec![vec![b'n'; 500]], need)).collect();
            let all = futures_in_turn(all).await;
            let taken = all.iter().filter(|one| one.is_ok()).count();
            assert!(taken > 20 && taken < 500 || space == 1 << 20, "{taken} in {space} bytes");
            assert!(all.iter().all(|one| matches!(one, Ok(()) | Err(CommitError::NoSpace(_)))));
            for _ in 0..taken {
                committer.commit(vec![vec![b'd'; THEN]], Priority::Required).await.unwrap();
            }
        }
    });
}

/// Returns the room for the follow-up of each record that has none yet.
fn promised(records: &[Vec<u8>]) -> u64 {
    let new = records.iter().filter(|record| record[0] == b'n').count();
    let due = records.len() - new;
    ((new - due) * frame_length(1000)) as u64
}

/// Polls all futures before it waits for the first.
async fn futures_in_turn<T>(futures: Vec<impl Future<Output = T>>) -> Vec<T> {
    let mut futures: Vec<_> = futures.into_iter().map(Box::pin).collect();
    let mut done: Vec<Option<T>> = futures.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, done) in futures.iter_mut().zip(&mut done) {
            if done.is_none()
                && let std::task::Poll::Ready(value) = future.as_mut().poll(context)
            {
                *done = Some(value);
            }
        }
        if done.iter().all(Option::is_some) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    done.into_iter().flatten().collect()
}

/// A replica that panics on every record.
struct Panics;

impl Replica for Panics {
    type Record = Vec<u8>;

    fn bytes(record: &Vec<u8>) -> Vec<u8> {
        record.clone()
    }

    fn recover(&self, bytes: &[u8]) {
        self.apply(vec![bytes.to_vec()]);
    }

    fn apply(&self, _: Vec<Vec<u8>>) {
        panic!("as the test wants");
    }

    fn snapshot(&self) -> Vec<Vec<u8>> {
        Vec::new()
    }

    fn reserve(&self) -> u64 {
        0
    }
}

#[test]
fn a_panic_of_the_replica_leaves_no_requester_waiting() {
    local().block_on(async {
        let (committer, _) = Committer::open(Memory::default(), Arc::new(Panics)).unwrap();
        for _ in 0..3 {
            let answer = committer.commit(vec![b"x".to_vec()], NEW);
            let answer =
                tokio::time::timeout(Duration::from_secs(60), answer).await.expect("an answer");
            assert!(matches!(answer, Err(CommitError::Closed)));
        }
        committer.close();
    });
}

#[test]
fn a_disk_that_fails_once_costs_a_new_file_but_no_record() {
    local().block_on(async {
        for at in 7..12 {
            let memory = Memory::default();
            let replica: Arc<RecordingReplica> = Arc::default();
            let (committer, _) = Committer::open(memory.clone(), replica.clone()).unwrap();
            memory.state().fail = Some((at, io::ErrorKind::Other, false));
            for number in 0..5_u8 {
                committer.commit(vec![vec![number + 1]], NEW).await.unwrap();
            }
            assert_eq!(Log::open(memory.killed()).unwrap().1.records, replica.snapshot());
        }
    });
}
