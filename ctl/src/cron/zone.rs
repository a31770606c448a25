//! The zone of a schedule: the zone that it names itself, or `--tz`, or this machine's (rule 22 of
//! the schedule language).

use agent_cron::{Error, Zone, Zones};
use std::collections::HashMap;

/// The most zones in the cache, about 6 kB each. There are fewer names, so even a list of many
/// hosts' schedules reads each zone once.
const MAX_KEPT: usize = 1024;

/// Finds zones, and reads each once.
pub(super) struct Choice {
    zones: Zones,
    known: HashMap<Box<str>, Zone>,
    /// `--tz`.
    named: Option<String>,
    /// The zone of schedules that name none.
    default: Option<Zone>,
}

impl Choice {
    /// Creates a choice; `named` is the value of `--tz`.
    pub(super) fn new(named: Option<&str>) -> Self {
        Self {
            zones: Zones::system_or_bundled(),
            known: HashMap::new(),
            named: named.map(str::to_owned),
            default: None,
        }
    }

    /// Returns the zone `name`, or the zone of schedules that name none.
    ///
    /// # Errors
    /// [`Error::Zone`].
    pub(super) fn of(&mut self, name: Option<&str>) -> Result<Zone, Error> {
        match name {
            Some(name) => self.load(name),
            None => self.default(),
        }
    }

    fn load(&mut self, name: &str) -> Result<Zone, Error> {
        if let Some(zone) = self.known.get(name) {
            return Ok(zone.clone());
        }
        let zone = self.zones.load(name)?;
        if self.known.len() >= MAX_KEPT {
            self.known.clear();
        }
        self.known.insert(name.into(), zone.clone());
        Ok(zone)
    }

    fn default(&mut self) -> Result<Zone, Error> {
        if let Some(zone) = &self.default {
            return Ok(zone.clone());
        }
        let zone = match &self.named {
            Some(name) => self.zones.load(name)?,
            None => self.zones.local()?,
        };
        self.default = Some(zone.clone());
        Ok(zone)
    }
}
