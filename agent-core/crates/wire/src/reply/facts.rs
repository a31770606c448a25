//! `getinfo.all`: what several providers replied (§8).

use crate::message::Resp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// One method's part of the reply to `getinfo.all`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FactReply {
    /// The method.
    pub method: String,
    /// The arguments it was given.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub args: String,
    /// Whether the provider returned facts.
    pub resp: Resp,
    /// 0, or why it did not.
    pub retcode: u16,
    /// For people.
    pub message: String,
    /// Whether the facts are those that the request knows; they are left out then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unchanged: bool,
    /// The facts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Box<RawValue>>,
}
