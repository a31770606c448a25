//! The stable numbers of failed replies. A released number keeps its meaning forever.
//!
//! To add one: a variant here with its number and phrase, its place in `ALL`, its row in PROTOCOL
//! §4, and the error that it stands for in the agent's `dispatch/reply.rs`.

use std::fmt;

/// Why a request failed (§4). For a command that ended by itself the wire carries its exit status
/// (0–255) in the same place; these numbers start at 3001, so the two never meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u16)]
#[non_exhaustive]
pub enum Retcode {
    /// Not JSON, or not a JSON object.
    Malformed = 3001,
    /// Message too large or nested too deep.
    TooLarge = 3002,
    /// No such method.
    NoSuchMethod = 3004,
    /// A field is missing, of the wrong type or out of its range; the message names it.
    InvalidParams = 3021,
    /// No such user or group on this host.
    NoSuchUser = 3022,
    /// Refused by the host's policy.
    Refused = 3023,
    /// No such task, job or running request.
    NotFound = 3024,
    /// The name or id already exists with different parameters.
    AlreadyExists = 3025,
    /// The request came after its `not_after`.
    Expired = 3026,
    /// Timed out; the whole process tree was killed.
    TimedOut = 3031,
    /// Killed by a signal that the agent did not send.
    Signaled = 3032,
    /// The command could not be started.
    NotStarted = 3033,
    /// Canceled, by a request or by the agent's shutdown; the whole process tree was killed.
    Cancelled = 3034,
    /// The outcome of a task is unknown; it is not run again.
    Interrupted = 3035,
    /// Too many requests at once.
    Busy = 3041,
    /// The agent is shutting down.
    ShuttingDown = 3042,
    /// No space for another task.
    NoSpace = 3043,
    /// The plugin was not found or was rejected.
    PluginRefused = 3051,
    /// The plugin returned its own error.
    PluginFailed = 3052,
    /// The plugin's process crashed.
    PluginCrashed = 3053,
    /// The plugin took too long.
    PluginTimedOut = 3054,
    /// The server knows no such join token.
    TokenUnknown = 3061,
    /// The join token has expired.
    TokenExpired = 3062,
    /// The join token has no use left.
    TokenUsedUp = 3063,
    /// An operator has revoked the join token.
    TokenRevoked = 3064,
    /// The join token does not admit hosts from this network.
    TokenNetwork = 3065,
    /// The server does not let this identity in: banned, removed, superseded or unknown.
    IdentityRefused = 3066,
    /// An operator has refused to approve the host.
    ApprovalRefused = 3067,
    /// An error inside the agent; its log has the details.
    Internal = 3099,
}

impl Retcode {
    /// Every retcode, in order of its number.
    pub const ALL: [Self; 29] = [
        Self::Malformed,
        Self::TooLarge,
        Self::NoSuchMethod,
        Self::InvalidParams,
        Self::NoSuchUser,
        Self::Refused,
        Self::NotFound,
        Self::AlreadyExists,
        Self::Expired,
        Self::TimedOut,
        Self::Signaled,
        Self::NotStarted,
        Self::Cancelled,
        Self::Interrupted,
        Self::Busy,
        Self::ShuttingDown,
        Self::NoSpace,
        Self::PluginRefused,
        Self::PluginFailed,
        Self::PluginCrashed,
        Self::PluginTimedOut,
        Self::TokenUnknown,
        Self::TokenExpired,
        Self::TokenUsedUp,
        Self::TokenRevoked,
        Self::TokenNetwork,
        Self::IdentityRefused,
        Self::ApprovalRefused,
        Self::Internal,
    ];

    /// Returns the number on the wire.
    pub const fn number(self) -> u16 {
        self as u16
    }

    /// Returns the first words of the message.
    pub const fn phrase(self) -> &'static str {
        match self {
            Self::Malformed => "Not a JSON object",
            Self::TooLarge => "Message too large or too deep",
            Self::NoSuchMethod => "No such method",
            Self::InvalidParams => "Invalid params",
            Self::NoSuchUser => "No such user or group",
            Self::Refused => "Refused by policy",
            Self::NotFound => "No such task or schedule",
            Self::AlreadyExists => "Already exists",
            Self::Expired => "Expired",
            Self::TimedOut => "Timed out",
            Self::Signaled => "Killed by a signal",
            Self::NotStarted => "Could not be started",
            Self::Cancelled => "Cancelled",
            Self::Interrupted => "Interrupted",
            Self::Busy => "Too many requests at once",
            Self::ShuttingDown => "Agent is shutting down",
            Self::NoSpace => "No space",
            Self::PluginRefused => "Plugin not found or refused",
            Self::PluginFailed => "Plugin failed",
            Self::PluginCrashed => "Plugin crashed",
            Self::PluginTimedOut => "Plugin timed out",
            Self::TokenUnknown => "Join token unknown",
            Self::TokenExpired => "Join token expired",
            Self::TokenUsedUp => "Join token used up",
            Self::TokenRevoked => "Join token revoked",
            Self::TokenNetwork => "Join token not good from this network",
            Self::IdentityRefused => "Identity refused",
            Self::ApprovalRefused => "Approval refused",
            Self::Internal => "Internal error",
        }
    }
}

impl fmt::Display for Retcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.number(), self.phrase())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_on_the_wire_never_change() {
        let numbers: Vec<u16> = Retcode::ALL.iter().map(|code| code.number()).collect();
        assert_eq!(
            numbers,
            [
                3001, 3002, 3004, 3021, 3022, 3023, 3024, 3025, 3026, 3031, 3032, 3033, 3034, 3035,
                3041, 3042, 3043, 3051, 3052, 3053, 3054, 3061, 3062, 3063, 3064, 3065, 3066, 3067,
                3099
            ]
        );
    }
}
