//! Time zones as tables: from which instant which offset applies, up to the end of 2100.
//!
//! Called by schedules, for each run. A zone's file is read once ([`Zones`]); after that a lookup
//! is a binary search.

mod database;
mod table;

pub use database::Zones;
pub use table::Zone;
