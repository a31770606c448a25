//! Everything together: files, ports, the tasks on them, and their end at a signal.

use crate::cli::Flags;
use crate::agents::handshake::Shared;
use crate::dev::Dev;
use crate::error::Error;
use crate::agents::registry::Hosts;
use crate::agents::listener::{self, Permits};
use crate::ready::Ready;
use crate::store::Store;
use crate::auth::Token;
use crate::agents::tls;
use crate::api::server as http;
use crate::{api, stop};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

/// Makes `--dev`'s files, then serves until a signal.
///
/// # Errors
/// When it can't start.
pub(crate) fn run(flags: &Flags) -> Result<(), Error> {
    let dev = flags.dev.as_deref().map(|dir| Dev::prepare(dir, &flags.dev_host)).transpose()?;
    let token_file = match (&dev, &flags.token_file) {
        (Some(dev), None) => dev.token_file(),
        _ => flags.token_file()?,
    };
    let token = Token::load_or_make(&token_file)?;
    if flags.init_only {
        return match dev {
            Some(dev) => dev.write_agent_configs(flags.listen()[0].port()),
            None => Ok(()),
        };
    }
    let files = match &dev {
        Some(dev) => dev.tls_files(),
        None => flags.tls_files()?,
    };
    let hosts = Arc::new(Hosts::default());
    let tls = tls::acceptor(&files)?;
    let (store, thread) = Store::open(&flags.state_dir(), flags.keep())?;
    let shared = Arc::new(Shared {
        hosts: Arc::clone(&hosts),
        redirect: flags.redirect_to.clone(),
        tls,
        store: Arc::clone(&store),
    });
    raise_descriptor_limit();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::System("can't start the event loop", error))?;
    let served = runtime.block_on(serve(flags, dev.as_ref(), shared, api::router(hosts, store, token)));
    // What sessions have handed over by now is stored; what comes later their agents keep.
    thread.finish();
    served
}

async fn serve(
    flags: &Flags,
    dev: Option<&Dev>,
    shared: Arc<Shared>,
    router: axum::Router,
) -> Result<(), Error> {
    let mut ports = Vec::new();
    for address in flags.listen() {
        ports.push(listener::bind(address).await?);
    }
    let http = listener::bind(flags.http).await?;
    let ready =
        Ready { listen: ports.iter().map(address_of).collect::<Result<_, _>>()?, http: address_of(&http)? };
    if let Some(dev) = dev {
        dev.write_agent_configs(ready.listen[0].port())?;
    }
    let signal_of = |kind| signal(kind).map_err(|error| Error::System("can't wait for signals", error));
    let (mut terminate, mut interrupt) =
        (signal_of(SignalKind::terminate())?, signal_of(SignalKind::interrupt())?);

    let (stopper, stopped) = stop::pair();
    let permits = Permits::new(flags.max_connections);
    let mut tasks = JoinSet::new();
    for port in ports {
        tasks.spawn(listener::serve(port, permits.clone(), Arc::clone(&shared), stopped.clone()));
    }
    tasks.spawn(http::serve(http, router, stopped));
    announce(&ready, flags, dev);
    if let Some(path) = &flags.ready_file {
        ready.write(path)?;
    }
    tokio::select! {
        _ = terminate.recv() => log::info!("SIGTERM: closing"),
        _ = interrupt.recv() => log::info!("SIGINT: closing"),
    }
    stopper.stop();
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended {
            log::error!("a port's task failed: {error}");
        }
    }
    Ok(())
}

fn announce(ready: &Ready, flags: &Flags, dev: Option<&Dev>) {
    for address in &ready.listen {
        log::info!("agents: {address}");
    }
    if let Some(redirect) = &flags.redirect_to {
        log::info!("every agent is redirected to {}", redirect.as_str());
    }
    log::info!("API: http://{}/api/v1/hosts", ready.http);
    for step in dev.map(|dev| dev.next_steps(ready.http)).unwrap_or_default() {
        log::info!("next: {step}");
    }
}

fn address_of(listener: &TcpListener) -> Result<SocketAddr, Error> {
    listener.local_addr().map_err(|error| Error::System("can't tell a port's address", error))
}

/// A connection is a descriptor; the soft limit is often 1024.
fn raise_descriptor_limit() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, hard)| setrlimit(Resource::RLIMIT_NOFILE, hard, hard));
    if let Err(error) = raised {
        log::warn!("the limit of open descriptors stays as it is: {error}");
    }
}
