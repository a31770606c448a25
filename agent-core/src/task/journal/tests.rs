//! Every failure and every cut, on a disk in memory; kills and times on a real one.

use super::committer::{Committer, Need, Owner, Refused};
use super::disk::{Directory, Disk};
use super::log::Log;
use super::segment::{self, HEADER, frame_length, header, put_frame};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// What a disk writes whole or not at all.
const SECTOR: usize = 512;

/// Repeatable randomness (xorshift64*).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % bound
    }
}

/// A file: what is surely on the disk, and what the kernel has.
#[derive(Clone, Default)]
struct Inode {
    durable: Vec<u8>,
    current: Vec<u8>,
    unsynced: Vec<(usize, Vec<u8>)>,
}

impl Inode {
    /// The durable bytes, and any sectors of what was written since.
    fn cut(&self, random: &mut Random) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        for (at, written) in &self.unsynced {
            for (index, sector) in written.chunks(SECTOR).enumerate() {
                if random.below(2) == 0 {
                    let from = at + index * SECTOR;
                    bytes.resize(bytes.len().max(from + sector.len()), 0);
                    bytes[from..from + sector.len()].copy_from_slice(sector);
                }
            }
        }
        bytes
    }
}

#[derive(Clone, Default)]
struct State {
    inodes: Vec<Inode>,
    durable_names: BTreeMap<String, usize>,
    /// Every state of the names since they were last synced.
    names: Vec<BTreeMap<String, usize>>,
    operations: usize,
    /// The operation that fails, how, and whether all after it do too.
    fail: Option<(usize, io::ErrorKind, bool)>,
    space: Option<usize>,
    syncs: usize,
}

/// A disk in memory that can fail and be cut off.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<State>>);

impl State {
    fn now(&mut self) -> &mut BTreeMap<String, usize> {
        if self.names.is_empty() {
            self.names.push(self.durable_names.clone());
        }
        let last = self.names.last().unwrap().clone();
        self.names.push(last);
        self.names.last_mut().unwrap()
    }

    fn names(&self) -> &BTreeMap<String, usize> {
        self.names.last().unwrap_or(&self.durable_names)
    }

    fn operate(&mut self) -> io::Result<()> {
        self.operations += 1;
        match self.fail {
            Some((at, kind, lasting)) if self.operations == at || (lasting && self.operations > at) => {
                Err(kind.into())
            }
            _ => Ok(()),
        }
    }

    fn used(&self) -> usize {
        self.names().values().map(|inode| self.inodes[*inode].current.len()).sum()
    }
}

impl Memory {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// The disk after the power was cut: of what was not synced, any part may be there.
    fn cut(&self, random: &mut Random) -> Self {
        let state = self.state().clone();
        let names = match random.below(state.names.len() + 1) {
            0 => state.durable_names.clone(),
            some => state.names[some - 1].clone(),
        };
        let inodes = state
            .inodes
            .iter()
            .map(|inode| {
                let bytes = inode.cut(random);
                Inode { durable: bytes.clone(), current: bytes, unsynced: Vec::new() }
            })
            .collect();
        let state = State { inodes, durable_names: names, ..State::default() };
        Self(Arc::new(Mutex::new(state)))
    }

    /// The disk after the process was killed: everything written is there.
    fn killed(&self) -> Self {
        let mut state = self.state().clone();
        (state.fail, state.space) = (None, None);
        Self(Arc::new(Mutex::new(state)))
    }
}

impl Disk for Memory {
    type File = usize;

    fn ample(&self) -> u64 {
        // Small: thousands of them are copied.
        64 << 10
    }

    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        let state = self.state();
        Ok(state.names().get(name).map(|inode| state.inodes[*inode].current.clone()))
    }

    fn open(&self, name: &str) -> io::Result<usize> {
        self.state().names().get(name).copied().ok_or(io::ErrorKind::NotFound.into())
    }

    fn create(&self, name: &str, length: u64) -> io::Result<usize> {
        let mut state = self.state();
        state.operate()?;
        let length = usize::try_from(length).unwrap();
        let gone = state.names().get(name).map_or(0, |inode| state.inodes[*inode].current.len());
        if state.space.is_some_and(|space| state.used() - gone + length > space) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let zeros = vec![0; length];
        let inode = Inode { durable: Vec::new(), current: zeros.clone(), unsynced: vec![(0, zeros)] };
        state.inodes.push(inode);
        let number = state.inodes.len() - 1;
        state.now().insert(name.to_owned(), number);
        Ok(number)
    }

    fn write(&self, file: &usize, at: u64, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        let failed = state.operate();
        // One that fails may have written a part.
        let bytes = if failed.is_err() { &bytes[..bytes.len() / 2] } else { bytes };
        let at = usize::try_from(at).unwrap();
        let inode = &mut state.inodes[*file];
        assert!(at + bytes.len() <= inode.current.len(), "beyond what was laid out");
        inode.current[at..at + bytes.len()].copy_from_slice(bytes);
        // In whole sectors, as a disk gets them.
        let from = at / SECTOR * SECTOR;
        let to = (at + bytes.len()).next_multiple_of(SECTOR).min(inode.current.len());
        let sectors = inode.current[from..to].to_vec();
        inode.unsynced.push((from, sectors));
        failed
    }

    fn sync(&self, file: &usize) -> io::Result<()> {
        let mut state = self.state();
        if let Err(error) = state.operate() {
            // What it has not written by now no later sync writes either: the kernel takes it for clean.
            let mut random = Random(state.operations as u64 | 1);
            let inode = &mut state.inodes[*file];
            inode.durable = inode.cut(&mut random);
            inode.unsynced.clear();
            return Err(error);
        }
        state.syncs += 1;
        let inode = &mut state.inodes[*file];
        inode.durable = inode.current.clone();
        inode.unsynced.clear();
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.state();
        state.operate()?;
        let names = state.now();
        let inode = names.remove(from).ok_or(io::ErrorKind::NotFound)?;
        names.insert(to.to_owned(), inode);
        Ok(())
    }

    fn sync_names(&self) -> io::Result<()> {
        let mut state = self.state();
        state.operate()?;
        state.durable_names = state.names().clone();
        state.names.clear();
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        match self.state().now().remove(name) {
            Some(_) => Ok(()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

/// A run that commits and rewrites, as the committer does, and keeps account of what it may rely on.
struct Run {
    log: Log<Memory>,
    /// Every record ever tried, in order.
    tried: Vec<Vec<u8>>,
    /// Those acknowledged and not forgotten since.
    relied: Vec<Vec<u8>>,
    /// Those whose commit has failed.
    refused: Vec<Vec<u8>>,
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
        if done { &mut self.relied } else { &mut self.refused }.extend(batch);
        done
    }
}

/// What was read back holds all that was relied on, in order, and nothing that was never written.
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
    let mut run = Run { log, tried: Vec::new(), relied: Vec::new(), refused: Vec::new() };
    for _ in 0..steps {
        // What fails is not given up: the next step begins with a rewrite.
        run.step(&mut random);
    }
    Some(run)
}

#[test]
fn whichever_operation_fails_every_acknowledged_record_is_kept() {
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
                let back = found.records.iter().any(|record| run.refused.contains(record));
                assert!(lasting || !back, "{what}: refused, and yet there");
                for cut in 0..3 {
                    let mut random = Random(seed * 7 + cut + 1);
                    let (_, found) = Log::open(memory.cut(&mut random)).expect("it opens");
                    assert_eq!((found.set_aside, found.damaged > 0 && !lasting), (None, false), "{what}");
                    keeps(&found.records, &run, &format!("{what}, cut {cut}"));
                }
            }
        }
    }
}

#[test]
fn a_power_cut_at_any_step_keeps_every_acknowledged_record() {
    for seed in 1..400 {
        let memory = Memory::default();
        let mut random = Random((seed * 0x9E37_79B9) | 1);
        let run = run_until(&memory, seed, 1 + random.below(25)).unwrap();
        let mut disk = memory.cut(&mut random);
        // Cut again while it recovers: what was found stays found.
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

/// A journal with one record.
fn one_record() -> (Memory, Log<Memory>) {
    let memory = Memory::default();
    let (mut log, _) = Log::open(memory.clone()).unwrap();
    log.append(b"first").unwrap();
    log.commit().unwrap();
    (memory, log)
}

#[test]
fn what_a_kill_has_left_undone_is_done_before_anything_is_built_on_it() {
    // Killed between the change of names and its sync.
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
fn a_torn_end_takes_no_room_even_when_the_disk_is_full() {
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
fn a_file_that_did_not_come_into_force_does_not_stay() {
    // Each step of a rewrite: made, written, synced, renamed.
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
fn every_truncation_gives_the_whole_records_before_it() {
    let bytes = image(&THREE);
    let ends: Vec<usize> = (0..=3)
        .map(|count| HEADER + THREE[..count].iter().map(|record| frame_length(record.len())).sum::<usize>())
        .collect();
    for length in 0..=bytes.len() {
        let Some(read) = segment::read(&bytes[..length]) else {
            assert!(length < HEADER, "{length}");
            continue;
        };
        // A frame's padding may be missing: its record is whole without.
        let whole = (1..=3).filter(|count| length + 7 >= ends[*count]).count();
        assert!(read.records.len() >= whole.saturating_sub(1) && read.records.len() <= whole, "{length}");
        assert_eq!(read.records, THREE[..read.records.len()], "{length}");
    }
}

#[test]
fn every_flipped_bit_costs_one_record_at_most() {
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
fn a_record_that_looks_like_frames_is_a_record() {
    let mut inner = Vec::new();
    put_frame(7, 9, b"not a record", &mut inner);
    let bytes = image(&[&inner, b"next"]);
    assert_eq!(segment::read(&bytes).unwrap().records, [&inner[..], b"next"]);
    // Not even where the frame around it is damaged, as long as its writer does not know the salt.
    let mut foreign = Vec::new();
    put_frame(8, 9, b"not a record", &mut foreign);
    let mut bytes = image(&[&foreign, b"next"]);
    bytes[HEADER] ^= 1;
    assert_eq!(segment::read(&bytes).unwrap().records, [b"next"]);
}

#[test]
fn a_file_that_is_no_journal_is_set_aside_not_deleted() {
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
fn a_small_disk_is_used_to_the_end_and_again_when_there_is_space() {
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
    assert!(super::log::is_no_space(&full) && kept.len() > 40, "{} records: {full}", kept.len());
    assert_eq!(Log::open(memory.killed()).unwrap().1.records, kept);
    // There is room for what was reserved, and after that for what a shorter file leaves.
    log.append(b"due").unwrap();
    log.commit().unwrap();
    kept.truncate(2);
    log.rewrite(&kept, 2000).unwrap();
    assert!(log.room() >= 2000);
}

proptest! {
    #[test]
    fn whatever_bytes_are_there_reading_ends_and_invents_nothing(
        bytes in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        let mut file = header(3).to_vec();
        file.extend(bytes);
        let read = segment::read(&file).unwrap();
        prop_assert!(read.end <= file.len().next_multiple_of(8));
        prop_assert!(read.records.is_empty());
    }
}

/// An owner that remembers.
#[derive(Default)]
struct Seen(Mutex<Vec<Vec<u8>>>, u64);

impl Owner for Seen {
    type Record = Vec<u8>;

    fn bytes(record: &Vec<u8>) -> Vec<u8> {
        record.clone()
    }

    fn found(&self, bytes: &[u8]) {
        self.apply(bytes.to_vec());
    }

    fn apply(&self, record: Vec<u8>) {
        self.0.lock().unwrap().push(record);
    }

    fn live(&self) -> Vec<Vec<u8>> {
        self.0.lock().unwrap().clone()
    }

    fn reserve(&self) -> u64 {
        self.1
    }
}

fn local() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// `count` commits at once, in order.
async fn at_once<D: Disk + Send + 'static>(committer: &Arc<Committer<D, Seen>>, count: usize)
where
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
fn what_is_asked_for_at_once_goes_out_together_and_in_order() {
    local().block_on(async {
        let memory = Memory::default();
        let owner: Arc<Seen> = Arc::default();
        let (committer, _) = Committer::open(memory.clone(), owner.clone()).unwrap();
        let committer = Arc::new(committer);
        at_once(&committer, 1000).await;
        assert!(memory.state().syncs < 100, "{} syncs for 1000 records", memory.state().syncs);
        let seen = owner.live();
        assert_eq!(seen.len(), 1000);
        for (number, record) in seen.iter().enumerate() {
            assert!(record.starts_with(format!("record {number} ").as_bytes()), "record {number}");
        }
        committer.close();
        assert!(matches!(committer.commit(vec![b"x".to_vec()], NEW).await, Err(Refused::Closed)));
        assert_eq!(Log::open(memory.killed()).unwrap().1.records, seen);
    });
}

#[test]
fn what_nobody_waits_for_goes_with_the_next_that_is_asked_for() {
    local().block_on(async {
        let memory = Memory::default();
        let owner: Arc<Seen> = Arc::default();
        let (committer, _) = Committer::open(memory.clone(), owner.clone()).unwrap();
        let committer = Arc::new(committer);
        let before = memory.state().syncs;
        let patient = |text: &'static [u8]| {
            let committer = committer.clone();
            tokio::spawn(async move { committer.commit(vec![text.to_vec()], Need::Patient).await })
        };
        let (first, second) = (patient(b"first"), patient(b"second"));
        tokio::task::yield_now().await;
        committer.commit(vec![b"third".to_vec()], Need::Due).await.unwrap();
        first.await.unwrap().unwrap();
        second.await.unwrap().unwrap();
        assert_eq!(owner.live(), [&b"first"[..], b"second", b"third"]);
        // Two if this process stood still for so long in between.
        assert!(memory.state().syncs - before <= 2, "{} syncs", memory.state().syncs - before);
        // Alone, and when the journal is closed meanwhile.
        patient(b"alone").await.unwrap().unwrap();
        let last = patient(b"last");
        tokio::task::yield_now().await;
        committer.close();
        assert_eq!(owner.live().last().unwrap(), b"last");
        last.await.unwrap().unwrap();
    });
}

#[test]
fn a_request_that_is_given_up_strands_none_that_was_asked_for_with_it() {
    local().block_on(async {
        let owner: Arc<Seen> = Arc::default();
        let (committer, _) = Committer::open(Memory::default(), owner.clone()).unwrap();
        let mut given_up = Box::pin(committer.commit(vec![b"given up".to_vec()], NEW));
        let mut with_it = Box::pin(committer.commit(vec![b"with it".to_vec()], NEW));
        std::future::poll_fn(|cx| {
            assert!(given_up.as_mut().poll(cx).is_pending() && with_it.as_mut().poll(cx).is_pending());
            std::task::Poll::Ready(())
        })
        .await;
        drop(given_up);
        with_it.await.unwrap();
        assert_eq!(owner.live(), [&b"given up"[..], b"with it"]);
    });
}

#[test]
fn what_must_not_fail_has_room_when_what_may_is_refused() {
    local().block_on(async {
        let memory = Memory::default();
        memory.state().space = Some(64 << 10);
        let (committer, _) =
            Committer::open(memory.clone(), Arc::new(Seen(Mutex::default(), 8 << 10))).unwrap();
        let mut taken = 0;
        let refused = loop {
            match committer.commit(vec![vec![b'n'; 500]], NEW).await {
                Ok(()) => taken += 1,
                Err(refused) => break refused,
            }
        };
        assert!(matches!(refused, Refused::NoSpace(_)) && taken > 50, "{taken}: {refused:?}");
        for _ in 0..10 {
            committer.commit(vec![vec![b'd'; 500]], Need::Due).await.unwrap();
        }
    });
}

#[test]
fn what_follows_from_each_that_was_taken_has_room_on_a_full_disk() {
    const THEN: usize = 1000;
    local().block_on(async {
        for space in [64 << 10, 200 << 10, 1 << 20] {
            let memory = Memory::default();
            memory.state().space = Some(space);
            let owner = Arc::new(Promised::default());
            let (committer, _) = Committer::open(memory.clone(), owner.clone()).unwrap();
            let need = Need::New { then: frame_length(THEN) as u64 };
            let all: Vec<_> = (0..500).map(|_| committer.commit(vec![vec![b'n'; 500]], need)).collect();
            let all = futures_in_turn(all).await;
            let taken = all.iter().filter(|one| one.is_ok()).count();
            assert!(taken > 20 && taken < 500 || space == 1 << 20, "{taken} in {space} bytes");
            assert!(all.iter().all(|one| matches!(one, Ok(()) | Err(Refused::NoSpace(_)))));
            for _ in 0..taken {
                committer.commit(vec![vec![b'd'; THEN]], Need::Due).await.unwrap();
            }
        }
    });
}

/// An owner of records each of which is followed by another.
#[derive(Default)]
struct Promised(Mutex<(usize, usize)>);

impl Owner for Promised {
    type Record = Vec<u8>;

    fn bytes(record: &Vec<u8>) -> Vec<u8> {
        record.clone()
    }

    fn found(&self, bytes: &[u8]) {
        self.apply(bytes.to_vec());
    }

    fn apply(&self, record: Vec<u8>) {
        let mut counts = self.0.lock().unwrap();
        if record[0] == b'n' { counts.0 += 1 } else { counts.1 += 1 }
    }

    fn live(&self) -> Vec<Vec<u8>> {
        let (new, due) = *self.0.lock().unwrap();
        [vec![vec![b'n'; 500]; new], vec![vec![b'd'; 1000]; due]].concat()
    }

    fn reserve(&self) -> u64 {
        let (new, due) = *self.0.lock().unwrap();
        ((new - due) * frame_length(1000)) as u64
    }
}

/// Polls all of them before it waits for the first.
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
        if done.iter().all(Option::is_some) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    done.into_iter().flatten().collect()
}

/// An owner that can't bear a record.
struct Panics;

impl Owner for Panics {
    type Record = Vec<u8>;

    fn bytes(record: &Vec<u8>) -> Vec<u8> {
        record.clone()
    }

    fn found(&self, bytes: &[u8]) {
        self.apply(bytes.to_vec());
    }

    fn apply(&self, _: Vec<u8>) {
        panic!("as the test wants");
    }

    fn live(&self) -> Vec<Vec<u8>> {
        Vec::new()
    }

    fn reserve(&self) -> u64 {
        0
    }
}

#[test]
fn nobody_waits_for_a_committer_that_has_panicked() {
    local().block_on(async {
        let (committer, _) = Committer::open(Memory::default(), Arc::new(Panics)).unwrap();
        for _ in 0..3 {
            let answer = committer.commit(vec![b"x".to_vec()], NEW);
            let answer = tokio::time::timeout(Duration::from_secs(10), answer).await.expect("an answer");
            assert!(matches!(answer, Err(Refused::Closed)));
        }
        committer.close();
    });
}

#[test]
fn a_disk_that_fails_once_costs_a_new_file_and_no_record() {
    local().block_on(async {
        for at in 7..12 {
            let memory = Memory::default();
            let owner: Arc<Seen> = Arc::default();
            let (committer, _) = Committer::open(memory.clone(), owner.clone()).unwrap();
            memory.state().fail = Some((at, io::ErrorKind::Other, false));
            for number in 0..5_u8 {
                committer.commit(vec![vec![number + 1]], NEW).await.unwrap();
            }
            assert_eq!(Log::open(memory.killed()).unwrap().1.records, owner.live());
        }
    });
}

/// A new request of which nothing follows.
const NEW: Need = Need::New { then: 0 };

struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        // The disk the tests are built on: the system's temporary directory may be memory.
        let exe = std::env::current_exe().unwrap();
        let path = exe.parent().unwrap().join(format!("journal-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

const WRITER: &str = "BASICAGENT_TEST_JOURNAL_WRITER";

/// Not a test of its own: what `a_killed_writer…` starts, in a process that is killed.
#[test]
fn writer() {
    let Some(path) = std::env::var_os(WRITER) else { return };
    let (mut log, found) = Log::open(Directory::new(path.as_ref())).unwrap();
    let mut kept = found.records;
    for number in kept.len().. {
        let record = format!("{number}{}", "x".repeat(number % 300)).into_bytes();
        if log.room() < 1000 {
            log.rewrite(&kept, 1000).unwrap();
        }
        log.append(&record).unwrap();
        log.commit().unwrap();
        kept.push(record);
        eprintln!("committed {number}");
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the test starts itself")]
fn a_killed_writer_loses_nothing_that_it_has_told() {
    use std::io::{BufRead as _, BufReader};
    let scratch = Scratch::new("kill");
    let mut random = Random(5);
    let mut told = 0;
    for _ in 0..20 {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["task::journal::tests::writer", "--exact", "--nocapture"])
            .env(WRITER, &scratch.0)
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let wanted = 1 + random.below(60);
        for line in lines.take(wanted) {
            told = line.unwrap().strip_prefix("committed ").unwrap().parse::<usize>().unwrap() + 1;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let (_, found) = Log::open(Directory::new(&scratch.0)).unwrap();
        assert!(found.records.len() >= told, "{} of {told}", found.records.len());
        assert_eq!((found.damaged, &found.set_aside), (0, &None));
        for (number, record) in found.records.iter().enumerate() {
            assert_eq!(*record, format!("{number}{}", "x".repeat(number % 300)).into_bytes());
        }
    }
}

/// Prints what a commit costs beside a bare write and sync: `cargo test --release -p agent-core journal -- --ignored
/// --nocapture`.
#[test]
#[ignore = "a measurement"]
#[expect(clippy::print_stdout, reason = "it prints a table")]
fn cost_of_a_commit() {
    use std::os::unix::fs::FileExt as _;
    let scratch = Scratch::new("cost");
    let file = std::fs::File::create(scratch.0.join("floor")).unwrap();
    file.write_all_at(&vec![0; 4 << 20], 0).unwrap();
    file.sync_all().unwrap();
    let bare = |at: u64| {
        file.write_all_at(&[1; 200], at % (4 << 20)).unwrap();
        file.sync_data().unwrap();
    };
    local().block_on(async {
        let (committer, _) = Committer::open(Directory::new(&scratch.0), Arc::<Seen>::default()).unwrap();
        let committer = Arc::new(committer);
        let (mut ours, mut floor) = (Vec::new(), Vec::new());
        for turn in 0..1000 {
            let start = Instant::now();
            committer.commit(vec![vec![1; 200]], NEW).await.unwrap();
            ours.push(start.elapsed());
            let start = Instant::now();
            bare(turn * 200);
            floor.push(start.elapsed());
        }
        let at = |times: &mut Vec<Duration>, percent: usize| {
            times.sort_unstable();
            times[times.len() * percent / 100]
        };
        for percent in [50, 99] {
            let (a, b) = (at(&mut ours, percent), at(&mut floor, percent));
            println!("commit p{percent} {a:?}, bare {b:?}: {:.2}", a.as_secs_f64() / b.as_secs_f64());
        }
        for _ in 0..3 {
            let start = Instant::now();
            at_once(&committer, 1000).await;
            let together = start.elapsed();
            let start = Instant::now();
            (0..1000).for_each(|number| bare(number * 200));
            let in_turn = start.elapsed();
            let times = in_turn.as_secs_f64() / together.as_secs_f64();
            println!("1000 at once {together:?}, 1000 syncs in turn {in_turn:?}: {times:.1} times faster");
        }
    });
}
