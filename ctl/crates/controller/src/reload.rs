//! SIGHUP: reads certificates, client CA, token and roles again. Where one of them cannot be used, all of
//! them stay as they were.

use crate::agents::{self, ServerSide, Services, TlsFiles};
use crate::api::{HttpsSide, Transport};
use crate::auth::{Authenticator, FileRoles, Token};
use crate::error::Error;
use crate::identity::Ca;
use crate::schedules::Schedules;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// The longest wait for the files: they may be on a share that does not answer.
const MAX_READ: Duration = Duration::from_secs(10);

/// The operator's files, and where their content is used.
pub(crate) struct Reloader {
    pub(crate) tls_files: TlsFiles,
    pub(crate) ca: Arc<Ca>,
    pub(crate) token_file: Option<PathBuf>,
    pub(crate) roles_file: Option<PathBuf>,
    pub(crate) services: Arc<Services>,
    pub(crate) authenticator: Arc<Authenticator>,
    pub(crate) schedules: Schedules,
    pub(crate) transport: Arc<Transport>,
    /// A reading that took too long; another one waits for its end.
    pub(crate) stuck: Option<JoinHandle<Result<Reread, Error>>>,
}

/// What the files hold now.
pub(crate) struct Reread {
    side: ServerSide,
    token: Option<Token>,
    roles: Option<FileRoles>,
    https: Option<HttpsSide>,
}

impl Reloader {
    /// Reads the files and uses them.
    pub(crate) async fn reload(&mut self) {
        if self.stuck.as_ref().is_some_and(|reading| !reading.is_finished()) {
            return log::error!("SIGHUP: the files of the last one are still being read");
        }
        let (tls_files, token_file) = (self.tls_files.clone(), self.token_file.clone());
        let roles_file = self.roles_file.clone();
        let ca = Arc::clone(&self.ca);
        let transport = Arc::clone(&self.transport);
        let mut reading = tokio::task::spawn_blocking(move || {
            ca.refresh()?;
            Ok(Reread {
                side: agents::server_side(&tls_files, &ca.current())?,
                token: token_file.as_deref().map(Token::load).transpose()?,
                roles: roles_file.as_deref().map(FileRoles::load).transpose()?,
                https: transport.reread()?,
            })
        });
        match timeout(MAX_READ, &mut reading).await {
            Ok(Ok(Ok(Reread { side, token, roles, https }))) => {
                self.services.tls.replace(side);
                self.authenticator.replace(token);
                if let Some(roles) = roles {
                    self.authenticator.roles().replace_file(roles);
                }
                self.schedules.roles_changed();
                if let Some(https) = https {
                    self.transport.replace(https);
                }
                log::info!(
                    "SIGHUP: certificates, client CA, token and roles are in use as they are now"
                );
            }
            Ok(Ok(Err(error))) => {
                log::error!("SIGHUP: certificates and token stay as they were: {error}");
            }
            Ok(Err(error)) => log::error!("SIGHUP: reading the files failed: {error}"),
            Err(_) => {
                log::error!(
                    "SIGHUP: certificates and token stay as they were: their files could not be \
                     read within {} s",
                    MAX_READ.as_secs()
                );
                self.stuck = Some(reading);
            }
        }
    }
}
