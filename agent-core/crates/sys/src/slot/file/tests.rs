use super::*;
use crate::child::{Stage, StartFailure};
use crate::end::{CommandEnd, Usage};
use crate::slot::Leftovers;
use crate::spool::Extent;
use std::time::Duration;
use test_support::Scratch;

fn record(end: Result<CommandEnd, StartFailure>) -> Record {
    let usage =
        Usage { user: Duration::from_micros(7), system: Duration::from_secs(3), max_rss_kib: 4096 };
    let stdout = Extent { total: u64::MAX, written: 5, tail: 2, stopped: true };
    let totals = Totals { stdout, stderr: Extent { total: 1, ..Extent::default() } };
    let wall = Duration::from_secs(30 * 86_400);
    Record {
        end,
        started_ms: 1,
        ended_ms: 2,
        wall,
        usage: Some(usage),
        leftovers: Leftovers::Survivors,
        totals,
    }
}

#[test]
fn every_end_comes_back_as_it_was_written_and_no_torn_one() {
    let scratch = Scratch::new("slots-ends");
    let path = scratch.file("slots");
    let slots = Slots::open(&path, 3).unwrap();
    let ends = [
        Ok(CommandEnd::Exited(0)),
        Ok(CommandEnd::Exited(255)),
        Ok(CommandEnd::Signaled { signal: 11, core: true }),
        Ok(CommandEnd::Signaled { signal: 9, core: false }),
        Ok(CommandEnd::TimedOut),
        Ok(CommandEnd::Cancelled),
        Err(StartFailure { stage: Stage::Exec, errno: libc::ENOENT }),
    ];
    for (end, n) in ends.into_iter().zip(1..) {
        let written = record(end);
        let claim = slots.take(1, n).unwrap();
        claim.end(&written).unwrap();
        assert_eq!(slots.state(1, n).unwrap(), SlotState::Ended(written));
        assert_eq!(
            slots.state(1, n + 1).unwrap(),
            SlotState::Lost { begun: None, totals: Totals::default() }
        );
        let whole = slots.read(1).unwrap();
        for at in ENDED.at..ENDED.at + 168 {
            let mut torn = whole;
            torn[at..ENDED.at + 168].fill(0);
            assert!(torn == whole || Record::read(&torn, n).is_none(), "torn at {at}");
            let mut flipped = whole;
            flipped[at] ^= 0x10;
            assert_eq!(Record::read(&flipped, n), None, "flipped at {at}");
        }
    }
}

#[test]
fn a_slot_is_held_until_the_last_copy_of_its_claim_is_closed() {
    let scratch = Scratch::new("slots-held");
    let path = scratch.file("slots");
    let slots = Slots::open(&path, 2).unwrap();
    let claim = slots.take(0, 7).unwrap();
    assert_eq!(slots.take(0, 8).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    let begun = Begun { pid: 4, ticks: 5, wall_ms: 6 };
    assert_eq!(
        slots.state(0, 7).unwrap(),
        SlotState::Running { begun: None, totals: Totals::default() }
    );
    claim.begin(&begun).unwrap();
    let copy = claim.as_fd().try_clone_to_owned().unwrap();
    drop(claim);
    let totals = Totals { stdout: Extent { total: 9, ..Extent::default() }, ..Totals::default() };
    Claim::received(copy.try_clone().unwrap(), 0, 7).count(&totals).unwrap();
    let others = Slots::open(&path, 1).unwrap();
    assert_eq!((others.count(), others.is_held(1).unwrap()), (2, false));
    assert_eq!(others.state(0, 7).unwrap(), SlotState::Running { begun: Some(begun), totals });
    assert_eq!(
        others.state(0, 6).unwrap(),
        SlotState::Lost { begun: None, totals: Totals::default() }
    );
    drop(copy);
    assert_eq!(others.state(0, 7).unwrap(), SlotState::Lost { begun: Some(begun), totals });
    assert_eq!(others.take(0, 8).unwrap().n(), 8);
    assert_eq!(
        others.state(0, 7).unwrap(),
        SlotState::Lost { begun: None, totals: Totals::default() }
    );
}

#[test]
fn a_longer_file_keeps_its_content() {
    let scratch = Scratch::new("slots-longer");
    let path = scratch.file("slots");
    Slots::open(&path, 1)
        .unwrap()
        .take(0, 1)
        .unwrap()
        .end(&record(Ok(CommandEnd::TimedOut)))
        .unwrap();
    // Torn while it was made longer.
    File::options().append(true).open(&path).unwrap().set_len(STRIDE + 100).unwrap();
    let slots = Slots::open(&path, 4).unwrap();
    assert_eq!(slots.count(), 4);
    assert!(matches!(slots.state(0, 1).unwrap(), SlotState::Ended(_)));
    assert!(slots.take(4, 2).is_err());
    assert_eq!(slots.take(3, 2).unwrap().index(), 3);
}
