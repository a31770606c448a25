//! The daemon from start to stop: flags, configuration, log, the agent's parts, signals, shutdown.

mod check;
mod enroll;
mod error;
mod host;
mod notify;

use crate::audit::Audit;
use crate::cli::{Cli, Command};
use crate::config::{self, Config};
use crate::dispatch::{Dispatcher, Services};
use crate::enroll::{Renewer, Source, Upkeep, source};
use crate::exec::Executor;
use crate::identity::Identity;
use crate::link::{Host, Link};
use crate::local::{Local, Socket};
use crate::logging::{self, Log};
use crate::plugin::Plugins;
use crate::policy::{self, Gate, Policy};
use crate::schedule::Scheduler;
use crate::shutdown::{DRAIN_TIMEOUT, Shutdown};
use crate::task::Tasks;
use crate::{exec, named_file, plugin, task};
use error::Error;
use nix::sys::signal::{SigSet, Signal};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{self, SignalKind};
use tokio::sync::watch;

/// Threads for blocking work (accounts, names, files); they end when idle. Lookups of names that
/// nobody answers keep theirs for up to half a minute.
const MAX_BLOCKING_THREADS: usize = 8;

/// The time after which an idle thread ends.
const BLOCKING_KEEP_ALIVE: Duration = Duration::from_secs(1);

/// The exit status for a configuration that cannot be used, which a restart does not change.
const MISCONFIGURED: u8 = 2;

/// The bound for the last replies and the channel's close, once the running work is finished.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Returns the flags of `BasicAgent`, for its manual page.
#[doc(hidden)]
pub fn command() -> clap::Command {
    <Cli as clap::CommandFactory>::command()
}

/// Runs `BasicAgent`.
pub fn main() -> ExitCode {
    // The same binary is the zygote and the plugin worker, which must stay small, so this comes
    // first.
    match std::env::args_os().nth(1).as_deref().and_then(std::ffi::OsStr::to_str) {
        Some(exec::ZYGOTE_FLAG) => return exec::zygote_main(),
        Some(plugin::WORKER_FLAG) => return plugin::worker_main(),
        Some(named_file::READER_FLAG) => return named_file::reader_main(),
        _ => {}
    }
    // Its default action would end the agent, also when it only comes early: it waits until
    // [`Signals::listen`].
    let _ = SigSet::from(Signal::SIGHUP).thread_block();
    let cli = match Cli::read() {
        Ok(cli) => cli,
        Err(status) => return status,
    };
    if cli.check_config {
        return check::run(&cli.overrides);
    }
    let config = match cli.overrides.configuration() {
        Ok(config) => config,
        Err(error) => {
            logging::complain(logging::AGENT, &error);
            return if error.may_pass() { ExitCode::FAILURE } else { MISCONFIGURED.into() };
        }
    };
    if let Some(Command::Enroll(arguments)) = &cli.command {
        return enroll::run(arguments, &config);
    }
    // Before anything that would panic or fail later for want of one.
    if let Err(error) = exec::Descriptors::raise() {
        logging::complain(logging::AGENT, &error);
        return ExitCode::FAILURE;
    }
    agent_sys::memory::one_heap();
    let log = match logging::start(config.log.level.0, config.log.file.as_deref()) {
        Ok(log) => log,
        Err(error) => {
            logging::complain(logging::AGENT, &error);
            return ExitCode::FAILURE;
        }
    };
    let ended = run(&cli, config, &log);
    if let Err(error) = &ended {
        log.fatal(error);
    }
    log.finish();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is_lasting() => MISCONFIGURED.into(),
        Err(_) => ExitCode::FAILURE,
    }
}

fn run(cli: &Cli, config: Config, log: &Log) -> Result<(), Error> {
    check_kernel()?;
    let mut identity =
        Identity::open(&config.state_dir, config.host_id.as_deref()).map_err(Error::Identity)?;
    let host = host::host(&identity)?;
    identity.host_id = host::joined_as(&config)?.unwrap_or(identity.host_id);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(MAX_BLOCKING_THREADS)
        .thread_keep_alive(BLOCKING_KEEP_ALIVE)
        .build()
        .map_err(|source| Error::System { call: "event loop", source })?;
    let result = runtime.block_on(async {
        let (daemon, renewer) = Daemon::start(cli, config, log, identity, host)?;
        // Not before the start is done: a start that hangs, on a dead share for instance, still
        // ends by SIGTERM's default action.
        daemon.serve(renewer, Signals::listen()?).await
    });
    // A look-up that hangs in a library must not delay the exit.
    runtime.shutdown_background();
    result
}

/// Returns an error if the kernel lacks a system call that every command needs.
fn check_kernel() -> Result<(), Error> {
    let missing = agent_sys::kernel::missing_call();
    match missing.map_err(|source| Error::System { call: "pidfd_open", source })? {
        Some((call, since)) => Err(Error::Kernel { call, since }),
        None => Ok(()),
    }
}

/// Logs the policy that takes effect.
fn announce(policy: Policy) -> Policy {
    log::info!("policy: {} rules in effect", policy.len());
    for method in check::unknown_methods(&policy) {
        log::warn!("policy: unknown method {method}");
    }
    policy
}

/// The signals that the daemon handles.
struct Signals {
    terminate: unix::Signal,
    interrupt: unix::Signal,
    hangup: unix::Signal,
}

impl Signals {
    /// Installs the handlers, and takes delivery of a SIGHUP that came before.
    fn listen() -> Result<Self, Error> {
        let failed = |source| Error::System { call: "sigaction", source };
        let on = |kind| unix::signal(kind).map_err(failed);
        let signals = Self {
            terminate: on(SignalKind::terminate())?,
            interrupt: on(SignalKind::interrupt())?,
            hangup: on(SignalKind::hangup())?,
        };
        SigSet::from(Signal::SIGHUP).thread_unblock().map_err(|errno| failed(errno.into()))?;
        Ok(signals)
    }
}

/// The agent's parts, all started.
struct Daemon<'a> {
    cli: &'a Cli,
    config: watch::Sender<Arc<Config>>,
    log: &'a Log,
    identity: Identity,
    host: Host,
    upkeep: Arc<Upkeep>,
    shutdown: Shutdown,
    executor: Arc<Executor>,
    plugins: Arc<Plugins>,
    tasks: Arc<Tasks>,
    scheduler: Arc<Scheduler>,
    gate: Arc<Gate>,
    audit: Audit,
    dispatcher: Arc<Dispatcher>,
    stopping: crate::shutdown::Stopping,
}

impl Daemon<'_> {
    fn start<'a>(
        cli: &'a Cli,
        config: Config,
        log: &'a Log,
        identity: Identity,
        host: Host,
    ) -> Result<(Daemon<'a>, Renewer), Error> {
        // First, so that nothing starts with an invalid policy.
        let policy = match policy::load(config.policy.as_deref()).map_err(Error::Policy)? {
            Some(policy) => announce(policy),
            None => Policy::allow_all(),
        };
        let (shutdown, stopping) = Shutdown::new();
        let executor = Executor::start(config.exec.clone(), exec::Platform::default());
        let executor = Arc::new(executor.map_err(Error::Exec)?);
        let plugins = Arc::new(Plugins::new(config.plugin_dirs.clone(), config.plugins.clone()));
        let tasks = Tasks::open(&config.state_dir, config.tasks, executor.clone());
        let tasks = Arc::new(tasks.map_err(Error::Task)?);
        let cron = config.cron.clone();
        let boot_id = task::boot_id().map_err(Error::Task)?;
        let scheduler =
            Scheduler::new(&identity.host_id, boot_id, &cron, tasks.clone(), executor.clone());
        let gate = Arc::new(Gate::new(policy));
        let audit = Audit::new(config.audit_file(), config.audit.clone());
        let (upkeep, renewer) = Upkeep::new(&config.state_dir, &identity.host_id);
        let services = Services {
            executor: executor.clone(),
            plugins: plugins.clone(),
            tasks: tasks.clone(),
            scheduler: scheduler.clone(),
            gate: gate.clone(),
            audit: audit.clone(),
            upkeep: upkeep.clone(),
        };
        let dispatcher = Dispatcher::new(services, stopping.clone());
        let daemon = Daemon {
            cli,
            config: watch::Sender::new(Arc::new(config)),
            log,
            identity,
            host,
            upkeep,
            shutdown,
            executor,
            plugins,
            tasks,
            scheduler,
            gate,
            audit,
            dispatcher: Arc::new(dispatcher),
            stopping,
        };
        Ok((daemon, renewer))
    }

    /// Serves until a stop signal, then shuts down in order: rejects new work, finishes running
    /// work, closes the channel.
    async fn serve(self, renewer: Renewer, mut signals: Signals) -> Result<(), Error> {
        log::info!(
            "BasicAgent {} started; host id {}",
            env!("CARGO_PKG_VERSION"),
            self.identity.host_id
        );
        let link = Link::new(
            self.host.clone(),
            self.upkeep.clone(),
            self.config.subscribe(),
            self.dispatcher.clone(),
            self.stopping.clone(),
        );
        if let Some(problem) = check::shell(&self.config.borrow()) {
            log::error!("{problem}");
        }
        self.scheduler.start().map_err(Error::Schedule)?;
        notify::ready();
        let link = tokio::spawn(link.run());
        let renewer = tokio::spawn(renewer.run(self.stopping.clone()));
        let local = self.local().map(|local| tokio::spawn(local.run()));
        let mut ended = Ok(());
        let signal = loop {
            tokio::select! {
                _ = signals.terminate.recv() => break "SIGTERM",
                key = self.upkeep.lost_its_key() => {
                    if !self.config.borrow().enroll.is_set() {
                        ended = Err(Error::Reset { key });
                        break "identity reset";
                    }
                }
                _ = signals.interrupt.recv() => break "SIGINT",
                // A file on a dead share delays a reload, but not the end.
                _ = signals.hangup.recv() => tokio::select! {
                    () = self.reload() => {}
                    _ = signals.terminate.recv() => break "SIGTERM",
                    _ = signals.interrupt.recv() => break "SIGINT",
                },
            }
        };
        log::info!("{signal}: shutting down, no new work accepted");
        self.shutdown.drain();
        tokio::select! {
            () = self.dispatcher.drained() => {}
            () = tokio::time::sleep(DRAIN_TIMEOUT) => self.cancel_work().await,
            _ = signals.terminate.recv() => self.cancel_work().await,
            _ = signals.interrupt.recv() => self.cancel_work().await,
        }
        self.shutdown.close();
        let closed = async {
            let _ = link.await;
            let _ = renewer.await;
            if let Some(local) = local {
                let _ = local.await;
            }
        };
        if tokio::time::timeout(CLOSE_TIMEOUT, closed).await.is_err() {
            log::warn!("the channel did not close within {} s", CLOSE_TIMEOUT.as_secs());
        }
        self.plugins.shutdown().await;
        self.scheduler.shutdown().await;
        self.tasks.shutdown().await;
        self.executor.shutdown().await;
        log::info!("stopped");
        ended
    }

    /// Opens the local socket. If the run directory cannot be used, the agent runs without a
    /// socket.
    fn local(&self) -> Option<Local> {
        let config = self.config.subscribe();
        let opened = Socket::open(&config.borrow().run_dir);
        let socket = opened.inspect_err(|error| log::error!("no local socket: {error}")).ok()?;
        Some(Local::new(socket, config, self.dispatcher.clone(), self.stopping.clone()))
    }

    /// Cancels running work and waits for its end: the grace period, and a little longer.
    async fn cancel_work(&self) {
        log::warn!("cancelling work that is still running");
        self.dispatcher.cancel_all();
        let bound = self.config.borrow().exec.grace + CLOSE_TIMEOUT;
        if tokio::time::timeout(bound, self.dispatcher.drained()).await.is_err() {
            log::error!("some work has not ended after {} s", bound.as_secs());
        }
    }

    /// Handles SIGHUP: reopens the log file and reloads the configuration. Invalid input changes
    /// nothing.
    async fn reload(&self) {
        if let Err(error) = self.log.reopen() {
            log::error!("cannot reopen the log file: {error}");
        }
        let overrides = self.cli.overrides.clone();
        let read = tokio::task::spawn_blocking(move || {
            let config = overrides.configuration()?;
            let policy = policy::load(config.policy.as_deref());
            Ok::<_, config::Error>((config, policy))
        });
        let (config, policy) = match read.await {
            Ok(Ok(read)) => read,
            Ok(Err(error)) => return log::error!("configuration not reloaded: {error}"),
            Err(panic) => return log::error!("configuration not reloaded: {panic}"),
        };
        let old = self.config.borrow().clone();
        if config.state_dir != old.state_dir
            || config.run_dir != old.run_dir
            || config.host_id != old.host_id
            || config.log.file != old.log.file
        {
            log::warn!("changes of state_dir, run_dir, host_id and log.file need a restart");
        }
        log::set_max_level(config.log.level.0);
        self.reload_policy(policy);
        self.audit.reconfigure(config.audit_file(), config.audit.clone());
        self.executor.reconfigure(config.exec.clone());
        self.tasks.reconfigure(config.tasks);
        self.scheduler.reconfigure(&config.cron).await;
        self.plugins.reload(config.plugin_dirs.clone(), config.plugins.clone()).await;
        let config = Arc::new(config);
        self.config.send_replace(config.clone());
        self.take_up_identity(config).await;
        log::info!("configuration reloaded");
    }

    /// Has another channel opened where `BasicAgent enroll` has given the host another identity
    /// than the open channel's.
    async fn take_up_identity(&self, config: Arc<Config>) {
        let found = tokio::task::spawn_blocking(move || source(&config)).await;
        if let Ok(Ok(Source::Joined(joined) | Source::Expired(joined))) = found {
            self.upkeep.host_is(&joined.host_id);
        }
    }

    /// Reloads the policy. If the file is invalid or missing, the old policy stays in effect: a
    /// mistake must not open the host.
    fn reload_policy(&self, read: Result<Option<Policy>, policy::Error>) {
        match read {
            Ok(Some(policy)) => self.gate.replace(announce(policy)),
            Ok(None) if self.gate.is_open() => {}
            Ok(None) => {
                log::error!("policy: the file is missing; its rules stay in effect until a restart")
            }
            Err(error) => log::error!("policy not reloaded: {error}"),
        }
    }
}
