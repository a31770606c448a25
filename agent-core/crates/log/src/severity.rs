//! The severities of journald.

use log::Level;

/// Returns the severity number of a level (syslog(3), sd-daemon(3)), which journald takes as the
/// prefix `<N>` of a line.
pub fn severity(level: Level) -> u8 {
    match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    }
}
