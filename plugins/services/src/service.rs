//! A service of any manager.

use serde::Serialize;

/// A service, or another unit.
#[derive(Serialize, Debug)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Service {
    /// The unit's name, such as `ssh.service`; the script's name for other managers.
    pub(crate) name: String,
    /// The manager that the file belongs to: `systemd`, `sysv`, `openrc` or `runit`.
    pub(crate) manager: &'static str,
    /// The file in effect, by systemd's order of folders.
    pub(crate) path: String,
    /// Whether the service starts at boot because it is enabled.
    pub(crate) enabled: bool,
    /// The state in systemctl(1)'s words: `enabled`, `disabled`, `static`, `masked`, `indirect`,
    /// `linked`, `generated`, …
    pub(crate) state: &'static str,
    /// Other names, sorted.
    pub(crate) aliases: Vec<String>,
    /// The enabled instances of a template, sorted.
    pub(crate) instances: Vec<String>,
    /// Description= of the unit, or the script's description.
    pub(crate) description: Option<String>,
    /// Type= of the unit; null if it is not set.
    pub(crate) service_type: Option<String>,
    /// The ExecStart= lines, with specifiers such as `%i` unreplaced.
    pub(crate) exec_start: Vec<String>,
    /// User= of the unit, or its own name with DynamicUser=; null means root.
    pub(crate) user: Option<String>,
    /// The drop-in files that change the unit, in the order in which systemd reads them.
    pub(crate) drop_ins: Vec<String>,
    /// Whether the service's control group has processes; a oneshot service that has finished has
    /// none. Null if systemd is not running.
    pub(crate) running: Option<bool>,
    /// The service's processes; for a template, the processes of all its instances.
    pub(crate) pids: Vec<u32>,
    /// Why the file cannot be read; null if it can.
    pub(crate) error: Option<String>,
}
