//! Messages: a message that parses and can be written reads back equal; an error is one line.

use crate::json::parse_object;
use crate::message::{
    Bash, Cancel, CertAnswer, CertRenew, CertReset, CertTrust, CronSet, EnrollReply, EnrollRequest,
    Event, ExecCheck, GetInfo, Goodbye, Init, InitReply, MAX_BUSY, MAX_ID, MAX_OUTPUT, MAX_RETURN,
    MAX_SIGNATURE, MAX_SIGNATURES, MAX_SYNC_TIMEOUT, MAX_TASK_TIMEOUT, NotAfter, OutputFrom,
    Request, Response, Signed, TaskId, line,
};
use crate::{Decoder, InvalidParams, Limits, Params, Retcode};
use serde::Serialize;
use serde_json::{Map, Value};
use std::fmt::Debug;

/// Checks the text of one message; bytes that are not UTF-8 never come out of the decoder.
pub fn message(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let map = match parse_object(text) {
        Ok(map) => map,
        Err(error) => {
            assert!(!error.fatal && error.retcode == Retcode::Malformed, "{error:?}");
            super::fits_a_log_line(&error.to_string());
            return;
        }
    };
    assert_eq!(reread(&map), map, "a message's text was read, written and read again");

    reads_back_equal(&map, |map| parsed(Init::parse(map)), Clone::clone);
    reads_back_equal(&map, |map| parsed(InitReply::parse(map)), |reply| Line(reply.to_line()));
    reads_back_equal(&map, |map| parsed(Response::parse(map)), Clone::clone);
    reads_back_equal(&map, |map| parsed(Event::parse(map)).flatten(), Clone::clone);
    if let Some(InitReply::Busy { retry_after }) = parsed(InitReply::parse(&map)) {
        assert!(retry_after <= MAX_BUSY);
    }
    joining(&map);
    for max_timeout in [MAX_SYNC_TIMEOUT, MAX_TASK_TIMEOUT] {
        if let Some(bash) = parsed(Bash::parse(Params::new(&map), max_timeout)) {
            is_within_bounds(&bash, max_timeout);
            let back = Bash::parse(Params::new(&reread(&bash)), max_timeout);
            assert!(back.as_ref() == Ok(&bash), "{bash:?} became {back:?}");
        }
    }
    request(map);
}

/// Checks the messages of §9. A token must not show in `Debug` output.
fn joining(map: &Map<String, Value>) {
    reads_back_equal(map, |map| parsed(EnrollRequest::parse(map)), Clone::clone);
    reads_back_equal(map, |map| parsed(EnrollReply::parse(map)), |reply| Line(reply.to_line()));
    reads_back_equal(map, |map| parsed(CertRenew::parse(map)).flatten(), Clone::clone);
    reads_back_equal(map, |map| parsed(CertAnswer::parse(map)).flatten(), Clone::clone);
    reads_back_equal(map, |map| parsed(Goodbye::parse(map)).flatten(), Clone::clone);
    if let Some(Some(Goodbye { return_within, .. })) = parsed(Goodbye::parse(map)) {
        assert!(return_within <= MAX_RETURN);
    }
    if let Some(EnrollRequest::Enroll(enroll)) = parsed(EnrollRequest::parse(map)) {
        let back = EnrollRequest::parse(&reread(&EnrollRequest::Enroll(enroll.clone())));
        assert_eq!(back, Ok(EnrollRequest::Enroll(enroll)));
    }
}

fn request(map: Map<String, Value>) {
    let request = match Request::parse(map) {
        Ok(request) => request,
        Err(unusable) => {
            let reply = unusable.answer();
            super::fits_a_log_line(&reply.message);
            let back = Response::parse(&reread(&reply)).expect("our own reply is a reply");
            assert_eq!((back.retcode, back.id), (Retcode::InvalidParams.number(), reply.id));
            return;
        }
    };
    assert!((1..=MAX_ID).contains(&request.id.len()) && !request.method.name().is_empty());
    let params = request.params();
    parsed(GetInfo::parse(params));
    parsed(CronSet::name(params));
    if let Some(cancel) = parsed(Cancel::parse(params)) {
        assert!((1..=MAX_ID).contains(&cancel.target.len()));
    }
    if let Some(TaskId(task)) = parsed(TaskId::parse(params)) {
        assert!((1..=MAX_ID).contains(&task.len()));
    }
    parsed(OutputFrom::parse(params));
    parsed(NotAfter::parse(params));
    parsed(ExecCheck::parse(params));
    if let Some(signed) = parsed(Signed::parse(params)) {
        assert!(signed.signatures.len() <= MAX_SIGNATURES);
        assert!(signed.signatures.iter().all(|text| (1..=MAX_SIGNATURE).contains(&text.len())));
    }
    parsed(CertReset::parse(params));
    parsed(CertTrust::parse(params));
    match parsed(CronSet::parse(params)) {
        Some(CronSet::Job(job)) => {
            assert!(!job.name.is_empty() && !job.schedule.is_empty());
            is_within_bounds(&job.bash, MAX_TASK_TIMEOUT);
        }
        Some(CronSet::Line(job)) => assert!(!job.name.is_empty()),
        None => {}
    }
}

/// Returns the parsed message, or checks the error.
fn parsed<T>(result: Result<T, InvalidParams>) -> Option<T> {
    result.map_err(|error| super::fits_a_log_line(&error.0)).ok()
}

/// Compares by `Debug`, which shows every field of these types.
fn reads_back_equal<T: Debug, W: Written>(
    map: &Map<String, Value>,
    parse: impl Fn(&Map<String, Value>) -> Option<T>,
    write: impl Fn(&T) -> W,
) {
    if let Some(message) = parse(map) {
        let back = parse(&reread(&write(&message)));
        assert_eq!(format!("{back:?}"), format!("{:?}", Some(&message)));
    }
}

fn is_within_bounds(bash: &Bash, max_timeout: u64) {
    assert!(!bash.cmd.is_empty());
    assert!(bash.timeout.is_none_or(|timeout| (1..=max_timeout).contains(&timeout)));
    assert!(bash.max_output.is_none_or(|bytes| (1..=MAX_OUTPUT).contains(&bytes)));
    assert!(bash.cwd.as_ref().is_none_or(|cwd| cwd.starts_with('/')));
}

/// A message that can be written to the wire.
trait Written {
    fn to_bytes(&self) -> Vec<u8>;
}

impl<T: Serialize> Written for T {
    fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        line(self, &mut out);
        out
    }
}

/// A message that writes its own line.
struct Line(Vec<u8>);

impl Written for Line {
    fn to_bytes(&self) -> Vec<u8> {
        self.0.clone()
    }
}

/// Returns a message as the other end reads it: through the writer, the decoder and the parser.
fn reread(message: &impl Written) -> Map<String, Value> {
    let bytes = message.to_bytes();
    assert_eq!(bytes.iter().position(|byte| *byte == b'\n'), Some(bytes.len() - 1), "not one line");
    let mut decoder = Decoder::new(Limits { max_message: bytes.len(), max_depth: 64 });
    decoder.push(&bytes);
    let text = match decoder.next_message() {
        Ok(text) => text.expect("a line is whole"),
        Err(error) => {
            // The fuzzer's text has not passed a decoder, so it may nest deeper than one allows.
            assert_eq!(error.retcode, Retcode::TooLarge, "{error}");
            std::str::from_utf8(&bytes).expect("JSON is written in UTF-8")
        }
    };
    parse_object(text).expect("our own message is JSON")
}
