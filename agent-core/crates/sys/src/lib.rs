//! placeholder
pub mod daemon;
