//! [`NatsBus`]: the bus over a NATS server, by its core alone: nothing is kept there.
//!
//! The client connects by itself, at the start and whenever the connection is lost; the node works
//! without it meanwhile.

use super::{Bus, BusAddress, Heard, Listener, MAX_MESSAGE, MAX_WAITING, Topic};
use crate::error::Error;
use async_nats::{Client, ConnectOptions, Event, Subscriber};
use async_trait::async_trait;
use futures_util::{FutureExt as _, StreamExt as _};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::timeout;

/// The longest wait for a server's answer when a connection is made.
const CONNECT: Duration = Duration::from_secs(5);

/// The time between two questions whether the server is there; the second without an answer ends the
/// connection.
const PING: Duration = Duration::from_secs(5);

/// The wait before the second try to connect; each one after it doubles the wait.
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// The longest of these waits.
const LAST_WAIT: Duration = Duration::from_secs(5);

/// The longest wait for room for an order to the client.
const ORDER: Duration = Duration::from_secs(1);

/// The longest wait for what waits to be sent when the bus closes.
const CLOSE: Duration = Duration::from_secs(2);

/// The bus over a NATS server.
#[derive(Debug)]
pub(crate) struct NatsBus {
    client: Client,
    /// In front of each topic: the sites that share a server must not wake each other.
    prefix: String,
    link: watch::Receiver<Link>,
}

/// What is known of the connection.
#[derive(Clone, Debug)]
struct Link {
    /// What is wrong with it.
    problem: Option<Arc<str>>,
    /// How often messages may have been lost.
    losses: u64,
}

#[derive(Debug)]
struct NatsListener {
    /// `None` where the client has ended.
    messages: Option<Subscriber>,
    link: watch::Receiver<Link>,
    /// The losses that were told.
    told: Option<u64>,
}

impl NatsBus {
    /// Begins to connect; `site` keeps apart the sites that share a server.
    ///
    /// # Errors
    /// When the client cannot be made.
    pub(crate) async fn open(address: BusAddress, site: &str) -> Result<Self, Error> {
        let shown = address.to_string();
        let first =
            Link { problem: Some(format!("not connected to {shown} yet").into()), losses: 0 };
        let (link, following) = watch::channel(first);
        let BusAddress { servers, tls, credentials } = address;
        let mut options = match &credentials {
            Some(credentials) => credentials.options(),
            None => ConnectOptions::new(),
        };
        if let Some(tls) = tls {
            options = options.tls_client_config(tls);
        }
        let client = options
            .name("BasicAgentController")
            .retry_on_initial_connect()
            .max_reconnects(None)
            .reconnect_delay_callback(wait)
            .connection_timeout(CONNECT)
            .ping_interval(PING)
            .subscription_capacity(MAX_WAITING)
            .reconnect_to_server_callback({
                let (link, shown) = (link.clone(), shown.clone());
                move |servers, _| {
                    // Each try begins with what became of the last one.
                    if let Some(why) = servers.iter().find_map(|server| server.last_error.as_ref())
                    {
                        cannot_connect(&link, &shown, why);
                    }
                    std::future::ready(None)
                }
            })
            .event_callback(move |event| {
                follow(&link, &shown, &event);
                std::future::ready(())
            })
            .connect(servers)
            .await
            .map_err(|error| Error::Flags(format!("--bus: {error}")))?;
        Ok(Self { client, prefix: format!("basicagent.{site}."), link: following })
    }
}

/// Returns the wait before a try to connect.
fn wait(tries: usize) -> Duration {
    let doublings = u32::try_from(tries.saturating_sub(1)).unwrap_or(u32::MAX).min(16);
    match tries {
        0 | 1 => Duration::ZERO,
        _ => (FIRST_WAIT * (1 << (doublings - 1))).min(LAST_WAIT),
    }
}

/// Notes what has happened to the connection.
fn follow(link: &watch::Sender<Link>, shown: &str, event: &Event) {
    let problem = |why: String| Some(Arc::from(why));
    match event {
        Event::Connected => {
            log::info!("connected to the bus {shown}");
            link.send_modify(|link| *link = Link { problem: None, losses: link.losses + 1 });
        }
        Event::Disconnected => {
            log::warn!("lost the bus {shown}: nodes hear of each other's changes later meanwhile");
            let why = format!("the connection to {shown} is lost");
            link.send_modify(|link| link.problem = problem(why));
        }
        Event::SlowConsumer(_) => link.send_modify(|link| link.losses += 1),
        Event::ClientError(_)
        | Event::ServerError(_)
        | Event::LameDuckMode
        | Event::Draining
        | Event::Closed => log::debug!("the bus {shown}: {event}"),
    }
}

/// Notes why there is no connection, if there is none.
fn cannot_connect(link: &watch::Sender<Link>, shown: &str, why: &str) {
    link.send_if_modified(|link| {
        let why = Some(Arc::from(format!("cannot connect to {shown}: {why}")));
        let differs = link.problem.is_some() && link.problem != why;
        if differs {
            link.problem = why;
        }
        differs
    });
}

#[async_trait]
impl Bus for NatsBus {
    fn send(&self, topic: &Topic, message: Vec<u8>) {
        // The client would keep it, and send it when nobody waits for it anymore.
        if self.problem().is_some() || message.len() > MAX_MESSAGE {
            return;
        }
        let subject = format!("{}{topic}", self.prefix);
        match self.client.publish(subject, message.into()).now_or_never() {
            Some(Ok(())) => {}
            Some(Err(error)) => log::debug!("a message on the bus is lost: {error}"),
            None => log::debug!("a message on the bus is lost: too many wait"),
        }
    }

    async fn listen(&self, topic: &Topic) -> Box<dyn Listener> {
        let subject = format!("{}{topic}", self.prefix);
        // While the server is away, orders for it wait, and there is room for some of them only.
        let messages = match timeout(ORDER, self.client.subscribe(subject)).await {
            Ok(Ok(messages)) => Some(messages),
            Ok(Err(error)) => {
                log::debug!("cannot listen on the bus: {error}");
                None
            }
            Err(_) => {
                log::debug!("cannot listen on the bus: too much waits for the server");
                None
            }
        };
        Box::new(NatsListener { messages, link: self.link.clone(), told: None })
    }

    fn problem(&self) -> Option<String> {
        self.link.borrow().problem.as_ref().map(ToString::to_string)
    }

    async fn close(&self) {
        if self.problem().is_none() {
            // Where that takes longer, it is lost.
            let _ = timeout(CLOSE, self.client.flush()).await;
        }
        // An error means that the client has ended already.
        let _ = timeout(CLOSE, self.client.drain()).await;
    }
}

#[async_trait]
impl Listener for NatsListener {
    async fn hear(&mut self) -> Heard {
        let Some(messages) = &mut self.messages else { return Heard::Closed };
        loop {
            let losses = self.link.borrow_and_update().losses;
            if self.told.is_none_or(|told| told < losses) {
                self.told = Some(losses);
                return Heard::Missed;
            }
            tokio::select! {
                message = messages.next() => {
                    return match message {
                        Some(message) => Heard::Message(Arc::from(&*message.payload)),
                        None => Heard::Closed,
                    };
                }
                changed = self.link.changed() => {
                    // The client has ended, and with it the messages.
                    if changed.is_err() {
                        return Heard::Closed;
                    }
                }
            }
        }
    }
}
