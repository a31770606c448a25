//! Why a plugin was not found, not loaded, or did not answer: one line each.

use std::fmt;
use std::path::PathBuf;

use crate::{MethodName, ProviderError};

/// Anything that can go wrong between a method's name and its answer.
#[derive(Debug)]
#[non_exhaustive]
pub enum HostError {
    /// A plugin folder that is no absolute path.
    RelativeFolder(PathBuf),
    /// No folder holds a plugin for this method.
    NotFound {
        /// The method asked for.
        method: MethodName,
        /// The folders looked into.
        dirs: Vec<PathBuf>,
    },
    /// The file, or a folder above it, breaks a rule.
    Refused {
        /// The plugin's file.
        path: PathBuf,
        /// Which rule, naming what breaks it.
        why: String,
    },
    /// The dynamic linker, or abi_stable, would not have it.
    Load {
        /// The plugin's file.
        path: PathBuf,
        /// What they said, in a line.
        why: String,
    },
    /// The plugin says it answers another method than its file is named after.
    WrongMethod {
        /// The plugin's file.
        path: PathBuf,
        /// What it says it answers.
        described: String,
    },
    /// The plugin broke the interface during a call.
    BadReply {
        /// The plugin's file.
        path: PathBuf,
        /// How.
        why: String,
    },
    /// The plugin's own error.
    Provider(ProviderError),
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RelativeFolder(dir) => {
                write!(f, "plugin folder {} is not an absolute path", dir.display())
            }
            Self::NotFound { method, dirs } => match method.file_name() {
                None => write!(f, "{method}: only getinfo.* methods are answered by plugins"),
                Some(file) => {
                    write!(f, "{method}: no {file} in ")?;
                    if dirs.is_empty() {
                        return f.write_str("any folder: none is configured");
                    }
                    for (i, dir) in dirs.iter().enumerate() {
                        write!(f, "{}{}", if i == 0 { "" } else { ", " }, dir.display())?;
                    }
                    Ok(())
                }
            },
            Self::Refused { path, why } => write!(f, "plugin {} refused: {why}", path.display()),
            Self::Load { path, why } => write!(f, "plugin {} does not load: {why}", path.display()),
            Self::WrongMethod { path, described } => {
                write!(f, "plugin {} refused: it says it answers {described:?}", path.display())
            }
            Self::BadReply { path, why } => write!(f, "plugin {}: {why}", path.display()),
            Self::Provider(err) => err.fmt(f),
        }
    }
}

impl std::error::Error for HostError {}
