//! `[plugins]`: which plugins the agent loads and how it runs them.

use super::{Error, value};
use plugin_api::host::Trust;
use serde::Deserialize;
use std::time::Duration;

/// The `[plugins]` section.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Keys")]
pub(crate) struct PluginSettings {
    /// Methods whose plugin may keep root, if it says that it needs root.
    pub(crate) roots: Vec<String>,
    /// How long a worker outlives its last call.
    pub(crate) idle: Duration,
    /// Checksums and signatures that a plugin's file must have, beside a trusted owner.
    pub(crate) trust: Trust,
}

/// The section's keys.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Keys {
    roots: Vec<String>,
    #[serde(deserialize_with = "value::seconds")]
    idle: Duration,
    /// SHA-256 sums, one of which a plugin's file must have; empty: any.
    trusted_sha256: Vec<String>,
    /// minisign keys, one of which must have signed a plugin; empty: no signature needed.
    trusted_keys: Vec<String>,
}

impl Default for Keys {
    fn default() -> Self {
        let PluginSettings { roots, idle, trust: _ } = PluginSettings::default();
        Self { roots, idle, trusted_sha256: Vec::new(), trusted_keys: Vec::new() }
    }
}

impl Default for PluginSettings {
    fn default() -> Self {
        Self {
            roots: vec!["getinfo.users".to_owned()],
            idle: Duration::from_secs(30),
            trust: Trust::default(),
        }
    }
}

impl TryFrom<Keys> for PluginSettings {
    type Error = Error;

    fn try_from(keys: Keys) -> Result<Self, Error> {
        let Keys { roots, idle, trusted_sha256, trusted_keys } = keys;
        // Each list by itself first, so that the message names the right key.
        Trust::new(&trusted_sha256, &[])
            .map_err(|why| Error::key("plugins.trusted_sha256", why))?;
        let trust = Trust::new(&trusted_sha256, &trusted_keys)
            .map_err(|why| Error::key("plugins.trusted_keys", why))?;
        Ok(Self { roots, idle, trust })
    }
}

impl PluginSettings {
    pub(super) fn check(&self, found: &mut Vec<Error>) {
        found.extend(value::within("plugins.idle", self.idle.as_secs(), 1..=3600));
    }
}
