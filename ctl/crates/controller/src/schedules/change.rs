//! What is checked of a schedule beside its form.

use agent_cron::Zones;
use fleet::schedule::Definition;
use std::sync::OnceLock;

/// The zones, each read once.
static ZONES: OnceLock<Zones> = OnceLock::new();

/// Returns the zones of this machine, or of the program where it has none.
pub(super) fn zones() -> &'static Zones {
    ZONES.get_or_init(Zones::system_or_bundled)
}

/// Returns why a schedule's time zone is wrong, if it names one. Reads files.
pub(crate) fn zone_problem(definition: &Definition) -> Option<String> {
    let name = definition.zone_name()?;
    zones().load(name).err().map(|error| error.to_string())
}
