//! One package, of whichever manager.

use serde::Serialize;

/// One installed package.
#[derive(Serialize, Debug, Default, Clone, PartialEq, Eq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Package {
    /// `dpkg`, `rpm` or `apk`.
    pub(crate) manager: &'static str,
    /// Its name.
    pub(crate) name: String,
    /// As the manager writes it: of rpm `[EPOCH:]VERSION-RELEASE`.
    pub(crate) version: String,
    /// As the manager calls it: `amd64`, `x86_64`, `all`, `noarch`, …
    pub(crate) architecture: Option<String>,
    /// `installed`; of dpkg also `config-files`, `half-installed`, … (dpkg(1)).
    pub(crate) status: String,
    /// Bytes it takes when installed, as the package says.
    pub(crate) size_bytes: Option<u64>,
    /// When it was installed or upgraded last, in UTC, ISO 8601; null where not known (apk).
    pub(crate) installed: Option<String>,
    /// The same in seconds since 1970.
    pub(crate) installed_epoch: Option<u64>,
    /// The source package it was built from; of rpm that package's file name.
    pub(crate) source: Option<String>,
    /// Who maintains it; of rpm its vendor.
    pub(crate) maintainer: Option<String>,
    /// One line of description.
    pub(crate) summary: Option<String>,
}
