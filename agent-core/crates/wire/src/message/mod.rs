//! Every message of the protocol as a type, checked once, here.
//!
//! `parse` functions take the map of [`parse_object`](crate::json::parse_object); messages are
//! written through serde and [`line()`].

mod account;
mod bash;
mod cert;
mod check;
mod enroll;
mod enroll_reply;
mod event;
mod init;
mod request;
mod response;
mod schedule;
mod signed;
mod task;

pub use account::AccountId;
pub use bash::{
    Bash, CommandLimits, DEFAULT_TIMEOUT, Encoding, MAX_CMD, MAX_OUTPUT, MAX_SYNC_TIMEOUT,
    MAX_TASK_TIMEOUT, StderrMode,
};
pub use cert::{CertAnswer, CertRenew, CertReset, CertTrust, Goodbye, MAX_RETURN};
pub use check::ExecCheck;
pub use enroll::{
    Enroll, EnrollRequest, Joiner, MAX_APPROVAL_WAIT, MAX_ENROLL, MAX_TOKEN, RECOVER_EXPORTER,
    Recover, TokenText,
};
pub use enroll_reply::{EnrollReply, Issued, MAX_ENROLL_REPLY};
pub use event::{Event, EventKind, Output};
pub use init::{Init, InitReply, MAX_BUSY, MAX_HOSTNAME};
pub use request::{Cancel, GetInfo, MAX_ID, Request, Unusable};
pub use response::{Data, NORMAL, Resp, Response, Usage};
pub use schedule::{
    CronHistory, CronList, CronSet, JobDefinition, JobLine, JobOptions, Missed, Overlap,
};
pub use signed::{MAX_PLAN, MAX_SIGNATURE, MAX_SIGNATURES, Signed};
pub use task::{Ack, DEFAULT_LIST, MAX_OUTPUT_WAIT, NotAfter, OutputFrom, TaskId, TaskList};

use serde::Serialize;

/// Appends a message in the form of the wire: one line that ends with `\n` (§3).
pub fn line(message: &impl Serialize, out: &mut Vec<u8>) {
    serde_json::to_writer(&mut *out, message).expect("messages have string keys and go to memory");
    out.push(b'\n');
}
