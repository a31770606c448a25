//! A model of an agent and of its server, for the state machines. Any message may be lost.

use super::*;
use std::collections::BTreeMap;

/// A key and, once an answer came, the life of its certificate.
#[derive(Clone, Debug)]
pub(super) struct Pair {
    pub(super) key: u32,
    pub(super) life: Option<(UnixMillis, UnixMillis)>,
}

/// The files of an agent, and its open channel.
#[derive(Clone, Debug)]
pub(super) struct Agent {
    pub(super) pair: Pair,
    /// The pair of a renewal or recovery, until it has opened a channel.
    pub(super) next: Option<Pair>,
    /// The renewal that `next` is of.
    pub(super) renewal: Option<String>,
    /// The key of the open channel.
    pub(super) channel: Option<u32>,
}

/// What a step does to its messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    Works,
    LosesTheQuestion,
    LosesTheAnswer,
}

/// The server's record of one host, the clock, and what the server ever signed.
#[derive(Clone, Debug)]
pub(super) struct Server {
    pub(super) record: Option<HostRecord>,
    pub(super) now: UnixMillis,
    /// The keys by generation.
    pub(super) signed: BTreeMap<u32, Digest>,
    last_key: u32,
}

impl Server {
    pub(super) fn new() -> Self {
        Self { record: None, now: 1, signed: BTreeMap::new(), last_key: 1 }
    }

    pub(super) fn record(&mut self) -> &mut HostRecord {
        self.record.as_mut().expect("the host has joined")
    }

    pub(super) fn fresh_key(&mut self) -> u32 {
        self.last_key += 1;
        self.last_key
    }

    /// Returns whether the server would let this key do anything, without changing anything.
    pub(super) fn is_active(&self, number: u32) -> bool {
        let mut record = self.record.clone().expect("the host has joined");
        let opened = open(&mut record, number, 0);
        opened.is_ok_and(|opened| opened.standing == Standing::Active)
    }

    fn sign(&mut self, certificate: &Certificate) -> (UnixMillis, UnixMillis) {
        let known = self.signed.insert(certificate.generation, certificate.key);
        assert!(known.is_none_or(|key| key == certificate.key), "two keys of one generation");
        (certificate.not_before, certificate.not_after)
    }
}

impl Agent {
    pub(super) fn new() -> Self {
        let pair = Pair { key: 1, life: None };
        Self { pair, next: None, renewal: None, channel: None }
    }

    /// Joins by the token, or asks again.
    pub(super) fn enroll(&mut self, server: &mut Server, line: Line) -> Result<(), EnrollRefusal> {
        if self.pair.life.is_some() || line == Line::LosesTheQuestion {
            return Ok(());
        }
        let now = server.now;
        let number = self.pair.key;
        let enrolled = join(server.record.as_mut(), now, |ask, _| ask.key = key(number))?;
        if let Some(joined) = enrolled.joined {
            server.record = Some(joined.record);
        }
        let Answer::Certificate(certificate) = enrolled.answer else { return Ok(()) };
        let life = server.sign(&certificate);
        if line == Line::Works {
            self.pair.life = Some(life);
        }
        Ok(())
    }

    /// Opens a channel with the newest valid pair, and with the one before only if the server
    /// refuses that.
    pub(super) fn connect(
        &mut self,
        server: &mut Server,
        line: Line,
    ) -> Option<Result<Connection, IdentityRefusal>> {
        self.channel = None;
        let mut last = None;
        for pair in [self.next.clone(), Some(self.pair.clone())].into_iter().flatten() {
            let Some((not_before, not_after)) = pair.life else { continue };
            if server.now > not_after || line == Line::LosesTheQuestion {
                continue;
            }
            let opened = open(server.record(), pair.key, not_before);
            if opened.is_ok() && line == Line::Works {
                self.channel = Some(pair.key);
                if self.next.as_ref().is_some_and(|next| next.key == pair.key) {
                    (self.pair, self.next, self.renewal) = (pair, None, None);
                }
            }
            let answered = opened.is_ok() || line == Line::LosesTheAnswer;
            last = Some(opened);
            if answered {
                break;
            }
        }
        last
    }

    /// Renews in the open channel: asks the pending question again, or `anew` with another key.
    pub(super) fn renew(
        &mut self,
        server: &mut Server,
        line: Line,
        anew: bool,
    ) -> Option<Result<Certificate, IdentityRefusal>> {
        let from = self.channel?;
        if anew || self.renewal.is_none() || self.next.is_none() {
            self.next = Some(Pair { key: server.fresh_key(), life: None });
            self.renewal = Some(format!("r{}", server.now));
        }
        let (id, to) = (self.renewal.clone()?, self.next.as_ref()?.key);
        if line == Line::LosesTheQuestion {
            return None;
        }
        let now = server.now;
        let renewed = next(server.record(), &id, from, to, now);
        self.take(server, line, renewed.as_ref().ok());
        Some(renewed)
    }

    /// Recovers by the newest key that it has a certificate for.
    pub(super) fn recover(
        &mut self,
        server: &mut Server,
        line: Line,
    ) -> Option<Result<Answer, IdentityRefusal>> {
        let newest = self.next.clone().filter(|next| next.life.is_some());
        let (_, not_after) = newest.as_ref().unwrap_or(&self.pair).life?;
        if server.now <= not_after {
            return None;
        }
        if let Some(newest) = newest {
            (self.pair, self.next, self.renewal) = (newest, None, None);
        }
        let to = match &self.next {
            Some(next) => next.key,
            None => server.fresh_key(),
        };
        self.next = Some(Pair { key: to, life: None });
        if line == Line::LosesTheQuestion {
            return None;
        }
        let (now, from) = (server.now, self.pair.key);
        let answer = back(server.record(), from, to, None, now);
        if let Ok(Answer::Certificate(certificate)) = &answer {
            self.take(server, line, Some(certificate));
        }
        Some(answer)
    }

    fn take(&mut self, server: &mut Server, line: Line, certificate: Option<&Certificate>) {
        let Some(certificate) = certificate else { return };
        let life = server.sign(certificate);
        if line == Line::Works
            && let Some(next) = &mut self.next
        {
            next.life = Some(life);
        }
    }
}
