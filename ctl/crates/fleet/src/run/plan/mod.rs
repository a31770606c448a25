//! The bytes that a plan's hash covers.

mod canonical;

pub use canonical::canonical;
