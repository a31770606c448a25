//! agent-core/crates/wire
