//! The program of a request's command: the shell with its arguments, environment and directory, in
//! the form of a launch. For commands and tasks.

use std::ffi::{CStr, CString, OsStr};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;

use agent_sys::{Identity, Launch};

use super::account::Account;
use super::environment;
use super::spec::Spec;
use crate::config::ExecSettings;
use crate::exec::StartError;

/// A launch without its number and its identity.
pub(crate) struct Program {
    shell: CString,
    cmd: CString,
    cwd: CString,
    cwd_required: bool,
    env: Vec<CString>,
}

impl Program {
    pub(crate) fn of(
        account: &Account,
        settings: &ExecSettings,
        spec: &Spec,
    ) -> Result<Self, StartError> {
        let text = |bytes: &OsStr| {
            CString::new(bytes.as_bytes()).map_err(|error| StartError::step("arguments", error))
        };
        Ok(Self {
            shell: text(settings.shell.as_os_str())?,
            cmd: text(OsStr::new(&spec.cmd))?,
            cwd: text(spec.cwd.as_ref().unwrap_or(&account.home).as_os_str())?,
            cwd_required: spec.cwd.is_some(),
            env: environment::of(account, &settings.shell, &spec.env),
        })
    }

    pub(crate) fn argv(&self) -> Vec<&CStr> {
        let mut argv = vec![self.shell.as_c_str(), c"-c", self.cmd.as_c_str()];
        if self.cmd.to_bytes().starts_with(b"-") || self.cmd.to_bytes().starts_with(b"+") {
            // Otherwise the shell would read it as one more option.
            argv.insert(2, c"--");
        }
        argv
    }

    /// Returns the launch; `argv` comes from [`Program::argv`].
    pub(crate) fn launch<'a>(
        &'a self,
        id: u64,
        identity: Option<&'a Identity>,
        argv: &'a [&'a CStr],
    ) -> Launch<'a> {
        Launch {
            id,
            identity,
            cwd: &self.cwd,
            cwd_required: self.cwd_required,
            argv,
            env: &self.env,
        }
    }
}

/// Returns standard input as a descriptor; `None` means /dev/null.
pub(crate) fn stdin(spec: &Spec) -> Result<Option<OwnedFd>, StartError> {
    let file = spec.stdin.as_deref().map(|bytes| agent_sys::file_of(c"stdin", bytes)).transpose();
    file.map(|file| file.map(OwnedFd::from))
        .map_err(|error| StartError::step("standard input", error))
}
