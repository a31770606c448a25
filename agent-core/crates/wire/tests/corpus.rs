//! Runs the decoders on the inputs that fuzzing has found: tests/fuzz/seeds and tests/fuzz/corpus.

mod checks;

use test_support::check_corpus;

#[test]
fn streams_decode_alike_however_they_are_cut() {
    check_corpus("frame", checks::frame);
}

#[test]
fn messages_read_back_as_they_were_written() {
    check_corpus("message", checks::message);
}

#[test]
fn addresses_read_back_as_they_were_printed() {
    check_corpus("address", checks::address);
}
