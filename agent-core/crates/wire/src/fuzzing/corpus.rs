//! Runs the decoders on the inputs that tests/fuzz keeps.

use test_support::check_corpus;

#[test]
fn streams_decode_alike_however_they_are_cut() {
    check_corpus("frame", 11, super::frame);
}

#[test]
fn messages_read_back_as_they_were_written() {
    check_corpus("message", 11, super::message);
}

#[test]
fn addresses_read_back_as_they_were_printed() {
    check_corpus("address", 11, super::address);
}
