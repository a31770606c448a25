use super::*;
use std::io::Read as _;
use std::sync::mpsc;

/// Longer than any wait of a passing test.
const DEADLINE: Duration = Duration::from_secs(60);

fn notice(lines: u64) -> String {
    format!("{lines} lost\n")
}

#[test]
fn lines_arrive_in_order_and_finish_waits_for_them() {
    let (mut reader, writer) = io::pipe().unwrap();
    let outlet = Outlet::new(crate::Descriptor::new(writer), notice);
    for number in 0..100 {
        outlet.append(format!("{number}\n").as_bytes());
    }
    outlet.finish(DEADLINE);
    drop(outlet);
    let expected: String = (0..100).map(|number| format!("{number}\n")).collect();
    let mut text = vec![0; expected.len()];
    reader.read_exact(&mut text).unwrap();
    assert_eq!(String::from_utf8(text).unwrap(), expected);
}

#[test]
fn a_reader_that_stops_costs_lines_which_are_counted_in_their_place() {
    let (reader, writer) = io::pipe().unwrap();
    let outlet = Outlet::new(crate::Descriptor::new(writer), notice);
    let line = [b'x'; 1023].into_iter().chain([b'\n']).collect::<Vec<u8>>();
    let sent = 4 * MAX_QUEUED / line.len();
    for _ in 0..sent {
        outlet.append(&line);
    }
    let (lines, found) = mpsc::channel();
    thread::spawn(move || {
        for line in io::BufRead::lines(io::BufReader::new(reader)) {
            lines.send(line.unwrap()).unwrap();
        }
    });
    let (mut kept, mut lost) = (0, 0);
    // The thread may take lines while more are appended: then more than one count comes.
    while kept + lost < sent {
        let line = found.recv_timeout(DEADLINE).unwrap();
        match line.strip_suffix(" lost") {
            Some(count) => lost += count.parse::<usize>().unwrap(),
            None => kept += 1,
        }
    }
    assert_eq!(kept + lost, sent);
    assert!(lost > 0, "nothing was lost");
    assert!(kept >= MAX_QUEUED / line.len(), "{kept} kept");
    outlet.append(b"after\n");
    assert_eq!(found.recv_timeout(DEADLINE).unwrap(), "after");
}

#[test]
fn lines_that_cannot_be_written_are_counted_and_a_torn_line_is_ended() {
    /// Takes `room` bytes, then fails until it is given more.
    #[derive(Clone)]
    struct Disk(Arc<Mutex<(usize, Vec<u8>)>>);
    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut disk = self.0.lock();
            let count = bytes.len().min(disk.0);
            if count == 0 {
                return Err(ErrorKind::StorageFull.into());
            }
            disk.0 -= count;
            disk.1.extend_from_slice(&bytes[..count]);
            Ok(count)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let disk = Disk(Arc::new(Mutex::new((8, Vec::new()))));
    let outlet = Outlet::new(disk.clone(), notice);
    for line in [&b"first\n"[..], b"second\n", b"third\n"] {
        outlet.append(line);
        outlet.finish(DEADLINE);
    }
    disk.0.lock().0 = 100;
    outlet.append(b"fourth\n");
    outlet.finish(DEADLINE);
    let text = String::from_utf8(disk.0.lock().1.clone()).unwrap();
    assert_eq!(text, "first\nse\n2 lost\nfourth\n");
}

#[test]
fn the_thread_ends_when_there_is_nothing_to_write_and_returns_with_the_next_line() {
    let (mut reader, writer) = io::pipe().unwrap();
    let outlet = Outlet::new(crate::Descriptor::new(writer), notice);
    for _ in 0..2 {
        outlet.append(b"x\n");
        let mut line = [0; 2];
        reader.read_exact(&mut line).unwrap();
        let end = Instant::now() + DEADLINE;
        while outlet.0.state.lock().served {
            assert!(Instant::now() < end, "the thread is still there");
            thread::sleep(Duration::from_millis(20));
        }
    }
}
