//! [`LocalBus`]: the bus within one process.

use super::{Bus, Heard, Listener, MAX_WAITING, Topic};
use async_trait::async_trait;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

/// A bus that ends at this process.
#[derive(Debug, Default)]
pub(crate) struct LocalBus {
    /// `None` once it is closed.
    topics: Mutex<Topics>,
}

#[derive(Debug)]
struct Topics(Option<HashMap<Topic, broadcast::Sender<Arc<[u8]>>>>);

impl Default for Topics {
    fn default() -> Self {
        Self(Some(HashMap::new()))
    }
}

#[derive(Debug)]
struct LocalListener {
    /// `None` where the bus was closed already.
    messages: Option<broadcast::Receiver<Arc<[u8]>>>,
    begun: bool,
}

#[async_trait]
impl Bus for LocalBus {
    fn send(&self, topic: &Topic, message: Vec<u8>) {
        let mut topics = self.topics.lock();
        let Some(known) = &mut topics.0 else { return };
        let Some(sender) = known.get(topic) else { return };
        if sender.send(message.into()).is_err() {
            // Nobody listens anymore.
            known.remove(topic);
        }
    }

    async fn listen(&self, topic: &Topic) -> Box<dyn Listener> {
        let mut topics = self.topics.lock();
        let messages = topics.0.as_mut().map(|known| {
            known.retain(|_, sender| sender.receiver_count() > 0);
            let sender = known.entry(topic.clone());
            sender.or_insert_with(|| broadcast::Sender::new(MAX_WAITING)).subscribe()
        });
        Box::new(LocalListener { messages, begun: false })
    }

    fn problem(&self) -> Option<String> {
        None
    }

    async fn close(&self) {
        self.topics.lock().0 = None;
    }
}

#[async_trait]
impl Listener for LocalListener {
    async fn hear(&mut self) -> Heard {
        let Some(messages) = &mut self.messages else { return Heard::Closed };
        if !self.begun {
            self.begun = true;
            return Heard::Missed;
        }
        match messages.recv().await {
            Ok(message) => Heard::Message(message),
            Err(RecvError::Lagged(_)) => Heard::Missed,
            Err(RecvError::Closed) => Heard::Closed,
        }
    }
}
