//! Readers that several `getinfo` plugins use: files, folders, kernel tables, netlink dumps and the
//! small formats in them.
//!
//! Everything here is bounded: a reader takes its bound as an argument or names it as a constant,
//! and treats its input as hostile. Nothing here runs a program, keeps state or logs. A reader
//! that returns an [`Option`] returns `None` where the kernel or the host has no such value.

pub mod cpu_list;
pub mod decimal;
pub mod escape;
pub mod file;
pub mod folder;
pub mod hex;
pub mod integer;
pub mod ip;
pub mod mountinfo;
pub mod netlink;
pub mod patience;
pub mod process;
pub mod regular;
pub mod root;
pub mod systemd;
pub mod text;
pub mod utc;
