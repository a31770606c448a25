//! The reply to a host that joins or recovers (§9), and the fields that it shares with `cert.*`.

use super::Resp;
use super::enroll::hostname;
use crate::{InvalidParams, Params, Retcode};
use serde::Serialize;
use serde_json::{Map, Value};
use std::fmt;

/// The most bytes of a reply.
pub const MAX_ENROLL_REPLY: usize = 256 << 10;

/// The most seconds that a reply may ask the agent to wait.
const MAX_WAIT: u64 = 24 * 60 * 60;

/// A certificate and what the host needs beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Issued {
    /// The host id that the certificate names.
    pub host_id: String,
    /// The host's certificate chain in PEM, leaf first.
    pub certificate: String,
    /// The CAs that servers' certificates chain to, in PEM.
    pub ca: String,
    /// The version of `ca`; a later one has a greater number.
    pub ca_version: u64,
    /// How many keys the host has had, this one included.
    pub generation: u64,
}

/// The reply to `enroll` and `recover`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnrollReply {
    /// The host has joined.
    Enrolled(Issued),
    /// An operator has to approve the host: the agent asks again, with the same token and key.
    Pending {
        /// The host id that the operator sees.
        host_id: String,
        /// Seconds until the agent asks again.
        retry_after: u64,
    },
    /// The server rejects the request.
    Refused {
        /// A [`Retcode`]'s number; a later version may have others.
        retcode: u16,
        /// For people.
        message: String,
        /// Seconds after which another attempt may have another outcome.
        retry_after: Option<u64>,
    },
}

impl EnrollReply {
    /// Creates a failed reply; the message is the retcode's phrase, then `detail`.
    pub fn refused(retcode: Retcode, detail: impl fmt::Display, retry_after: Option<u64>) -> Self {
        let message = format!("{}: {detail}", retcode.phrase());
        Self::Refused { retcode: retcode.number(), message, retry_after }
    }

    /// Reads the reply.
    ///
    /// # Errors
    /// When a field is missing or not as §9 describes.
    pub fn parse(map: &Map<String, Value>) -> Result<Self, InvalidParams> {
        let params = Params::new(map);
        let resp =
            params.one_of("resp", &[("success", Resp::Success), ("failed", Resp::Failed)])?;
        match resp {
            None => Err(InvalidParams("resp is missing".to_owned())),
            Some(Resp::Failed) => Ok(Self::Refused {
                retcode: retcode(params)?,
                message: params.text("message")?.unwrap_or_default().to_owned(),
                retry_after: retry_after(params)?,
            }),
            Some(Resp::Success) => {
                let data = params.object("data")?;
                let data = data.ok_or_else(|| InvalidParams("data is missing".to_owned()))?;
                let data = Params::new(data);
                let host_id = hostname(data.required_text("host_id")?)?;
                if data.flag("pending", false)? {
                    let retry_after = retry_after(data)?;
                    return match retry_after {
                        Some(retry_after) => Ok(Self::Pending { host_id, retry_after }),
                        None => Err(InvalidParams("retry_after is missing".to_owned())),
                    };
                }
                Ok(Self::Enrolled(Issued {
                    host_id,
                    certificate: data.required_text("certificate")?.to_owned(),
                    ca: data.required_text("ca")?.to_owned(),
                    ca_version: number(data, "ca_version")?,
                    generation: number(data, "generation")?,
                }))
            }
        }
    }

    /// Returns the reply as one line of JSON text, `\n` included.
    pub fn to_line(&self) -> Vec<u8> {
        #[derive(Serialize)]
        struct Written<'a, D> {
            resp: Resp,
            retcode: u16,
            message: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            data: Option<D>,
            #[serde(skip_serializing_if = "Option::is_none")]
            retry_after: Option<u64>,
        }
        #[derive(Serialize)]
        struct Wait<'a> {
            host_id: &'a str,
            pending: bool,
            retry_after: u64,
        }
        fn success<'a, D>(message: &'a str, data: D) -> Written<'a, D> {
            Written {
                resp: Resp::Success,
                retcode: 0,
                message,
                data: Some(data),
                retry_after: None,
            }
        }
        let mut out = Vec::new();
        match self {
            Self::Enrolled(issued) => super::line(&success("Enrolled", issued), &mut out),
            Self::Pending { host_id, retry_after } => {
                let wait = Wait { host_id, pending: true, retry_after: *retry_after };
                super::line(&success("Pending", wait), &mut out);
            }
            Self::Refused { retcode, message, retry_after } => super::line(
                &Written::<()> {
                    resp: Resp::Failed,
                    retcode: *retcode,
                    message,
                    data: None,
                    retry_after: *retry_after,
                },
                &mut out,
            ),
        }
        out
    }
}

/// Reads the retcode of a failed reply.
pub(super) fn retcode(params: Params<'_>) -> Result<u16, InvalidParams> {
    params
        .whole("retcode", "", 0..=u64::from(u16::MAX))?
        .and_then(|number| u16::try_from(number).ok())
        .ok_or_else(|| InvalidParams("retcode is missing".to_owned()))
}

/// Reads `retry_after`; a longer wait than a day counts as a day.
pub(super) fn retry_after(params: Params<'_>) -> Result<Option<u64>, InvalidParams> {
    let seconds = params.whole("retry_after", " of seconds", 0..=u64::MAX)?;
    Ok(seconds.map(|seconds| seconds.min(MAX_WAIT)))
}

/// Reads a whole number that must be present.
pub(super) fn number(params: Params<'_>, name: &str) -> Result<u64, InvalidParams> {
    params.whole(name, "", 0..=u64::MAX)?.ok_or_else(|| InvalidParams(format!("{name} is missing")))
}
