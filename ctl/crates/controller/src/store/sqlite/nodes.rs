//! The one controller of the database, which leads.

use super::SqliteStore;
use crate::store::{CaFiles, Letter, Moves, NodeRow, Nodes, SessionCounts, StoreError};
use async_trait::async_trait;
use std::sync::Arc;
use tokio::sync::{broadcast, watch};

#[async_trait]
impl Nodes for SqliteStore {
    fn node(&self) -> Option<i32> {
        None
    }

    fn nodes(&self) -> watch::Receiver<Arc<[NodeRow]>> {
        self.nodes.rows()
    }

    fn beats(&self) -> watch::Receiver<u64> {
        self.nodes.beats()
    }

    fn tenures(&self) -> watch::Receiver<u64> {
        self.nodes.tenures()
    }

    async fn has_hosts(&self, _: Vec<String>) -> Result<(), StoreError> {
        Ok(())
    }

    fn has_sessions(&self, _: SessionCounts) {}

    fn leads(&self) -> watch::Receiver<bool> {
        self.nodes.leads()
    }

    fn has_host(&self, _: &str) {}

    fn records(&self) -> broadcast::Receiver<Arc<[String]>> {
        self.published.records()
    }

    fn holds_lead(&self) -> bool {
        true
    }

    fn decline_lead(&self) {}

    async fn give_up_lead(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn news_written(&self) -> watch::Receiver<u64> {
        self.nodes.news_written()
    }

    async fn ca_files(&self) -> Result<Option<CaFiles>, StoreError> {
        Ok(None)
    }

    async fn put_ca_files(&self, _: CaFiles) -> Result<bool, StoreError> {
        Ok(true)
    }

    async fn claim_ca(&self) -> Result<bool, StoreError> {
        Ok(true)
    }

    async fn release_ca(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn ca_version(&self) -> watch::Receiver<i64> {
        self.published.ca_version()
    }

    fn roles_changed(&self) -> watch::Receiver<()> {
        self.published.roles()
    }

    async fn site(&self) -> Result<String, StoreError> {
        Ok(String::new())
    }

    async fn is_reached_at(&self, _: String, _: String) -> Result<(), StoreError> {
        Ok(())
    }

    fn look(&self) {}

    async fn places(&self) -> Result<Vec<(String, i32)>, StoreError> {
        Ok(Vec::new())
    }

    fn moves(&self) -> broadcast::Receiver<Arc<Moves>> {
        self.published.moves()
    }

    async fn post(&self, letters: Vec<Letter>) -> Result<(), StoreError> {
        match letters.first() {
            None => Ok(()),
            Some(letter) => Err(StoreError::missing("node", &letter.to.to_string())),
        }
    }

    async fn take_letters(&self) -> Result<Vec<Vec<u8>>, StoreError> {
        Ok(Vec::new())
    }

    async fn drain(&self, node: i32, _: bool) -> Result<NodeRow, StoreError> {
        Err(StoreError::missing("node", &node.to_string()))
    }

    async fn remove_node(&self, node: i32) -> Result<(), StoreError> {
        Err(StoreError::missing("node", &node.to_string()))
    }
}
