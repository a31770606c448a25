//! Writes a batch of requests: all of it, or what there is room for.

use super::Owner;
use super::request::{Answer, Need, Refused, Request};
use crate::task::journal::disk::Disk;
use crate::task::journal::log::{Log, is_no_space};
use std::io;

pub(super) fn write_all<D: Disk, O: Owner>(log: &mut Log<D>, owner: &O, requests: Vec<Request<O::Record>>) {
    let then = requests.iter().map(Request::then).fold(owner.reserve(), u64::saturating_add);
    let Err(error) = write(log, owner, &requests, then) else {
        return answer(owner, requests, &Ok(()));
    };
    // What there is has to do: for all that is due, and for as much that is new as leaves the reserve alone.
    let mut free = log.room().saturating_sub(owner.reserve());
    let (taken, left): (Vec<_>, Vec<_>) = requests.into_iter().partition(|request| match request.need {
        Need::Due | Need::Patient => true,
        Need::New { then } => {
            let rest = free.checked_sub(request.length().saturating_add(then));
            free = rest.unwrap_or(free);
            rest.is_some()
        }
    });
    answer(owner, left, &Err(refusal(&error)));
    match write(log, owner, &taken, 0) {
        Ok(()) => answer(owner, taken, &Ok(())),
        Err(error) => answer(owner, taken, &Err(refusal(&error))),
    }
}

/// Commits and leaves `then` bytes of room, in a new file where the old one is full or fails.
fn write<D: Disk, O: Owner>(
    log: &mut Log<D>,
    owner: &O,
    requests: &[Request<O::Record>],
    then: u64,
) -> io::Result<()> {
    let length = requests.iter().map(Request::length).fold(0, u64::saturating_add);
    if length == 0 {
        return Ok(());
    }
    let needed = length.saturating_add(then);
    let mut once_more = true;
    loop {
        if log.room() < needed {
            log.rewrite(&owner.live(), needed)?;
        }
        let mut records = requests.iter().flat_map(|request| &request.bytes);
        records.try_for_each(|record| log.append(record)).inspect_err(|_| log.discard())?;
        match log.commit() {
            Ok(()) => return Ok(()),
            // The file can't be trusted any more. A new one may be on a better part of the disk.
            Err(_) if once_more => once_more = false,
            Err(error) => return Err(error),
        }
    }
}

fn refusal(error: &io::Error) -> Refused {
    if is_no_space(error) { Refused::NoSpace(error.to_string()) } else { Refused::Failed(error.to_string()) }
}

fn answer<O: Owner>(
    owner: &O,
    requests: impl IntoIterator<Item = Request<O::Record>>,
    result: &Result<(), Refused>,
) {
    let (records, senders): (Vec<_>, Vec<_>) =
        requests.into_iter().map(|request| (request.records, request.answer)).unzip();
    if result.is_ok() {
        owner.apply(records.into_iter().flatten().collect());
    }
    let mut others = senders.into_iter();
    while let Some(first) = others.next() {
        match first.send(Answer { result: result.clone(), others: others.collect() }) {
            Ok(()) => return,
            // It has given up: the next one is the first.
            Err(answer) => others = answer.others.into_iter(),
        }
    }
}
