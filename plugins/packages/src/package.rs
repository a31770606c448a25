//! One package of any manager.

use serde::Serialize;

/// One installed package.
#[derive(Serialize, Debug, Default, Clone, PartialEq, Eq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Package {
    /// `dpkg`, `rpm` or `apk`.
    pub(crate) manager: &'static str,
    /// The package's name.
    pub(crate) name: String,
    /// Its version as the manager writes it; of rpm `[EPOCH:]VERSION-RELEASE`.
    pub(crate) version: String,
    /// Its architecture as the manager names it: `amd64`, `x86_64`, `all`, `noarch`, …
    pub(crate) architecture: Option<String>,
    /// Its state: `installed`; of dpkg also `config-files`, `half-installed`, … (dpkg(1)).
    pub(crate) status: String,
    /// Bytes that it takes when installed, as the package states.
    pub(crate) size_bytes: Option<u64>,
    /// When it was last installed or upgraded, in UTC, ISO 8601; null where unknown (apk).
    pub(crate) installed: Option<String>,
    /// When it was last installed or upgraded, in seconds since 1970.
    pub(crate) installed_epoch: Option<u64>,
    /// The source package it was built from; of rpm the file name of that package.
    pub(crate) source: Option<String>,
    /// Its maintainer; of rpm its vendor.
    pub(crate) maintainer: Option<String>,
    /// A description in one line.
    pub(crate) summary: Option<String>,
}
