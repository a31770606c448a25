//! Writes a batch of requests: all of it, or as much as there is room for.

use super::Replica;
use super::request::{CommitError, Outcome, Priority, Request};
use crate::task::journal::disk::Disk;
use crate::task::journal::log::{Log, is_no_space};
use std::io;
use std::sync::Arc;

/// Commits a batch and reports the outcomes.
pub(super) fn write_all<D: Disk, R: Replica>(
    log: &mut Log<D>,
    replica: &R,
    requests: Vec<Request<R::Record>>,
) {
    if let Err(error) = log.check_name() {
        return report(replica, requests, &Err(commit_error(error)));
    }
    let follow_up =
        requests.iter().map(Request::follow_up).fold(replica.reserve(), u64::saturating_add);
    let Err(error) = write(log, replica, &requests, follow_up) else {
        return report(replica, requests, &Ok(()));
    };
    // The room that is left has to do: for all required requests, and for as many new ones as leave
    // the reserve alone.
    let mut free = log.room().saturating_sub(replica.reserve());
    let (fitting, rejected): (Vec<_>, Vec<_>) =
        requests.into_iter().partition(|request| match request.priority {
            Priority::Required | Priority::Deferred => true,
            Priority::New { follow_up } => {
                let rest = free.checked_sub(request.length().saturating_add(follow_up));
                free = rest.unwrap_or(free);
                rest.is_some()
            }
        });
    report(replica, rejected, &Err(commit_error(error)));
    let written = write(log, replica, &fitting, 0);
    report(replica, fitting, &written.map_err(commit_error));
}

/// Commits and leaves `room` bytes of room, in a new file where the old one is full or fails.
fn write<D: Disk, R: Replica>(
    log: &mut Log<D>,
    replica: &R,
    requests: &[Request<R::Record>],
    room: u64,
) -> io::Result<()> {
    let length = requests.iter().map(Request::length).fold(0, u64::saturating_add);
    if length == 0 {
        return Ok(());
    }
    let needed = length.saturating_add(room);
    let mut once_more = true;
    loop {
        if log.room() < needed {
            log.rewrite(&replica.snapshot(), needed)?;
        }
        let mut records = requests.iter().flat_map(|request| &request.bytes);
        records.try_for_each(|record| log.append(record)).inspect_err(|_| log.discard())?;
        match log.commit() {
            Ok(()) => return Ok(()),
            // The file cannot be trusted any more. A new file may be on a better part of the disk.
            Err(_) if once_more => once_more = false,
            Err(error) => return Err(error),
        }
    }
}

fn commit_error(error: io::Error) -> CommitError {
    let no_space = is_no_space(&error);
    let error = Arc::new(error);
    if no_space { CommitError::NoSpace(error) } else { CommitError::Failed(error) }
}

/// Applies the records of a successful commit, then reports the outcome to every requester.
fn report<R: Replica>(
    replica: &R,
    requests: impl IntoIterator<Item = Request<R::Record>>,
    result: &Result<(), CommitError>,
) {
    let (records, senders): (Vec<_>, Vec<_>) =
        requests.into_iter().map(|request| (request.records, request.outcome)).unzip();
    if result.is_ok() {
        replica.apply(records.into_iter().flatten().collect());
    }
    let mut others = senders.into_iter();
    while let Some(first) = others.next() {
        match first.send(Outcome { result: result.clone(), others: others.collect() }) {
            Ok(()) => return,
            // It has given up: the next one is the first.
            Err(outcome) => others = outcome.others.into_iter(),
        }
    }
}
