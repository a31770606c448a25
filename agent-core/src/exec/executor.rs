//! The executor: admits commands, runs them within its bounds, and ends them all at shutdown.

use parking_lot::Mutex;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use agent_sys::daemon;
use agent_sys::end::CommandEnd;
use agent_sys::ending::KILL_BOUND;
use agent_sys::running::Running;
use agent_wire::message::{AccountId, Bash};
use log::{info, warn};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time;

use super::admission::Admission;
use super::cgroups::controllers::Controllers;
use super::cgroups::leaves::Leaves;
use super::cgroups::root::Root;
use super::command::account::{Account, AccountName, AccountQuery, Accounts};
use super::command::host::Host;
use super::command::outcome::{Began, Outcome};
use super::command::running::RunningCommand;
use super::command::sink::OutputPiece;
use super::command::spec::Spec;
use super::descriptors::Descriptors;
use super::platform::{Platform, Trees};
use super::zygote::spawner::Spawner;
use crate::config::{DefaultGroup, ExecSettings};
use crate::exec::StartError;

/// How long shutdown waits for trees on top of the grace: for their kill, and a second for the
/// rest.
const SHUTDOWN: Duration = KILL_BOUND.saturating_add(Duration::from_secs(1));

/// Runs commands. Cheap to clone; all clones are the same executor.
#[derive(Clone)]
pub struct Executor(Arc<Inner>);

struct Inner {
    host: Arc<Host>,
    settings: Mutex<Arc<ExecSettings>>,
    admission: Arc<Admission>,
    descriptors: Descriptors,
    next_id: AtomicU64,
    shutdown: watch::Sender<bool>,
    /// Each command holds a clone; `None` after shutdown, which waits until all are dropped.
    commands: Mutex<Option<mpsc::Sender<()>>>,
    commands_gone: tokio::sync::Mutex<mpsc::Receiver<()>>,
}

impl Executor {
    /// Starts the zygote, and finds out whether cgroups can hold a command's tree. Call it in a
    /// tokio runtime, early: before the process has grown.
    ///
    /// It also restores SIGCHLD's default action and raises this process's soft limit of open
    /// files; commands keep the limit as it was.
    ///
    /// # Errors
    /// [`StartError::NotStarted`] when the zygote cannot start, or there is no cgroup although
    /// the platform requires one.
    pub fn start(settings: ExecSettings, platform: Platform) -> Result<Self, StartError> {
        let failed = |stage| move |error: io::Error| StartError::step(stage, error);
        daemon::default_sigchld().map_err(failed("SIGCHLD"))?;
        let descriptors = Descriptors::raise().map_err(failed("open files"))?;
        descriptors.report(settings.max_running);
        let running = Arc::new(Running::create().map_err(failed("shared memory"))?);
        let root = match platform.trees {
            Trees::Keeper => None,
            Trees::Cgroup => Some(Root::create().map_err(failed("cgroup"))?),
            Trees::Auto => Root::create()
                .inspect_err(|why| {
                    info!(
                        "cgroup v2 not usable ({why}); using a helper process per command instead"
                    );
                })
                .ok(),
        };
        let leaves = root.map(|root| Leaves::new(root, Arc::clone(&running), descriptors));
        let nofile = descriptors.inherited;
        let spawner = Spawner::start(platform.zygote, nofile, running, leaves.clone())?;
        let (commands, commands_gone) = mpsc::channel(1);
        Ok(Self(Arc::new(Inner {
            host: Arc::new(Host {
                accounts: Accounts::new(),
                controllers: Controllers::new(leaves.clone()),
                leaves,
                spawner,
            }),
            admission: Admission::new(
                descriptors.commands(settings.max_running),
                settings.max_queued,
            ),
            descriptors,
            settings: Mutex::new(Arc::new(settings)),
            next_id: AtomicU64::new(1),
            shutdown: watch::Sender::new(false),
            commands: Mutex::new(Some(commands)),
            commands_gone: tokio::sync::Mutex::new(commands_gone),
        })))
    }

    /// Runs one command to its end, its time-out, or until `cancelled` resolves, at which its whole
    /// tree is ended. Dropping this future cancels the command too.
    ///
    /// # Errors
    /// The command did not run: [`StartError::InvalidCommand`], [`StartError::NoSuchUser`],
    /// [`StartError::NoSuchGroup`], [`StartError::Busy`], [`StartError::NotStarted`],
    /// [`StartError::ShuttingDown`].
    pub async fn run(
        &self,
        spec: Spec,
        cancelled: impl Future<Output = ()>,
    ) -> Result<Outcome, StartError> {
        self.begin(spec, None, cancelled).await
    }

    /// Runs a command as [`Executor::run`] does, and sends its output to `reader` piece by piece
    /// while it runs; the outcome has none of it. A slow reader makes the command wait; a reader
    /// that is gone does not. Output that did not reach the reader before a time-out or a
    /// cancellation counts as dropped. The reader's channel should be short: each place in it may
    /// take [`super::MAX_PIECE`] bytes.
    ///
    /// # Errors
    /// Those of [`Executor::run`].
    pub async fn stream(
        &self,
        spec: Spec,
        reader: mpsc::Sender<OutputPiece>,
        cancelled: impl Future<Output = ()>,
    ) -> Result<Outcome, StartError> {
        self.begin(spec, Some(reader), cancelled).await
    }

    async fn begin(
        &self,
        spec: Spec,
        reader: Option<mpsc::Sender<OutputPiece>>,
        cancelled: impl Future<Output = ()>,
    ) -> Result<Outcome, StartError> {
        spec.check()?;
        let mut cancelled = std::pin::pin!(cancelled);
        let mut shutdown = self.0.shutdown.subscribe();
        let alive = self.0.commands.lock().clone();
        let alive = alive.ok_or(StartError::ShuttingDown)?;
        let place = tokio::select! {
            biased;
            () = &mut cancelled => return Ok(Outcome::without_output(CommandEnd::Cancelled, Began::now())),
            _ = shutdown.wait_for(|down| *down) => return Err(StartError::ShuttingDown),
            place = self.0.admission.enter(spec.bytes()) => place?,
        };
        let (cancel, cancel_seen) = oneshot::channel();
        let (outcome, mut came) = oneshot::channel();
        let command = RunningCommand {
            host: Arc::clone(&self.0.host),
            settings: self.settings(),
            spec,
            reader,
            id: self.next_id(),
            cancelled: cancel_seen,
            shutdown,
            outcome,
        };
        tokio::spawn(async move {
            command.run().await;
            drop((place, alive));
        });
        let lost = |_| StartError::step("task", io::Error::other("the command's task was lost"));
        tokio::select! {
            biased;
            outcome = &mut came => return outcome.map_err(lost)?,
            () = &mut cancelled => {}
        }
        // The command may have ended this very moment; then nobody receives this.
        let _ = cancel.send(());
        came.await.map_err(lost)?
    }

    /// Applies new settings to commands that begin from now on.
    pub fn reconfigure(&self, settings: ExecSettings) {
        self.0.descriptors.report(settings.max_running);
        let max_running = self.0.descriptors.commands(settings.max_running);
        self.0.admission.resize(max_running, settings.max_queued);
        *self.0.settings.lock() = Arc::new(settings);
    }

    /// Rejects new commands, cancels the waiting and the running ones, and returns when their trees
    /// and the zygote are gone, at the latest some seconds after the grace.
    pub async fn shutdown(&self) {
        *self.0.commands.lock() = None;
        self.0.shutdown.send_replace(true);
        let mut gone = self.0.commands_gone.lock().await;
        let bound = self.settings().grace + SHUTDOWN;
        if time::timeout(bound, gone.recv()).await.is_err() {
            warn!("shutdown: some killed processes of commands still exist");
        }
        self.0.host.spawner.close().await;
    }

    /// Resolves the account that a request's command would run as.
    pub(crate) async fn account(
        &self,
        user: Option<AccountId>,
        group: Option<AccountId>,
    ) -> Result<Arc<Account>, StartError> {
        let default_group = self.settings().default_group;
        self.0.host.accounts.resolve(AccountQuery { user, group, default_group }).await
    }

    /// Returns the command without the user and the group that only spell out the default; `None`
    /// where it spells out none, or where that cannot be looked up.
    pub(crate) async fn without_default_account(&self, bash: &Bash) -> Option<Bash> {
        let (user, group) = (&bash.user, &bash.group);
        let account = async |user, group| self.account(user, group).await.ok();
        let is_user =
            user.is_some() && account(user.clone(), None).await? == account(None, None).await?;
        let is_group = group.is_some()
            && account(user.clone(), group.clone()).await? == account(user.clone(), None).await?;
        (is_user || is_group).then(|| Bash {
            user: user.clone().filter(|_| !is_user),
            group: group.clone().filter(|_| !is_group),
            ..bash.clone()
        })
    }

    /// Returns the primary and supplementary groups of a user, independent of request and settings.
    pub(crate) async fn own_groups(&self, user: Option<AccountId>) -> Result<Vec<u32>, StartError> {
        let own = AccountQuery { user, group: None, default_group: DefaultGroup::Primary };
        Ok(self.0.host.accounts.resolve(own).await?.identity.groups.clone())
    }

    /// Returns the numbers of many accounts, in their order; `None` for one that does not exist.
    pub(crate) async fn numbers(
        &self,
        names: &Arc<[AccountName]>,
    ) -> Result<Arc<[Option<u32>]>, StartError> {
        self.0.host.accounts.numbers(names).await
    }

    pub(super) fn host(&self) -> &Arc<Host> {
        &self.0.host
    }

    /// Returns how many tasks can run at once by the limit of open files.
    pub(crate) fn max_tasks(&self) -> u32 {
        self.0.descriptors.tasks()
    }

    pub(super) fn is_shut_down(&self) -> bool {
        self.0.commands.lock().is_none()
    }

    /// Returns a number that no other launch has.
    pub(super) fn next_id(&self) -> u64 {
        self.0.next_id.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn settings(&self) -> Arc<ExecSettings> {
        Arc::clone(&self.0.settings.lock())
    }
}

impl fmt::Debug for Executor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Executor").field("settings", &self.settings()).finish_non_exhaustive()
    }
}
