//! The errors of finding, checking, loading and calling a plugin; each prints as one line.

use std::fmt;
use std::path::PathBuf;

use crate::{MethodName, ProviderError};

/// Anything that can go wrong between a method's name and its answer.
#[derive(Debug)]
#[non_exhaustive]
pub enum HostError {
    /// The path of a plugin folder is not absolute.
    RelativeFolder(PathBuf),
    /// No folder holds a plugin for this method.
    NotFound {
        /// The requested method.
        method: MethodName,
        /// The folders that were searched.
        dirs: Vec<PathBuf>,
    },
    /// The file, or a folder above it, breaks a rule.
    Refused {
        /// The plugin's file.
        path: PathBuf,
        /// The rule, and the file or folder that breaks it.
        why: String,
    },
    /// The dynamic linker or abi_stable rejected the file.
    Load {
        /// The plugin's file.
        path: PathBuf,
        /// Their message, in one line.
        why: String,
    },
    /// The plugin's description names another method than its file name.
    WrongMethod {
        /// The plugin's file.
        path: PathBuf,
        /// The method that the description names.
        described: String,
    },
    /// The plugin broke the interface during a call.
    BadReply {
        /// The plugin's file.
        path: PathBuf,
        /// The fault.
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
                None => write!(f, "{method}: plugins provide getinfo.* methods only"),
                Some(file) => {
                    write!(f, "{method}: no {file} in ")?;
                    if dirs.is_empty() {
                        return f.write_str("any folder: no plugin folder is configured");
                    }
                    for (i, dir) in dirs.iter().enumerate() {
                        write!(f, "{}{}", if i == 0 { "" } else { ", " }, dir.display())?;
                    }
                    Ok(())
                }
            },
            Self::Refused { path, why } => write!(f, "plugin {} refused: {why}", path.display()),
            Self::Load { path, why } => {
                write!(f, "plugin {} cannot be loaded: {why}", path.display())
            }
            Self::WrongMethod { path, described } => {
                write!(f, "plugin {} refused: it describes itself as {described:?}", path.display())
            }
            Self::BadReply { path, why } => write!(f, "plugin {}: {why}", path.display()),
            Self::Provider(err) => err.fmt(f),
        }
    }
}

impl std::error::Error for HostError {}
