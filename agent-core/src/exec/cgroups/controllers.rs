//! The cgroup controllers of this host, and the cgroups that keep one command's limits.
//!
//! Version 2, where its controllers can be enabled in the agent's own directory: then the leaf has
//! the limits. Otherwise version 1: a directory beside the leaf for each limit, which the command
//! joins before its first instruction. Otherwise the command is rejected: a limit is never silently
//! ignored. Nothing is probed or enabled before the first request with a limit.
//!
//! Controllers are enabled in a cgroup without processes only. The kernel refuses others for memory
//! alone. With cpu and pids it obeys, and from then on no cgroup below takes a process
//! (admin-guide/cgroup-v2, "Threads"): no command of the agent, and no reload by systemd.

use parking_lot::{Mutex, MutexGuard};
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use agent_sys::cgroup::{holds_no_process, is_delegated, remove};

use super::leaves::{CommandLeaf, Leaves};
use super::limits::{self, Controller, Limits, Setting, killed_for_memory};
use super::root::{Root, own_cgroup, sweep};
use crate::exec::StartError;

/// The controllers of this host.
#[derive(Debug)]
pub(crate) struct Controllers {
    leaves: Option<Arc<Leaves>>,
    /// The version 2 controllers that leaves have.
    unified: Mutex<Vec<Controller>>,
    legacy: [Arc<Legacy>; 3],
}

/// The version 1 hierarchy of one controller.
#[derive(Debug)]
struct Legacy {
    controller: Controller,
    state: Mutex<Directories>,
}

#[derive(Debug, Default)]
struct Directories {
    /// Our directory in the hierarchy, once a command needed it.
    root: Option<Root>,
    /// Directories whose command ended and in which background processes live on.
    left: Vec<PathBuf>,
}

/// The cgroups that keep one command's limits; removed when dropped, unless
/// [kept](Limited::keep).
#[derive(Debug, Default)]
pub(crate) struct Limited {
    leaf: Vec<Setting>,
    joined: Vec<Joined>,
    /// The file that tells whether the kernel killed for memory.
    memory_events: Option<PathBuf>,
}

#[derive(Debug)]
struct Joined {
    hierarchy: Arc<Legacy>,
    path: PathBuf,
    procs: File,
    kept: bool,
}

impl Controllers {
    /// Creates it, and removes directories that dead agents left in the version 1 hierarchies.
    pub(crate) fn new(leaves: Option<Arc<Leaves>>) -> Self {
        for own in
            Controller::ALL.iter().filter_map(|controller| own_cgroup(Some(controller.name())).ok())
        {
            sweep(&own);
        }
        let legacy = Controller::ALL
            .map(|controller| Arc::new(Legacy { controller, state: Mutex::default() }));
        Self { leaves, unified: Mutex::default(), legacy }
    }

    /// Makes the version 1 directories for these limits, under this name, and notes the settings
    /// for the leaf.
    pub(crate) fn limit(&self, name: &str, limits: &Limits) -> Result<Limited, StartError> {
        let mut limited = Limited::default();
        for (controller, limit) in limits::set(limits) {
            if self.is_unified(controller) {
                limited.leaf.extend(controller.settings(limit));
                continue;
            }
            let hierarchy = self.legacy.iter().find(|legacy| legacy.controller == controller);
            let joined = hierarchy.map(|hierarchy| hierarchy.make(name, limit));
            let why = match joined {
                Some(Ok(joined)) => {
                    if controller == Controller::Memory {
                        limited.memory_events = Some(joined.path.join("memory.oom_control"));
                    }
                    limited.joined.push(joined);
                    continue;
                }
                Some(Err(error)) => error.to_string(),
                None => String::new(),
            };
            let why = format!(
                "{} cannot be limited on this host: the agent's cgroup has no such v2 controller \
                 (the units basicagent.service and, for systemd before 254, \
                 basicagent-commands.service provide it), and cgroup v1: {why}",
                controller.name()
            );
            return Err(StartError::step(
                "limits",
                io::Error::new(io::ErrorKind::Unsupported, why),
            ));
        }
        Ok(limited)
    }

    /// Returns the leaf for these limits; `None` when they need none of their own.
    pub(crate) fn leaf(&self, limited: &mut Limited) -> Result<Option<CommandLeaf>, StartError> {
        let Some(leaves) = self.leaves.as_ref().filter(|_| limited.needs_leaf()) else {
            return Ok(None);
        };
        let leaf = leaves
            .make_for_command(|leaf| limited.write(leaf))
            .map_err(|error| StartError::step("limits", error))?;
        limited.watch(&leaf.path());
        Ok(Some(leaf))
    }

    /// Returns our directories in the version 1 hierarchies, as far as they exist.
    pub(crate) fn roots(&self) -> impl Iterator<Item = PathBuf> {
        self.legacy
            .iter()
            .filter_map(|legacy| legacy.state().root.as_ref().map(|root| root.path.clone()))
    }

    /// Returns whether leaves have this version 2 controller; enables it for them if it can.
    fn is_unified(&self, controller: Controller) -> bool {
        let Some(leaves) = &self.leaves else { return false };
        let mut unified = self.unified.lock();
        if !unified.contains(&controller) {
            if !enable(&leaves.root.path, controller) {
                return false;
            }
            unified.push(controller);
        }
        true
    }
}

/// Enables a controller for the leaves below `root`, our directory; returns whether they have it.
fn enable(root: &Path, controller: Controller) -> bool {
    let is_offered = || {
        let list = fs::read_to_string(root.join("cgroup.controllers")).unwrap_or_default();
        list.split_ascii_whitespace().any(|name| name == controller.name())
    };
    if !is_offered()
        && let Some(above) = root.parent()
        && is_delegated(above)
    {
        pass_on(above, controller);
    }
    is_offered() && pass_on(root, controller)
}

/// Enables a controller in the cgroups below a directory, unless processes are in the directory
/// itself; returns whether it is enabled.
fn pass_on(directory: &Path, controller: Controller) -> bool {
    holds_no_process(directory)
        && fs::write(directory.join("cgroup.subtree_control"), format!("+{}", controller.name()))
            .is_ok()
}

impl Legacy {
    fn state(&self) -> MutexGuard<'_, Directories> {
        self.state.lock()
    }

    fn make(self: &Arc<Self>, name: &str, limit: u64) -> io::Result<Joined> {
        let mut state = self.state();
        state.tidy();
        let root = match &mut state.root {
            Some(root) => root,
            none => none.insert(Root::create_below(&own_cgroup(Some(self.controller.name()))?)?),
        };
        let path = root.path.join(name);
        match fs::create_dir(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => made?,
        }
        drop(state);
        let ready = write(&path, &self.controller.settings_v1(limit))
            .and_then(|()| File::options().write(true).open(path.join("cgroup.procs")));
        match ready {
            Ok(procs) => Ok(Joined { hierarchy: Arc::clone(self), path, procs, kept: false }),
            Err(error) => {
                remove(&path);
                Err(error)
            }
        }
    }
}

impl Directories {
    /// Removes the directories whose background processes are gone by now.
    fn tidy(&mut self) {
        self.left.retain(|path| {
            remove(path);
            path.exists()
        });
    }
}

impl Drop for Legacy {
    fn drop(&mut self) {
        let mut state = self.state();
        state.tidy();
        if let Some(root) = &state.root {
            remove(&root.path);
        }
    }
}

impl Limited {
    /// Returns whether a leaf of its own is needed.
    pub(crate) fn needs_leaf(&self) -> bool {
        !self.leaf.is_empty()
    }

    /// Writes the leaf's limits into its directory.
    pub(crate) fn write(&self, leaf: &Path) -> io::Result<()> {
        write(leaf, &self.leaf)
    }

    fn watch(&mut self, leaf: &Path) {
        if self.leaf.iter().any(|setting| setting.file == "memory.max") {
            self.memory_events = Some(leaf.join("memory.events"));
        }
    }

    /// Returns the cgroups that the command joins before it begins, for the launch.
    pub(crate) fn joins(&self) -> Vec<BorrowedFd<'_>> {
        self.joined.iter().map(|joined| joined.procs.as_fd()).collect()
    }

    /// Leaves the directories to a task, which may outlive us; later they are removed once empty.
    pub(crate) fn keep(mut self) {
        for joined in &mut self.joined {
            joined.kept = true;
        }
    }

    /// Returns whether the kernel killed one of the command's processes for memory.
    pub(crate) fn killed_for_memory(&self) -> bool {
        let events = self.memory_events.as_ref().and_then(|path| fs::read_to_string(path).ok());
        events.is_some_and(|events| killed_for_memory(&events))
    }
}

impl Drop for Joined {
    fn drop(&mut self) {
        if self.kept {
            return;
        }
        remove(&self.path);
        if self.path.exists() {
            self.hierarchy.state().left.push(self.path.clone());
        }
    }
}

/// Writes the settings; a setting that is not required may fail.
fn write(directory: &Path, settings: &[Setting]) -> io::Result<()> {
    for Setting { file, value, required } in settings {
        match fs::write(directory.join(file), value) {
            Err(error) if *required => {
                return Err(io::Error::new(error.kind(), format!("{file} = {value}: {error}")));
            }
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}
