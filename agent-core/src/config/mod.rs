//! The configuration: the file, flags and environment, checked once.
//!
//! Each section is a type of its own that holds its defaults and its checks, and the module that
//! the section is for uses that type as its settings. This folder imports no other module of the
//! agent but [`crate::named_file`], which reads the file.

mod audit;
mod cron;
mod enroll;
mod error;
mod examine;
mod exec;
mod file;
mod log;
mod plugins;
mod server;
mod tasks;
mod text;
mod tls;
mod value;

pub(crate) use audit::AuditSettings;
pub(crate) use cron::CronSettings;
pub(crate) use enroll::{Anchor, EnrollSettings};
pub(crate) use error::Error;
pub(crate) use examine::Examined;
pub use exec::{DefaultGroup, ExecSettings};
pub(crate) use file::Config;
pub(crate) use log::{Level, LogSettings};
pub(crate) use plugins::PluginSettings;
pub(crate) use server::{Bootstrap, Server};
pub(crate) use tasks::TaskSettings;
pub(crate) use text::{Fault, Read, line_of_table, read as read_toml};
pub(crate) use tls::{TlsFiles, TlsSettings, TlsVersion};
