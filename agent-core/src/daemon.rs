//! The daemon from its first line to its last: flags, configuration, log, the parts, signals, the end.

use crate::audit::Audit;
use crate::cli::Cli;
use crate::config::Config;
use crate::dispatch::{Dispatcher, Parts};
use crate::exec::Executor;
use crate::identity::Identity;
use crate::link::{self, Link};
use crate::local::{Local, Socket};
use crate::logging::{self, LogFile};
use crate::plugin::Plugins;
use crate::policy::{self, Gate, Policy};
use crate::schedule::{self, Scheduler};
use crate::shutdown::{DRAIN_TIMEOUT, Shutdown};
use crate::task::Tasks;
use crate::{Error, exec, plugin, task};
use agent_wire::Method;
use clap::Parser as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// Threads for look-ups that block (accounts, names); they end when idle.
const MAX_BLOCKING_THREADS: usize = 4;

/// How long such a thread waits for more to do.
const BLOCKING_KEEP_ALIVE: Duration = Duration::from_secs(1);

/// The last answers and the goodbye, once the running work is over.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Runs `BasicAgent`.
pub fn main() -> ExitCode {
    // The same binary is the zygote and the plugin worker, which must stay small: nothing comes before this.
    match std::env::args_os().nth(1).as_deref().and_then(std::ffi::OsStr::to_str) {
        Some(exec::ZYGOTE_FLAG) => return exec::zygote_main(),
        Some(plugin::WORKER_FLAG) => return plugin::worker_main(),
        _ => {}
    }
    let cli = Cli::parse();
    let config = match cli.overrides.configuration() {
        Ok(config) => config,
        Err(error) => {
            eprintln!("BasicAgent: {error}");
            return ExitCode::from(2);
        }
    };
    if cli.check_config {
        return check(&config);
    }
    match logging::start(config.log.level.0, config.log.file.as_deref())
        .and_then(|log| run(&cli, config, log))
    {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("BasicAgent: {error}");
            ExitCode::FAILURE
        }
    }
}

/// `--check-config`: the file itself has been checked; here the policy and the TLS files it names.
fn check(config: &Config) -> ExitCode {
    match policy::load(config.policy.as_deref()) {
        Ok(policy) => {
            for method in policy.iter().flat_map(unknown_methods) {
                eprintln!("BasicAgent: policy: this agent has no method {method}");
            }
        }
        Err(error) => {
            eprintln!("BasicAgent: {error}");
            return ExitCode::from(2);
        }
    }
    let cron = &config.cron;
    if let Err(error) = schedule::check(&cron.timezone, &cron.calendar) {
        eprintln!("BasicAgent: {error}");
        return ExitCode::from(2);
    }
    match link::client_config(&config.tls) {
        Ok(_) => ExitCode::SUCCESS,
        // The default place may be filled later; a place that was named has to hold something.
        Err(error) if config.tls == Config::default().tls => {
            eprintln!("BasicAgent: no channel until this is mended: {error}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("BasicAgent: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(cli: &Cli, config: Config, log_file: Option<LogFile>) -> Result<(), Error> {
    let identity = Identity::open(&config.state_dir, config.host_id.as_deref())?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(MAX_BLOCKING_THREADS)
        .thread_keep_alive(BLOCKING_KEEP_ALIVE)
        .build()
        .map_err(|source| Error::System { call: "event loop", source })?;
    let result = runtime.block_on(async {
        // Before anything that takes time: a signal that comes during start-up is not lost, nor deadly.
        let signals = Signals::listen()?;
        Daemon::start(cli, config, log_file, identity)?.serve(signals).await
    });
    // A look-up that hangs in a library must not hold the end back.
    runtime.shutdown_background();
    result
}

/// Methods that rules name and this agent does not have: slips, or of another version. Not refused, so that one policy
/// can serve agents of different versions.
fn unknown_methods(policy: &Policy) -> impl Iterator<Item = &str> {
    policy.methods().filter(|method| matches!(Method::parse(method), Method::Unknown(_)))
}

/// The log says which policy comes into force.
fn told(policy: Policy) -> Policy {
    log::info!("policy: {} rules in force", policy.len());
    for method in unknown_methods(&policy) {
        log::warn!("policy: this agent has no method {method}");
    }
    policy
}

/// What the system and the operator tell the daemon.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn listen() -> Result<Self, Error> {
        let on = |kind| signal(kind).map_err(|source| Error::System { call: "sigaction", source });
        Ok(Self {
            terminate: on(SignalKind::terminate())?,
            interrupt: on(SignalKind::interrupt())?,
            hangup: on(SignalKind::hangup())?,
        })
    }
}

/// The parts, once they all stand.
struct Daemon<'a> {
    cli: &'a Cli,
    config: watch::Sender<Arc<Config>>,
    log_file: Option<LogFile>,
    identity: Identity,
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
    fn start(
        cli: &Cli,
        config: Config,
        log_file: Option<LogFile>,
        identity: Identity,
    ) -> Result<Daemon<'_>, Error> {
        // First: with a policy that can't be used, nothing is started.
        let policy = match policy::load(config.policy.as_deref())? {
            Some(policy) => told(policy),
            None => Policy::allow_all(),
        };
        let (shutdown, stopping) = Shutdown::new();
        let executor = Arc::new(Executor::start(config.exec.clone(), exec::Platform::default())?);
        let plugins = Arc::new(Plugins::new(config.plugin_dirs.clone(), config.plugins.clone()));
        let tasks = Arc::new(Tasks::open(&config.state_dir, config.tasks, executor.clone())?);
        let cron = config.cron.clone();
        schedule::check(&cron.timezone, &cron.calendar)?;
        let scheduler =
            Scheduler::new(&identity.host_id, task::boot_id()?, &cron, tasks.clone(), executor.clone());
        let gate = Arc::new(Gate::new(policy, executor.clone()));
        let audit = Audit::new(config.audit_file(), config.audit.clone());
        let parts = Parts {
            executor: executor.clone(),
            plugins: plugins.clone(),
            tasks: tasks.clone(),
            scheduler: scheduler.clone(),
            gate: gate.clone(),
            audit: audit.clone(),
        };
        let dispatcher = Dispatcher::new(&identity.host_id, parts, stopping.clone());
        Ok(Daemon {
            cli,
            config: watch::Sender::new(Arc::new(config)),
            log_file,
            identity,
            shutdown,
            executor,
            plugins,
            tasks,
            scheduler,
            gate,
            audit,
            dispatcher: Arc::new(dispatcher),
            stopping,
        })
    }

    /// Serves until told to end, then ends in order: no new work, the running work, the goodbye.
    async fn serve(self, mut signals: Signals) -> Result<(), Error> {
        log::info!("BasicAgent {} starts as {}", env!("CARGO_PKG_VERSION"), self.identity.host_id);
        let link = Link::new(
            &self.identity.host_id,
            self.config.subscribe(),
            self.dispatcher.clone(),
            self.stopping.clone(),
        );
        self.scheduler.start()?;
        let link = tokio::spawn(link.run());
        let local = self.local().map(|local| tokio::spawn(local.run()));
        loop {
            tokio::select! {
                _ = signals.terminate.recv() => break,
                _ = signals.interrupt.recv() => break,
                _ = signals.hangup.recv() => self.reload().await,
            }
        }
        log::info!("told to end: no new work");
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
            if let Some(local) = local {
                let _ = local.await;
            }
        };
        if tokio::time::timeout(CLOSE_TIMEOUT, closed).await.is_err() {
            log::warn!("the channel did not close in {} s", CLOSE_TIMEOUT.as_secs());
        }
        self.plugins.shutdown().await;
        self.scheduler.shutdown().await;
        self.tasks.shutdown().await;
        self.executor.shutdown().await;
        log::info!("ended");
        Ok(())
    }

    /// The local socket; an agent whose run directory can't be used goes on without.
    fn local(&self) -> Option<Local> {
        let config = self.config.subscribe();
        let opened = Socket::open(&config.borrow().run_dir);
        let socket = opened.inspect_err(|error| log::error!("no local socket: {error}")).ok()?;
        Some(Local::new(socket, config, self.dispatcher.clone(), self.stopping.clone()))
    }

    /// Cancels what still runs and waits for its end: the grace of a kill, and a little more.
    async fn cancel_work(&self) {
        log::warn!("still running work is cancelled");
        self.dispatcher.cancel_all();
        let bound = self.config.borrow().exec.grace + CLOSE_TIMEOUT;
        if tokio::time::timeout(bound, self.dispatcher.drained()).await.is_err() {
            log::error!("some work did not end in {} s", bound.as_secs());
        }
    }

    /// SIGHUP: the configuration anew, the log file anew. What can't be used changes nothing.
    async fn reload(&self) {
        if let Some(file) = &self.log_file
            && let Err(error) = file.reopen()
        {
            log::error!("log file not reopened: {error}");
        }
        let config = match self.cli.overrides.configuration() {
            Ok(config) => config,
            Err(error) => return log::error!("configuration not reloaded: {error}"),
        };
        let old = self.config.borrow().clone();
        if config.state_dir != old.state_dir
            || config.run_dir != old.run_dir
            || config.host_id != old.host_id
            || config.log.file != old.log.file
        {
            log::warn!("state_dir, run_dir, host_id and log.file change only at the next start");
        }
        log::set_max_level(config.log.level.0);
        self.reload_policy(&config);
        self.audit.reconfigure(config.audit_file(), config.audit.clone());
        self.executor.reconfigure(config.exec.clone());
        self.tasks.reconfigure(config.tasks);
        self.scheduler.reconfigure(&config.cron).await;
        self.plugins.reload(config.plugin_dirs.clone(), config.plugins.clone()).await;
        self.config.send_replace(Arc::new(config));
        log::info!("configuration reloaded");
    }

    /// The policy anew. One that can't be used, or is gone, leaves the old one in force: a slip must not open the host.
    fn reload_policy(&self, config: &Config) {
        match policy::load(config.policy.as_deref()) {
            Ok(Some(policy)) => self.gate.replace(told(policy)),
            Ok(None) if self.gate.is_open() => {}
            Ok(None) => log::error!("policy: the file is gone; the rules stay in force until the next start"),
            Err(error) => log::error!("policy not reloaded: {error}"),
        }
    }
}
