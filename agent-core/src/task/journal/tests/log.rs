//! The log: every failure, every power cut, every kind of damage.

use super::super::disk::Disk;
use super::super::log::Log;
use super::super::segment::{self, HEADER, frame_length, header, put_frame};
use super::memory::{Inode, Memory, Random};
use proptest::prelude::*;
use std::io;

/// A run that commits and rewrites, as the committer does, and knows which records it may rely on.
struct Run {
    log: Log<Memory>,
    /// Every record ever tried, in order.
    tried: Vec<Vec<u8>>,
    /// The records that are committed and not forgotten since.
    relied: Vec<Vec<u8>>,
    /// The records whose commit failed.
    rejected: Vec<Vec<u8>>,
}

impl Run {
    fn step(&mut self, random: &mut Random) -> bool {
        if random.below(4) == 0 {
            let forgotten = random.below(self.relied.len() + 1);
            self.relied.drain(..forgotten);
            return self.log.rewrite(&self.relied, 4096).is_ok();
        }
        let batch: Vec<Vec<u8>> = (0..1 + random.below(3))
            .map(|index| {
                let mut record = format!("{}-{index}:", self.tried.len()).into_bytes();
                record.resize(record.len() + random.below(1500), b'x');
                record
            })
            .collect();
        self.tried.extend(batch.iter().cloned());
        let needed: u64 = batch.iter().map(|record| frame_length(record.len()) as u64).sum();
        if self.log.room() < needed && self.log.rewrite(&self.relied, needed).is_err() {
            return false;
        }
        let appended = batch.iter().try_for_each(|record| self.log.append(record));
        let done = appended.and_then(|()| self.log.commit()).is_ok();
        if done { &mut self.relied } else { &mut self.rejected }.extend(batch);
        done
    }
}

/// Checks that the records read back contain all that the run relied on, in order, and nothing that
/// was never written.
fn keeps(found: &[Vec<u8>], run: &Run, what: &str) {
    let mut places = found.iter();
    for record in &run.relied {
        assert!(
            places.any(|found| found == record),
            "{what}: lost {}",
            String::from_utf8_lossy(&record[..9])
        );
    }
    let mut tried = run.tried.iter();
    for record in found {
        assert!(tried.any(|tried| tried == record), "{what}: out of order or invented");
    }
}

fn run_until(memory: &Memory, seed: u64, steps: usize) -> Option<Run> {
    let mut random = Random(seed | 1);
    let (log, _) = Log::open(memory.clone()).ok()?;
    let mut run = Run { log, tried: Vec::new(), relied: Vec::new(), rejected: Vec::new() };
    for _ in 0..steps {
        // After a failure, the next step begins with a rewrite.
        run.step(&mut random);
    }
    Some(run)
}

#[test]
fn whichever_operation_fails_every_committed_record_is_kept() {
    for seed in [11, 12, 13] {
        let whole = Memory::default();
        run_until(&whole, seed, 40).unwrap();
        let operations = whole.state().operations;
        for at in 1..=operations {
            for (kind, lasting) in [
                (io::ErrorKind::Other, false),
                (io::ErrorKind::Other, true),
                (io::ErrorKind::StorageFull, false),
            ] {
                let memory = Memory::default();
                memory.state().fail = Some((at, kind, lasting));
                let Some(run) = run_until(&memory, seed, 40) else { continue };
                let what = format!("seed {seed}, operation {at} of {operations}, {kind:?}");
                let (_, found) = Log::open(memory.killed()).expect("it opens");
                keeps(&found.records, &run, &format!("{what}, killed"));
                let back = found.records.iter().any(|record| run.rejected.contains(record));
                assert!(lasting || !back, "{what}: rejected, and yet there");
                for cut in 0..3 {
                    let mut random = Random(seed * 7 + cut + 1);
                    let (_, found) = Log::open(memory.cut(&mut random)).expect("it opens");
                    assert_eq!(
                        (found.set_aside, found.damaged > 0 && !lasting),
                        (None, false),
                        "{what}"
                    );
                    keeps(&found.records, &run, &format!("{what}, cut {cut}"));
                }
            }
        }
    }
}

#[test]
fn a_power_cut_at_any_step_keeps_every_committed_record() {
    for seed in 1..400 {
        let memory = Memory::default();
        let mut random = Random((seed * 0x9E37_79B9) | 1);
        let run = run_until(&memory, seed, 1 + random.below(25)).unwrap();
        let mut disk = memory.cut(&mut random);
        // Cut again during recovery: records once found stay.
        for _ in 0..3 {
            let (mut log, found) = Log::open(disk.clone()).unwrap();
            keeps(&found.records, &run, &format!("seed {seed}"));
            if log.room() == 0 {
                let _ = log.rewrite(&found.records, 1000);
            }
            disk = disk.cut(&mut random);
        }
    }
}

/// Makes a journal with one record.
fn one_record() -> (Memory, Log<Memory>) {
    let memory = Memory::default();
    let (mut log, _) = Log::open(memory.clone()).unwrap();
    log.append(b"first").unwrap();
    log.commit().unwrap();
    (memory, log)
}

#[test]
fn recovery_finishes_the_work_of_a_killed_process_before_building_on_it() {
    // Killed between the rename and its sync.
    let (renamed, mut log) = one_record();
    let done = renamed.state().operations;
    renamed.state().fail = Some((done + 5, io::ErrorKind::Other, true));
    assert!(log.rewrite(&[b"first".to_vec()], 1000).is_err());
    // Killed between a write and its sync.
    let (written, mut log) = one_record();
    let durable = written.state().inodes[0].durable.clone();
    log.append(b"second").unwrap();
    log.commit().unwrap();
    let current = written.state().inodes[0].current.clone();
    written.state().inodes[0] = Inode { durable, unsynced: vec![(0, current.clone())], current };

    for (memory, found) in [(renamed, &[&b"first"[..]][..]), (written, &[b"first", b"second"])] {
        for seed in 1..20 {
            let memory = memory.killed();
            let (mut log, opened) = Log::open(memory.clone()).unwrap();
            assert_eq!(opened.records, found);
            assert_eq!(Log::open(memory.cut(&mut Random(seed))).unwrap().1.records, found);
            log.append(b"third").unwrap();
            log.commit().unwrap();
            let (_, opened) = Log::open(memory.cut(&mut Random(seed))).unwrap();
            assert_eq!(opened.records, [found, &[b"third"]].concat());
        }
    }
}

#[test]
fn a_torn_commit_takes_no_room_even_when_the_disk_is_full() {
    let (memory, log) = one_record();
    let before = log.room();
    memory.write(&0, 300, b"a part of a frame").unwrap();
    memory.state().space = Some(0);
    let (mut log, found) = Log::open(memory.clone()).unwrap();
    assert_eq!((found.records.len(), found.damaged, log.room()), (1, 0, before));
    log.append(b"second").unwrap();
    log.commit().unwrap();
    assert_eq!(Log::open(memory.killed()).unwrap().1.records, [&b"first"[..], b"second"]);
}

#[test]
fn a_new_file_that_was_not_installed_is_removed() {
    // Each step of a rewrite: create, write, sync, rename.
    for at in 1..=4 {
        let memory = Memory::default();
        let (mut log, _) = Log::open(memory.clone()).unwrap();
        let done = memory.state().operations;
        memory.state().fail = Some((done + at, io::ErrorKind::Other, false));
        assert!(log.rewrite(&[], 1000).is_err());
        assert_eq!(memory.state().names().keys().collect::<Vec<_>>(), ["journal"], "step {at}");
    }
}

fn image(records: &[&[u8]]) -> Vec<u8> {
    let mut bytes = header(7).to_vec();
    for (index, record) in records.iter().enumerate() {
        put_frame(7, index as u64 + 1, record, &mut bytes);
    }
    bytes.resize(bytes.len() + 100, 0);
    bytes
}

const THREE: [&[u8]; 3] = [b"first record", b"second", b"the third of them"];

#[test]
fn every_truncation_keeps_the_whole_records_before_it() {
    let bytes = image(&THREE);
    let ends: Vec<usize> = (0..=3)
        .map(|count| {
            HEADER + THREE[..count].iter().map(|record| frame_length(record.len())).sum::<usize>()
        })
        .collect();
    for length in 0..=bytes.len() {
        let Some(read) = segment::read(&bytes[..length]) else {
            assert!(length < HEADER, "{length}");
            continue;
        };
        // A frame's padding may be missing: its record is whole without it.
        let whole = (1..=3).filter(|count| length + 7 >= ends[*count]).count();
        assert!(
            read.records.len() >= whole.saturating_sub(1) && read.records.len() <= whole,
            "{length}"
        );
        assert_eq!(read.records, THREE[..read.records.len()], "{length}");
    }
}

#[test]
fn every_flipped_bit_costs_at_most_one_record() {
    let bytes = image(&THREE);
    for at in HEADER..bytes.len() - 100 {
        for bit in 0..8 {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1 << bit;
            let read = segment::read(&bytes).unwrap();
            assert!(read.records.len() >= 2, "bit {bit} at {at}");
            assert!(read.records.iter().all(|record| THREE.contains(record)), "bit {bit} at {at}");
            assert!(
                read.records.len() == 3 || read.damaged > 0 || read.torn > 0,
                "bit {bit} at {at}: unnoticed"
            );
        }
    }
    for at in 0..HEADER {
        let mut bytes = bytes.clone();
        bytes[at] ^= 1;
        assert_eq!(segment::read(&bytes), None, "the header, byte {at}");
    }
}

#[test]
fn a_record_that_looks_like_a_frame_is_a_record() {
    let mut inner = Vec::new();
    put_frame(7, 9, b"not a record", &mut inner);
    let bytes = image(&[&inner, b"next"]);
    assert_eq!(segment::read(&bytes).unwrap().records, [&inner[..], b"next"]);
    // Even where the frame around it is damaged, as long as its author does not know the salt.
    let mut foreign = Vec::new();
    put_frame(8, 9, b"not a record", &mut foreign);
    let mut bytes = image(&[&foreign, b"next"]);
    bytes[HEADER] ^= 1;
    assert_eq!(segment::read(&bytes).unwrap().records, [b"next"]);
}

#[test]
fn a_file_that_is_not_a_journal_is_renamed_not_deleted() {
    let memory = Memory::default();
    let file = memory.create("journal", 100).unwrap();
    memory.write(&file, 0, b"something else").unwrap();
    let (mut log, found) = Log::open(memory.clone()).unwrap();
    let name = found.set_aside.unwrap();
    assert!(memory.read(&name).unwrap().unwrap().starts_with(b"something else"));
    log.append(b"works").unwrap();
    log.commit().unwrap();
    assert_eq!(Log::open(memory).unwrap().1.records, [b"works"]);
}

#[test]
fn a_small_disk_is_filled_and_used_again_when_there_is_space() {
    let memory = Memory::default();
    memory.state().space = Some(200 << 10);
    let (mut log, _) = Log::open(memory.clone()).unwrap();
    let mut kept: Vec<Vec<u8>> = Vec::new();
    let full = loop {
        let record = vec![b'x'; 1000];
        if log.room() < 2000
            && let Err(error) = log.rewrite(&kept, 2000)
        {
            break error;
        }
        log.append(&record).unwrap();
        log.commit().unwrap();
        kept.push(record);
    };
    assert!(
        super::super::log::is_no_space(&full) && kept.len() > 40,
        "{} records: {full}",
        kept.len()
    );
    assert_eq!(Log::open(memory.killed()).unwrap().1.records, kept);
    // There is room for the reserve, and then for what a shorter file leaves.
    log.append(b"due").unwrap();
    log.commit().unwrap();
    kept.truncate(2);
    log.rewrite(&kept, 2000).unwrap();
    assert!(log.room() >= 2000);
}

proptest! {
    #[test]
    fn reading_arbitrary_bytes_ends_and_invents_no_record(
        bytes in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        let mut file = header(3).to_vec();
        file.extend(bytes);
        let read = segment::read(&file).unwrap();
        prop_assert!(read.end <= file.len().next_multiple_of(8));
        prop_assert!(read.records.is_empty());
    }
}
