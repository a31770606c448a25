//! Dumps from a scripted kernel.

use nix::errno::Errno;

use super::scripted::{Reply, netlink};
use super::socket::TRIES;
use super::{Dump, Limits, Request};

const KIND: u16 = 20;
const REQUEST: Request<'_> = Request { kind: 18, reply: KIND, body: &[0; 8] };
const LIMITS: Limits = Limits { items: 100, bytes: 1 << 20 };

fn object(value: u8) -> Reply {
    Reply::object(KIND, &[value])
}

fn first_byte(body: &[u8]) -> Option<u8> {
    body.first().copied()
}

fn dump(script: Vec<Vec<Reply>>, limits: Limits) -> std::io::Result<Dump<u8>> {
    netlink(script).dump(REQUEST, limits, first_byte)
}

#[test]
fn an_interrupted_dump_is_requested_again() {
    let script = vec![
        vec![object(1), object(2).interrupted(), Reply::done()],
        vec![object(3), Reply::done().interrupted()],
        vec![object(4), object(5), Reply::done()],
    ];
    assert_eq!(dump(script, LIMITS).unwrap().items, [4, 5]);
}

#[test]
fn a_table_that_keeps_changing_is_accepted_as_read() {
    let script = (0..9).map(|value| vec![object(value).interrupted(), Reply::done()]).collect();
    let last = u8::try_from(TRIES - 1).unwrap();
    assert_eq!(dump(script, LIMITS).unwrap().items, [last]);
}

#[test]
fn replies_to_an_earlier_request_are_ignored() {
    let script = vec![vec![
        object(1).stale(),
        Reply::done().stale(),
        Reply::error(1).stale(),
        object(2).stale().interrupted(),
        object(3),
        Reply::done(),
    ]];
    assert_eq!(dump(script, LIMITS).unwrap().items, [3]);
}

#[test]
fn messages_of_other_kinds_and_unparsed_ones_are_left_out() {
    let script = vec![vec![
        Reply::object(KIND + 1, &[1]),
        Reply::object(KIND, &[]),
        object(2),
        Reply::done(),
    ]];
    let dump = dump(script, LIMITS).unwrap();
    assert_eq!((dump.items.as_slice(), dump.truncated), (&[2][..], false));
}

#[test]
fn both_limits_cut_a_dump_off() {
    let script = || vec![(0..10).map(object).chain([Reply::done()]).collect::<Vec<_>>()];
    let all = dump(script(), Limits { items: 10, ..LIMITS }).unwrap();
    assert_eq!((all.items.len(), all.truncated), (10, false));
    let unparsed = vec![vec![object(1), Reply::object(KIND, &[]), Reply::done()]];
    let all = dump(unparsed, Limits { items: 1, ..LIMITS }).unwrap();
    assert_eq!((all.items.len(), all.truncated), (1, false));
    let some = dump(script(), Limits { items: 3, ..LIMITS }).unwrap();
    assert_eq!((some.items.as_slice(), some.truncated), (&[0, 1, 2][..], true));
    // Each datagram has 17 bytes.
    let some = dump(script(), Limits { bytes: 50, ..LIMITS }).unwrap();
    assert_eq!((some.items.as_slice(), some.truncated), (&[0, 1][..], true));
}

#[test]
fn errors_and_silence_are_reported() {
    let rejected = dump(vec![vec![Reply::error(95)]], LIMITS).unwrap_err();
    assert_eq!(rejected.raw_os_error(), Some(95));
    let silent = dump(vec![vec![object(1)]], LIMITS).unwrap_err();
    assert_eq!(silent.raw_os_error(), Some(Errno::EAGAIN as i32));
}

/// What a kernel never writes.
#[test]
fn replies_of_any_bytes_end() {
    let done = [20, 0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let object = [20, 0, 0, 0, 20, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0];
    let datagram = |bytes: &[u8]| [&[0, u8::try_from(bytes.len()).unwrap()], bytes].concat();
    let whole = [datagram(&object), datagram(&done)].concat();
    let dump = |bytes: &[u8]| super::scripted::replay(bytes).dump(REQUEST, LIMITS, first_byte);
    if cfg!(target_endian = "little") {
        assert_eq!(dump(&whole).unwrap().items, [7]);
    }
    for end in 0..whole.len() {
        let _ = dump(&whole[..end]);
    }
    assert!(dump(&[0xff; 600]).is_err() && dump(&[]).is_err());
}
