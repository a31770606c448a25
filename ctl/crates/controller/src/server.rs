//! Starts everything (files, ports, the tasks on them), reloads files at SIGHUP, and ends
//! everything at a signal.

use crate::about::About;
use crate::agents::{
    self, Admission, Approvals, Clerk, Permits, PlaceBounds, Post, RedirectRule, Registry, Room,
    ServerSide, Services, TlsFiles, TrustParts,
};
use crate::answers::OwnAnswers;
use crate::api::{self, Clients, HttpsSource, Transport};
use crate::audit::Work;
use crate::auth::{Authenticator, FileRoles, Roles, Token};
use crate::bus::{Bus, BusAddress, LocalBus, NatsBus};
use crate::cli::Flags;
use crate::descriptors::{self, Share};
use crate::dev::Dev;
use crate::error::Error;
use crate::facts;
use crate::files::{self, Access};
use crate::first_start;
use crate::identity::{self, Ca, Identity};
use crate::joining::Joining;
use crate::metrics::Metrics;
use crate::nodes;
use crate::proxy::ProxySources;
use crate::ready::Ready;
use crate::reload::Reloader;
use crate::runs::{self, Driver};
use crate::schedules::{Keeper, Schedules};
use crate::signals::{Asked, Signals};
use crate::stop;
use crate::store::{self, Address, PostgresStore, SqliteStore, Store, StoreError};
use crate::trend;
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio::time::timeout;
use uuid::Uuid;

/// The time for requests in flight to get their replies before the sessions end.
const DRAIN: Duration = Duration::from_secs(10);

/// The time for work that clients asked for and did not wait for.
const LAST_WORK: Duration = Duration::from_secs(5);

/// Connections that are not sessions yet, where there are descriptors for them.
const MAX_OPENING: usize = 2048;

/// MiB of large messages of agents that are not whole yet.
const UNFINISHED_MIB: usize = 512;

/// What the files and flags say, read before any port is open.
struct Prepared {
    dev: Option<Dev>,
    token: Option<Token>,
    token_file: Option<PathBuf>,
    roles: FileRoles,
    tls_files: TlsFiles,
    ca: Arc<Ca>,
    side: ServerSide,
    transport: Transport,
    store: Arc<dyn Store>,
    /// The bus, where the controller is one of several.
    bus: Option<BusAddress>,
    /// Held until the end, where the store does not hold it itself.
    state_dir_lock: Option<File>,
    share: Share,
}

/// Creates the files of `--dev`, then serves until a signal.
///
/// # Errors
/// When the controller cannot start.
pub(crate) async fn run(flags: Flags, mut signals: Signals) -> Result<(), Error> {
    let flags = Arc::new(flags);
    let preparing = {
        let flags = Arc::clone(&flags);
        tokio::task::spawn_blocking(move || prepare(&flags))
    };
    let mut prepared = tokio::select! {
        prepared = preparing => prepared
            .map_err(std::io::Error::other)
            .map_err(Error::system("cannot read the files"))??,
        // A file may be on a share that does not answer.
        signal = signals.end() => {
            log::info!("{signal}: ending before the start is complete");
            return Ok(());
        }
    };
    let store = Arc::clone(&prepared.store);
    let state_dir_lock = prepared.state_dir_lock.take();
    let served = serve(&flags, prepared, signals).await;
    // Every session has ended, so this stores the last results that they accepted.
    store.close().await;
    drop(state_dir_lock);
    served
}

/// Reads and checks everything.
fn prepare(flags: &Flags) -> Result<Prepared, Error> {
    let dev = flags.dev.as_deref().map(Dev::prepare).transpose()?;
    let token_file = match (&dev, &flags.token_file) {
        (Some(dev), None) => Some(dev.token_file()),
        _ => flags.token_file.clone(),
    };
    let token = token_file.as_deref().map(Token::load_or_generate).transpose()?;
    let roles = flags.roles.as_deref().map(FileRoles::load).transpose()?.unwrap_or_default();
    let tls_files = flags.tls_files();
    let share = descriptors::share_out(flags.max_connections)?;
    flags.check_advertised()?;
    // One controller makes the CA: the directory is locked from here on.
    let bus = flags.bus()?;
    let (store, state_dir_lock) = open_store(flags)?;
    let ca = match store.node() {
        Some(_) => identity::open_shared_ca(flags.ca_settings(&tls_files)?, &*store)?,
        None => Ca::open(flags.ca_settings(&tls_files)?)?,
    };
    let ca = Arc::new(ca);
    let side = agents::server_side(&tls_files, &ca.current())?;
    let transport = Transport::open(flags.https_source(), Arc::clone(&ca))?;
    Ok(Prepared {
        dev,
        token,
        token_file,
        roles,
        tls_files,
        ca,
        side,
        transport,
        store,
        bus,
        state_dir_lock,
        share,
    })
}

/// Opens the database. An SQLite store holds the lock of the state directory itself.
fn open_store(flags: &Flags) -> Result<(Arc<dyn Store>, Option<File>), Error> {
    let Some(url) = &flags.database else {
        return Ok((Arc::new(SqliteStore::open(&flags.state_dir(), flags.bounds())?), None));
    };
    let lock = store::lock_state_dir(&flags.state_dir())?;
    let address = Address::parse(url, flags.database_password_file.as_deref())?;
    let seat = flags.seat(node_id(&flags.state_dir())?);
    let opening = PostgresStore::open(address, seat, flags.bounds());
    Ok((Arc::new(Handle::current().block_on(opening)?), Some(lock)))
}

/// Returns the id of a state directory, which is made at the first start.
fn node_id(state_dir: &Path) -> Result<String, Error> {
    let path = state_dir.join("node-id");
    if !path.exists() {
        files::replace(&path, Uuid::new_v4().to_string().as_bytes(), files::PUBLIC)?;
        files::sync_dir(state_dir)?;
    }
    let text = String::from_utf8(files::read(&path, Access::Public)?);
    let id = text.ok().and_then(|text| Uuid::parse_str(text.trim()).ok());
    let why = "not an id; restore it from a backup, or remove it for another one".to_owned();
    id.map(|id| id.to_string()).ok_or(Error::Content { path, why })
}

async fn serve(flags: &Flags, prepared: Prepared, mut signals: Signals) -> Result<(), Error> {
    let Prepared {
        dev,
        token,
        token_file,
        roles,
        tls_files,
        ca,
        side,
        transport,
        store,
        bus,
        share,
        ..
    } = prepared;
    let started = SystemTime::now();
    let scheme = transport.scheme();
    let transport = Arc::new(transport);
    let mut ports = Vec::new();
    for address in flags.listen() {
        ports.push(agents::bind(address)?);
    }
    let http = agents::bind(flags.http)?;
    let listen = ports.iter().map(address_of).collect::<Result<_, _>>()?;
    let mut ready = Ready { listen, http: address_of(&http)?, setup: None };
    if let Some(dev) = &dev {
        dev.write_agent_config(ready.listen[0])?;
        dev.write_join_token(&*store).await?;
    }
    let registry = Arc::new(Registry::default());
    let metrics = Arc::new(Metrics::new());
    let proxies: ProxySources = flags.proxy_from.iter().copied().collect();
    let identity = Arc::new(Identity::new(
        Arc::clone(&ca),
        Arc::clone(&store),
        flags.identity_settings(),
        Arc::clone(&metrics),
    ));
    let (trust, trust_task) = agents::trust_queue();
    let approvals = Arc::new(Approvals::default());
    let services = Arc::new(Services {
        registry: Arc::clone(&registry),
        redirect: RedirectRule {
            given: flags.redirect_to.clone(),
            own: store.node(),
            nodes: store.nodes(),
        },
        tls: agents::Tls::new(side),
        admission: Admission::new(flags.handshake_rate(), share.agents),
        proxies: proxies.clone(),
        room: Room::new(UNFINISHED_MIB),
        store: Arc::clone(&store),
        identity: Arc::clone(&identity),
        approvals: Arc::clone(&approvals),
        trust,
        metrics: Arc::clone(&metrics),
        return_within: OnceLock::new(),
    });
    let roles = Arc::new(Roles::new(roles));
    let stored = roles.refresh(&*store).await;
    stored.map_err(std::io::Error::other).map_err(Error::system("cannot read the roles"))?;
    let authenticator = Arc::new(Authenticator::new(token, roles, Arc::clone(&store)));
    let names = identity::server_names(&flags.name)?;
    ready.setup = first_start::link(&*store, &authenticator, scheme, ready.http, &names).await?;
    let schedules =
        Schedules::new(Arc::clone(&registry), Arc::clone(&store), Arc::clone(&authenticator));
    let joining = Joining::new(ready.listen[0], &names, Arc::clone(&ca));
    let work = Work::default();

    let stopping_store = Arc::clone(&store);
    let (stopper, stop) = stop::pair();
    let (api_stopper, api_stop) = stop::pair();
    let permits = Permits::new(share.agents, opening(flags, share.agents));
    let mut tasks = JoinSet::new();
    for port in ports {
        tasks.spawn(agents::serve(port, permits.clone(), Arc::clone(&services), stop.clone()));
    }
    let mut opened_bus = None;
    if let Some(node) = store.node() {
        let bus = open_bus(bus, &*store, &ready, scheme, flags).await?;
        opened_bus = Some(Arc::clone(&bus));
        let post = Post::new(node, Arc::clone(&bus));
        registry.reach_others_by(Arc::clone(&post.0));
        let answers = OwnAnswers { registry: Arc::clone(&registry), schedules: schedules.clone() };
        let clerk = Clerk::new(post, Arc::clone(&registry), Arc::clone(&store), Arc::new(answers));
        tasks.spawn(clerk.run(stop.clone()));
        tasks.spawn(nodes::exchange_news(Arc::clone(&store), bus, stop.clone()));
        tasks.spawn(nodes::follow_hosts(Arc::clone(&registry), Arc::clone(&store), stop.clone()));
        let balance =
            agents::balance(Arc::clone(&registry), Arc::clone(&store), node, stop.clone());
        tasks.spawn(balance);
        tasks.spawn(identity::share_ca(Arc::clone(&ca), Arc::clone(&store), stop.clone()));
        let roles = Arc::clone(authenticator.roles());
        tasks.spawn(nodes::follow_roles(
            roles,
            schedules.clone(),
            Arc::clone(&store),
            stop.clone(),
        ));
    }
    tasks.spawn(agents::follow_standings(
        Arc::clone(&registry),
        Arc::clone(&store),
        Arc::clone(&identity),
        approvals,
        stop.clone(),
    ));
    tasks.spawn(agents::renew_own(identity, stop.clone()));
    tasks.spawn(Keeper::new(schedules.clone()).run(stop.clone()));
    tasks.spawn(trend::sample(Arc::clone(&registry), Arc::clone(&store), stop.clone()));
    let parts = TrustParts { services: Arc::clone(&services), files: tls_files.clone() };
    tasks.spawn(trust_task.run(parts, stop.clone()));
    let (driver, runs) = Driver::new(runs::Parts {
        registry: Arc::clone(&registry),
        store: Arc::clone(&store),
        authenticator: Arc::clone(&authenticator),
    });
    tasks.spawn(driver.run(stop.clone()));
    let settings = flags.facts_settings();
    let (collector, collecting) =
        facts::collector(Arc::clone(&registry), Arc::clone(&store), settings);
    tasks.spawn(collecting.run(stop.clone()));
    let about = About {
        started,
        listen: ready.listen.iter().map(SocketAddr::to_string).collect(),
        http: format!("{scheme}://{}", ready.http),
        bounds: flags.bounds(),
        identity: flags.identity_settings(),
        facts: flags.facts_settings(),
    };
    let router = api::router(api::Parts {
        registry,
        store,
        collector,
        runs,
        ca: Arc::clone(&ca),
        identity: Arc::clone(&services.identity),
        authenticator: Arc::clone(&authenticator),
        schedules: schedules.clone(),
        work: work.clone(),
        joining,
        permits,
        clients: share.clients,
        metrics,
        bus: opened_bus.clone(),
        about,
        stop: api_stop.clone(),
    });
    let bounds = Clients::new(share.clients);
    let side = Arc::clone(&transport);
    let clients = api::serve(http, side, console::router(router), bounds, proxies, DRAIN, api_stop);
    let mut clients = tokio::spawn(clients);
    announce(&ready, scheme, flags, dev.as_ref(), &ca);
    if let Some(path) = &flags.ready_file {
        ready.write(path)?;
    }
    // `systemctl start` waits for this, and fails where the start does. Without systemd, nothing happens.
    if let Err(error) = sd_notify::notify(&[sd_notify::NotifyState::Ready]) {
        log::warn!("cannot tell the service manager that the start is done: {error}");
    }
    let mut reloader = Reloader {
        tls_files,
        ca,
        token_file,
        roles_file: flags.roles.clone(),
        services,
        authenticator,
        schedules,
        transport,
        stuck: None,
    };
    let signal = until_end(&mut signals, &mut reloader).await;
    log::info!("{signal}: shutting down");
    if stopping_store.node().is_some()
        && let Err(error) = stopping_store.is_reached_at(String::new(), String::new()).await
    {
        log::debug!("other nodes still send agents here: {error}");
    }
    // The API's clients first: the agents' replies are still on their way to them.
    api_stopper.stop();
    tokio::select! {
        _ = timeout(DRAIN, &mut clients) => {}
        signal = signals.end() => log::info!("{signal}: not waiting for requests in flight"),
    }
    stopper.stop();
    if !clients.is_finished() {
        ended(clients.await);
    }
    work.finish(LAST_WORK).await;
    while let Some(task) = tasks.join_next().await {
        ended(task);
    }
    if let Some(bus) = opened_bus {
        bus.close().await;
    }
    Ok(())
}

/// Begins to connect to the bus, and says where this node is reached.
async fn open_bus(
    address: Option<BusAddress>,
    store: &dyn Store,
    ready: &Ready,
    scheme: &str,
    flags: &Flags,
) -> Result<Arc<dyn Bus>, Error> {
    let failed = |error: StoreError| Error::System {
        what: "cannot be a node of a site",
        source: std::io::Error::other(error),
    };
    let agents = flags.advertised(ready.listen[0]);
    store.is_reached_at(agents, format!("{scheme}://{}", ready.http)).await.map_err(failed)?;
    let site = store.site().await.map_err(failed)?;
    match address {
        Some(address) => Ok(Arc::new(NatsBus::open(address, &site).await?)),
        None => Ok(Arc::new(LocalBus::default())),
    }
}

/// Reloads the files at each SIGHUP, until a signal asks to end; returns that signal's name.
async fn until_end(signals: &mut Signals, reloader: &mut Reloader) -> &'static str {
    loop {
        match signals.next().await {
            Asked::End(signal) => return signal,
            Asked::Reload => tokio::select! {
                () = reloader.reload() => {}
                signal = signals.end() => return signal,
            },
        }
    }
}

/// Returns the bounds on connections that are not sessions yet.
fn opening(flags: &Flags, agents: usize) -> PlaceBounds {
    let in_all = MAX_OPENING.min((agents / 2).max(16));
    let per_source = flags.max_opening_per_address.map_or(in_all / 4, usize::from);
    PlaceBounds { in_all, per_source: per_source.max(4) }
}

fn ended(task: Result<(), tokio::task::JoinError>) {
    if let Err(error) = task {
        log::error!("the task of a port failed: {error}");
    }
}

fn announce(ready: &Ready, scheme: &str, flags: &Flags, dev: Option<&Dev>, ca: &Ca) {
    for address in &ready.listen {
        log::info!("listening for agents on {address}");
    }
    if let Some(redirect) = &flags.redirect_to {
        log::info!("redirecting every agent to {}", redirect.as_str());
    }
    let api = format!("{scheme}://{}", ready.http);
    log::info!("console: {api}/");
    log::info!("API: {api}{}", controller_api::path::HOSTS);
    if flags.https_source() == HttpsSource::OwnCa {
        log::info!("the API's certificate: --ca sha256:{} vouches for it", ca.current().pin());
    }
    if let Some(link) = &ready.setup {
        log::info!("there is no operator yet; create the first one within a day by {link}");
    }
    if let Some(dev) = dev {
        for step in dev.next_steps(ready.listen[0], &ca.current().pin(), &api) {
            log::info!("next: {step}");
        }
    }
}

fn address_of(listener: &TcpListener) -> Result<SocketAddr, Error> {
    listener.local_addr().map_err(Error::system("cannot read a port's address"))
}
