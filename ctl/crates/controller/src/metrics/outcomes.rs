//! The outcomes that are counted, as values of the label `outcome` or `reason`.

use super::counts::label_values;

label_values! {
    /// What became of an agent's connection.
    pub(crate) enum Handshake {
        /// It is a session, after a full TLS handshake.
        Accepted = "accepted",
        /// It is a session, after a resumed TLS handshake.
        Resumed = "resumed",
        /// The agent was sent to another address.
        Redirected = "redirected",
        /// The agent was asked to come later: too many came at once.
        Busy = "busy",
        /// A step took too long.
        TooSlow = "too_slow",
        /// It sent nothing, and another one needed its place.
        Evicted = "evicted",
        /// Its address holds all places that one address may hold.
        Crowded = "crowded",
        /// Its PROXY header was missing or not valid, or not its to send.
        Proxy = "rejected_proxy",
        /// TLS failed: no certificate, one of an unknown CA, one that has expired.
        Tls = "rejected_tls",
        /// Its `init` was not valid.
        Init = "rejected_init",
        /// Its certificate does not fit: another host's, another protocol, or two agents with one.
        Certificate = "rejected_certificate",
        /// Its identity is refused: unknown, removed, banned, or an older key.
        Identity = "rejected_identity",
        /// The connection failed.
        Lost = "lost",
        /// The controller could not read or write what the decision needs.
        Failed = "failed",
    }
}

label_values! {
    /// The answer to a host that asked to join, or to recover.
    pub(crate) enum Enrollment {
        /// It is a new host.
        Enrolled = "enrolled",
        /// It had lost the answer, and got it again.
        Again = "again",
        /// It waits for an operator.
        Pending = "pending",
        /// It proved its bound key after its certificate had ended.
        Recovered = "recovered",
        /// The join token is unknown.
        TokenUnknown = "token_unknown",
        /// The join token has expired.
        TokenExpired = "token_expired",
        /// The join token is used up.
        TokenUsedUp = "token_used_up",
        /// The join token was revoked.
        TokenRevoked = "token_revoked",
        /// The join token is not good from this network.
        TokenNetwork = "token_network",
        /// The identity is refused.
        Identity = "identity_refused",
        /// The request was not valid.
        Invalid = "invalid",
        /// Too many asked at once.
        TooMany = "too_many",
        /// The request did not arrive in time.
        TooSlow = "too_slow",
        /// The controller could not store or sign.
        Failed = "failed",
    }
}

label_values! {
    /// The answer to a host that asked for a new certificate.
    pub(crate) enum Renewal {
        /// It got one.
        Renewed = "renewed",
        /// It must not have one.
        Refused = "refused",
        /// The controller could not store or sign.
        Failed = "failed",
    }
}

label_values! {
    /// Why an operator was not let in.
    pub(crate) enum LoginFailure {
        /// The token, or the session, is unknown or has expired.
        Token = "token",
        /// The name or the password is wrong.
        Password = "password",
        /// Too many failed before, for this name or from this address.
        TooMany = "too_many",
    }
}

#[cfg(test)]
mod tests {
    use super::super::counts::LabelValue;
    use super::*;

    fn check<L: LabelValue>() {
        let mut texts: Vec<_> = L::ALL.iter().map(|value| value.text()).collect();
        assert!(L::ALL.iter().enumerate().all(|(index, value)| value.index() == index));
        texts.sort_unstable();
        texts.dedup();
        assert_eq!(texts.len(), L::ALL.len(), "two values have one text: {texts:?}");
    }

    #[test]
    fn each_outcome_is_a_series_of_its_own() {
        check::<Handshake>();
        check::<Enrollment>();
        check::<Renewal>();
        check::<LoginFailure>();
    }
}
