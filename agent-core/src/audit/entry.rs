//! From a request to its line, and from lines to the file.

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

/// The most bytes of a command, or of a plugin's arguments, in a line.
const MAX_TEXT: usize = 4 << 10;

/// The most bytes of a reply's message, or of the names in a list.
const MAX_DETAIL: usize = 1 << 10;

/// The most bytes of a user's or group's name, or of an id.
const MAX_NAME: usize = 256;

/// This agent's audit log. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Audit(Arc<Mutex<Writer>>);

#[derive(Debug)]
struct Writer {
    /// `None`: there is no audit log.
    path: Option<PathBuf>,
    settings: AuditSettings,
    file: LogFile,
    /// Whole lines that wait to be written together, and their number.
    gathered: String,
    count: u64,
    /// Whether a session flushes them.
    gathering: bool,
    /// Lines lost since the last one that could be written.
    lost: u64,
}

/// The most bytes of lines that are written together.
const MAX_GATHERED: usize = 16 << 10;

/// While a session holds this, lines are gathered; the session calls [`Audit::flush`] in the turn
/// in which replies go out.
#[derive(Debug)]
pub(crate) struct Gathering(Audit);

impl Drop for Gathering {
    fn drop(&mut self) {
        let mut writer = self.0.writer();
        writer.gathering = false;
        writer.flush();
    }
}

/// A request that has no reply yet. Dropped without one, it leaves no line.
#[derive(Debug)]
pub(crate) struct Entry {
    audit: Audit,
    line: Line,
    since: Instant,
    rule: Option<String>,
}

impl Audit {
    /// Creates a log; its file is opened for the first line.
    pub(crate) fn new(path: Option<PathBuf>, settings: AuditSettings) -> Self {
        let (file, gathered) = (LogFile::default(), String::new());
        Self(Arc::new(Mutex::new(Writer {
            path,
            settings,
            file,
            gathered,
            count: 0,
            gathering: false,
            lost: 0,
        })))
    }

    /// Takes over new settings and reopens the file, even if the settings are the same.
    pub(crate) fn reconfigure(&self, path: Option<PathBuf>, settings: AuditSettings) {
        let mut writer = self.writer();
        writer.flush();
        writer.path = path;
        writer.settings = settings;
        writer.file.reopen();
    }

    /// Gathers lines from now on, so that a thousand simultaneous requests cost a few writes.
    pub(crate) fn gather(&self) -> Gathering {
        self.writer().gathering = true;
        Gathering(self.clone())
    }

    /// Writes the gathered lines.
    pub(crate) fn flush(&self) {
        self.writer().flush();
    }

    /// Opens a request's entry; `None` without an audit log and for `agent.ping`.
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

    /// Opens the entry of one of several methods in a request.
    pub(crate) fn part(&self, peer: &Peer, id: &str, method: &str) -> Option<Entry> {
        let mut entry = self.entry(peer)?;
        entry.line.text("id", id);
        entry.line.long_text("method", method, MAX_NAME);
        Some(entry)
    }

    /// Adds the line of a message that is not a request; `reply` goes to its sender.
    pub(crate) fn unusable(&self, peer: &Peer, reply: &Response) {
        if let Some(mut entry) = self.entry(peer) {
            match &reply.id {
                Some(id) => entry.line.long_text("id", id, MAX_NAME),
                None => entry.line.plain("id", "null"),
            }
            entry.end(reply);
        }
    }

    fn entry(&self, peer: &Peer) -> Option<Entry> {
        self.writer().path.as_ref()?;
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

    fn writer(&self) -> MutexGuard<'_, Writer> {
        // Nothing under the lock can panic halfway through a change.
        self.0.lock()
    }
}

impl Entry {
    /// Notes the policy's rule that rejected the request.
    pub(crate) fn refused_by(&mut self, rule: &str) {
        self.rule = Some(rule.to_owned());
    }

    /// Adds the line. The caller flushes the returned log where no session does so with the reply.
    pub(crate) fn end(mut self, reply: &Response) -> Audit {
        let line = &mut self.line;
        line.plain("resp", if reply.resp == Resp::Success { "\"success\"" } else { "\"failed\"" });
        line.plain("retcode", reply.retcode);
        if reply.resp == Resp::Failed {
            line.long_text("message", &reply.message, MAX_DETAIL);
        }
        if let Some(rule) = &self.rule {
            line.text("rule", rule);
        }
        line.plain("seconds", format_args!("{:.6}", self.since.elapsed().as_secs_f64()));
        self.audit.writer().append(&self.line.finish());
        self.audit
    }

    /// Adds the request's names and texts, without input and values of variables.
    fn describe(&mut self, params: Params<'_>, brings_command: bool) {
        let line = &mut self.line;
        for name in ["user", "group"] {
            if let Ok(Some(account)) = params.account(name) {
                line.long_text(name, &account.to_string(), MAX_NAME);
            }
        }
        if brings_command && !matches!(params.account("user"), Ok(Some(_))) {
            // The default of §5: root, or the agent's own user.
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
        // For requests about another one: sync.cancel, async.status and the like, cron.remove.
        for name in ["target", "task", "name"] {
            if let Ok(Some(text)) = params.text(name) {
                line.long_text(name, text, MAX_NAME);
            }
        }
    }
}

impl Writer {
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
        let after_gap = (self.lost > 0).then(|| {
            let mut gap = Line::new();
            gap.text("time", &humantime::format_rfc3339_millis(SystemTime::now()).to_string());
            gap.plain("lost_lines", self.lost);
            gap.finish() + &lines
        });
        match self.file.append(path, &self.settings, after_gap.as_deref().unwrap_or(&lines)) {
            Ok(()) if self.lost > 0 => {
                log::warn!("{}: writable again; {} lines were lost", path.display(), self.lost);
                self.lost = 0;
            }
            Ok(()) => {}
            Err(error) => {
                if self.lost == 0 {
                    log::error!(
                        "cannot write {}: {error}; lines are lost until this is fixed",
                        path.display()
                    );
                }
                self.lost += count;
            }
        }
        // Keeps room for a few lines; the room of a flood is freed.
        lines.clear();
        lines.shrink_to(MAX_GATHERED / 16);
        self.gathered = lines;
    }
}
