//! One service, of whichever manager.

use serde::Serialize;

/// One service (or other unit).
#[derive(Serialize, Debug)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Service {
    /// The unit's name, such as `ssh.service`; of other managers the script's.
    pub(crate) name: String,
    /// Whose file it is: `systemd`, `sysv`, `openrc` or `runit`.
    pub(crate) manager: &'static str,
    /// The file that counts, by systemd's order of folders.
    pub(crate) path: String,
    /// Whether it is started at boot by what enabling makes.
    pub(crate) enabled: bool,
    /// systemctl's word: `enabled`, `disabled`, `static`, `masked`, `indirect`, `linked`, `generated`, …
    /// (systemctl(1)).
    pub(crate) state: &'static str,
    /// Its other names, sorted.
    pub(crate) aliases: Vec<String>,
    /// Of a template: its enabled instances, sorted.
    pub(crate) instances: Vec<String>,
    /// Its Description=, or that of its script.
    pub(crate) description: Option<String>,
    /// Its Type=; null where it leaves that to systemd.
    pub(crate) service_type: Option<String>,
    /// Its ExecStart= lines, specifiers such as `%i` not replaced.
    pub(crate) exec_start: Vec<String>,
    /// Its User=; null is root.
    pub(crate) user: Option<String>,
    /// The drop-in files that change it, in the order they are read.
    pub(crate) drop_ins: Vec<String>,
    /// Whether it has processes, by its control group: a oneshot that has ended well has none. Null where systemd
    /// does not run.
    pub(crate) running: Option<bool>,
    /// Its processes, of a template those of all its instances.
    pub(crate) pids: Vec<u32>,
    /// Why its file can't be read; null where it can.
    pub(crate) error: Option<String>,
}
