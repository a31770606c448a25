//! From a request to its line.

use super::file::LogFile;
use super::line::Line;
use crate::caller::Peer;
use crate::config::AuditSettings;
use agent_wire::message::{Request, Resp, Response};
use agent_wire::{Method, Params};
use parking_lot::{Mutex, MutexGuard};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

/// Bytes of a command, or of a plugin's arguments, that stand in a line.
const MAX_TEXT: usize = 4 << 10;

/// Bytes of an answer's message that stand in a line, and of the names in a list.
const MAX_DETAIL: usize = 1 << 10;

/// Bytes of a user's or group's name, and of an id, that stand in a line.
const MAX_NAME: usize = 256;

/// The audit log of this agent. Cheap to clone; all clones are one.
#[derive(Clone, Debug)]
pub(crate) struct Audit(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    /// `None`: there is no audit log.
    path: Option<PathBuf>,
    settings: AuditSettings,
    file: LogFile,
    /// Whole lines that wait to be written together, and how many they are.
    gathered: String,
    count: u64,
    /// Somebody sees to it that they are.
    gathering: bool,
    /// Lines that could not be written since one last could.
    lost: u64,
}

/// Bytes of lines that are written together at most.
const MAX_GATHERED: usize = 16 << 10;

/// While this is held lines are gathered, and its holder calls [`Audit::flush`] in the turn in which answers go out.
#[derive(Debug)]
pub(crate) struct Gathering(Audit);

impl Drop for Gathering {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.gathering = false;
        state.flush();
    }
}

/// A request that has come and has no answer yet. Dropped without one, it leaves no line.
#[derive(Debug)]
pub(crate) struct Entry {
    audit: Audit,
    line: Line,
    since: Instant,
    rule: Option<String>,
}

impl Audit {
    /// A log; its file is opened with the first line.
    pub(crate) fn new(path: Option<PathBuf>, settings: AuditSettings) -> Self {
        let (file, gathered) = (LogFile::default(), String::new());
        Self(Arc::new(Mutex::new(State { path, settings, file, gathered, count: 0, gathering: false, lost: 0 })))
    }

    /// New settings; the file is opened again, also when they are the same.
    pub(crate) fn reconfigure(&self, path: Option<PathBuf>, settings: AuditSettings) {
        let mut state = self.state();
        state.flush();
        state.path = path;
        state.settings = settings;
        state.file.reopen();
    }

    /// Gathers lines from now on, so that a thousand requests that come together cost a few writes.
    pub(crate) fn gather(&self) -> Gathering {
        self.state().gathering = true;
        Gathering(self.clone())
    }

    /// Writes what is gathered.
    pub(crate) fn flush(&self) {
        self.state().flush();
    }

    /// Opens the entry of a request; none where there is no audit log, and none for `agent.ping`.
    pub(crate) fn begin(&self, peer: &Peer, request: &Request) -> Option<Entry> {
        if request.method == Method::AgentPing {
            return None;
        }
        let mut entry = self.entry(peer)?;
        entry.line.text("id", &request.id);
        entry.line.text("method", request.method.name());
        entry.describe(request.params(), request.method.brings_command());
        Some(entry)
    }

    /// Opens the entry of one method of several that a request asks for.
    pub(crate) fn part(&self, peer: &Peer, id: &str, method: &str) -> Option<Entry> {
        let mut entry = self.entry(peer)?;
        entry.line.text("id", id);
        entry.line.long_text("method", method, MAX_NAME);
        Some(entry)
    }

    /// The line of a message that was no request; `answer` is what its sender was told.
    pub(crate) fn unusable(&self, peer: &Peer, answer: &Response) {
        if let Some(mut entry) = self.entry(peer) {
            match &answer.id {
                Some(id) => entry.line.long_text("id", id, MAX_NAME),
                None => entry.line.plain("id", "null"),
            }
            entry.end(answer);
        }
    }

    fn entry(&self, peer: &Peer) -> Option<Entry> {
        self.state().path.as_ref()?;
        let mut line = Line::new();
        line.text("time", &humantime::format_rfc3339_millis(SystemTime::now()).to_string());
        match peer {
            Peer::Controller { address, names } => {
                line.list("controller", names.iter().map(String::as_str), MAX_DETAIL);
                line.plain("peer", format_args!("\"{address}\""));
            }
            Peer::Local { pid, uid } => {
                line.text("peer", "local");
                line.plain("pid", pid);
                line.plain("uid", uid);
            }
        }
        Some(Entry { audit: self.clone(), line, since: Instant::now(), rule: None })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing under the lock can panic halfway through a change.
        self.0.lock()
    }
}

impl Entry {
    /// Which rule of the policy refused the request.
    pub(crate) fn refused_by(&mut self, rule: &str) {
        self.rule = Some(rule.to_owned());
    }

    /// Adds the line. What is returned writes it, where no channel does so with the answer.
    pub(crate) fn end(mut self, answer: &Response) -> Audit {
        let line = &mut self.line;
        line.plain("resp", if answer.resp == Resp::Success { "\"success\"" } else { "\"failed\"" });
        line.plain("retcode", answer.retcode);
        if answer.resp == Resp::Failed {
            line.long_text("message", &answer.message, MAX_DETAIL);
        }
        if let Some(rule) = &self.rule {
            line.text("rule", rule);
        }
        line.plain("seconds", format_args!("{:.6}", self.since.elapsed().as_secs_f64()));
        self.audit.state().append(&self.line.finish());
        self.audit
    }

    /// What was asked for: names and texts, no input and no variable's value.
    fn describe(&mut self, params: Params<'_>, brings_command: bool) {
        let line = &mut self.line;
        for name in ["user", "group"] {
            if let Ok(Some(account)) = params.account(name) {
                line.long_text(name, &account, MAX_NAME);
            }
        }
        if brings_command && !matches!(params.account("user"), Ok(Some(_))) {
            // §5: root, or the agent's own user.
            match nix::unistd::geteuid() {
                root if root.is_root() => line.text("user", "root"),
                uid => line.text("user", &uid.to_string()),
            }
        }
        for name in ["cmd", "args", "cwd"] {
            if let Ok(Some(text)) = params.text(name) {
                line.long_text(name, text, MAX_TEXT);
            }
        }
        if let Ok(methods) = params.texts("methods")
            && !methods.is_empty()
        {
            line.list("methods", methods.iter().map(String::as_str), MAX_DETAIL);
        }
        if let Ok(Some(env)) = params.object("env") {
            line.list("env", env.keys().map(String::as_str), MAX_DETAIL);
        }
        // Of the requests that are about another: sync.cancel, async.status and its kin, cron.remove.
        for name in ["target", "task", "name"] {
            if let Ok(Some(text)) = params.text(name) {
                line.long_text(name, text, MAX_NAME);
            }
        }
    }
}

impl State {
    fn append(&mut self, line: &str) {
        self.gathered.push_str(line);
        self.count += 1;
        if !self.gathering || self.gathered.len() >= MAX_GATHERED {
            self.flush();
        }
    }

    fn flush(&mut self) {
        if self.gathered.is_empty() {
            return;
        }
        let mut lines = std::mem::take(&mut self.gathered);
        let count = std::mem::take(&mut self.count);
        let Some(path) = &self.path else { return };
        let told = (self.lost > 0).then(|| {
            let mut gap = Line::new();
            gap.text("time", &humantime::format_rfc3339_millis(SystemTime::now()).to_string());
            gap.plain("lost_lines", self.lost);
            gap.finish() + &lines
        });
        match self.file.append(path, &self.settings, told.as_deref().unwrap_or(&lines)) {
            Ok(()) if self.lost > 0 => {
                log::warn!("{}: written again; {} lines were lost", path.display(), self.lost);
                self.lost = 0;
            }
            Ok(()) => {}
            Err(error) => {
                if self.lost == 0 {
                    log::error!("{}: no audit log while this lasts: {error}", path.display());
                }
                self.lost += count;
            }
        }
        // Room for the next few lines; a flood's is given back.
        lines.clear();
        lines.shrink_to(MAX_GATHERED / 16);
        self.gathered = lines;
    }
}
