//! Starts everything (files, ports, the tasks on them) and ends it at a signal.

use crate::agents::{self, Permits, Registry, Services};
use crate::api;
use crate::auth::{Authenticator, Token};
use crate::cli::Flags;
use crate::dev::Dev;
use crate::error::Error;
use crate::ready::Ready;
use crate::stop;
use crate::store::{SqliteStore, Store};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

/// Creates the files of `--dev`, then serves until a signal.
///
/// # Errors
/// When the controller cannot start.
pub(crate) fn run(flags: &Flags) -> Result<(), Error> {
    let dev = flags.dev.as_deref().map(|dir| Dev::prepare(dir, &flags.dev_host)).transpose()?;
    let token_file = match (&dev, &flags.token_file) {
        (Some(dev), None) => dev.token_file(),
        _ => flags.token_file()?,
    };
    let token = Token::load_or_generate(&token_file)?;
    if flags.init_only {
        return match dev {
            Some(dev) => dev.write_agent_configs(flags.listen()[0].port()),
            None => Ok(()),
        };
    }
    let tls_files = match &dev {
        Some(dev) => dev.tls_files(),
        None => flags.tls_files()?,
    };
    let tls = agents::acceptor(&tls_files)?;
    let registry = Arc::new(Registry::default());
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&flags.state_dir(), flags.bounds())?);
    let services = Arc::new(Services {
        registry: Arc::clone(&registry),
        redirect: flags.redirect_to.clone(),
        tls,
        store: Arc::clone(&store),
    });
    let router = api::router(registry, Arc::clone(&store), Authenticator::new(token));
    raise_descriptor_limit();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Error::system("cannot start the event loop"))?;
    runtime.block_on(async {
        let served = serve(flags, dev.as_ref(), services, router).await;
        // Every session has ended, so this stores the last results that they accepted.
        store.close().await;
        served
    })
}

async fn serve(
    flags: &Flags,
    dev: Option<&Dev>,
    services: Arc<Services>,
    router: axum::Router,
) -> Result<(), Error> {
    let mut ports = Vec::new();
    for address in flags.listen() {
        ports.push(agents::bind(address).await?);
    }
    let http = agents::bind(flags.http).await?;
    let listen = ports.iter().map(address_of).collect::<Result<_, _>>()?;
    let ready = Ready { listen, http: address_of(&http)? };
    if let Some(dev) = dev {
        dev.write_agent_configs(ready.listen[0].port())?;
    }
    let signal_of = |kind| signal(kind).map_err(Error::system("cannot wait for signals"));
    let mut terminate = signal_of(SignalKind::terminate())?;
    let mut interrupt = signal_of(SignalKind::interrupt())?;

    let (stopper, stop) = stop::pair();
    let permits = Permits::new(flags.max_connections);
    let mut tasks = JoinSet::new();
    for port in ports {
        tasks.spawn(agents::serve(port, permits.clone(), Arc::clone(&services), stop.clone()));
    }
    tasks.spawn(api::serve(http, router, stop));
    announce(&ready, flags, dev);
    if let Some(path) = &flags.ready_file {
        ready.write(path)?;
    }
    tokio::select! {
        _ = terminate.recv() => log::info!("SIGTERM: shutting down"),
        _ = interrupt.recv() => log::info!("SIGINT: shutting down"),
    }
    stopper.stop();
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended {
            log::error!("the task of a port failed: {error}");
        }
    }
    Ok(())
}

fn announce(ready: &Ready, flags: &Flags, dev: Option<&Dev>) {
    for address in &ready.listen {
        log::info!("listening for agents on {address}");
    }
    if let Some(redirect) = &flags.redirect_to {
        log::info!("redirecting every agent to {}", redirect.as_str());
    }
    log::info!("API: http://{}{}", ready.http, controller_api::path::HOSTS);
    for step in dev.map(|dev| dev.next_steps(ready.http)).unwrap_or_default() {
        log::info!("next: {step}");
    }
}

fn address_of(listener: &TcpListener) -> Result<SocketAddr, Error> {
    listener.local_addr().map_err(Error::system("cannot read a port's address"))
}

/// Raises the limit of open descriptors, one per connection: the soft limit is often 1024.
fn raise_descriptor_limit() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, hard)| setrlimit(Resource::RLIMIT_NOFILE, hard, hard));
    if let Err(error) = raised {
        log::warn!("cannot raise the limit of open files: {error}");
    }
}
