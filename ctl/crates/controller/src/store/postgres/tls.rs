//! TLS to the database, and how a connection is made with or without it.

use super::error::Sentence;
use crate::error::Error;
use crate::pem;
use rustls::{ClientConfig, RootCertStore};
use std::path::Path;
use std::sync::Arc;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

/// Makes connections.
#[derive(Clone)]
pub(super) enum Connector {
    /// In the clear, over a Unix socket or a network that the operator trusts.
    Plain,
    /// Over TLS, to a server that proves its name.
    Tls(MakeRustlsConnect),
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Plain => "Plain",
            Self::Tls(_) => "Tls",
        })
    }
}

impl Connector {
    /// Makes a connector that accepts servers whose certificates lead to `roots`; it shows a
    /// certificate of its own if one is given.
    ///
    /// # Errors
    /// When a file cannot be read, or is no certificate or key.
    pub(super) fn tls(roots: &Path, own: Option<(&Path, &Path)>) -> Result<Self, Error> {
        let mut store = RootCertStore::empty();
        let certificates = pem::certificates(roots)?;
        for certificate in certificates {
            store.add(certificate).map_err(Error::content(roots))?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::Certificate(error.to_string()))?
            .with_root_certificates(store);
        let config = match own {
            Some((certificate, key)) => config
                .with_client_auth_cert(pem::certificates(certificate)?, pem::private_key(key)?)
                .map_err(Error::content(certificate))?,
            None => config.with_no_client_auth(),
        };
        Ok(Self::Tls(MakeRustlsConnect::new(config)))
    }

    /// Connects; the task ends with the connection.
    ///
    /// # Errors
    /// When the server cannot be reached or does not let us in.
    pub(super) async fn open(
        &self,
        config: &Config,
    ) -> Result<(Client, JoinHandle<()>), tokio_postgres::Error> {
        let ended = |ended: Result<(), tokio_postgres::Error>| {
            if let Err(error) = ended {
                log::debug!("a connection to the database ended: {}", Sentence(&error));
            }
        };
        match self {
            Self::Plain => {
                let (client, connection) = config.connect(NoTls).await?;
                Ok((client, tokio::spawn(async move { ended(connection.await) })))
            }
            Self::Tls(tls) => {
                let (client, connection) = config.connect(tls.clone()).await?;
                Ok((client, tokio::spawn(async move { ended(connection.await) })))
            }
        }
    }
}
