//! The unit files of systemd: where they stand, which drop-ins change them, and how they are
//! written (systemd.unit(5), systemd.syntax(7)).

mod folders;
mod name;
mod syntax;

pub use folders::{Link, UnitFile, Units};
pub use name::{expand, is_unit, template_of};
pub use syntax::{Assignment, assignments};
