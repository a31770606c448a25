//! Which zone a schedule is in: the one it names itself, else the one asked for, else this machine's (rule 22 of the
//! language).

use agent_cron::{Error, Zone, Zones};
use std::collections::HashMap;

/// Zones kept, about 6 kB each: more than there are names, so that a list of many hosts' schedules reads each once.
const MAX_KEPT: usize = 1024;

/// Finds zones; each is read once.
pub(super) struct Choice {
    zones: Zones,
    known: HashMap<Box<str>, Zone>,
    /// `--tz`.
    named: Option<String>,
    /// What holds where nothing is named.
    default: Option<Zone>,
}

impl Choice {
    /// With `--tz`.
    pub(super) fn new(named: Option<&str>) -> Self {
        Self {
            zones: Zones::system_or_bundled(),
            known: HashMap::new(),
            named: named.map(str::to_owned),
            default: None,
        }
    }

    /// The zone that a schedule names, or the one of those that name none.
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
