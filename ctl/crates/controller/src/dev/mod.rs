//! `--dev DIR`: everything a trial needs, made on the spot and used again the next time.
//!
//! | file | what |
//! |---|---|
//! | `ca.pem`, `ca.key` | the CA |
//! | `server.pem`, `server.key` | the controller's, for config.cargo.com, localhost and 127.0.0.1 |
//! | `agent.pem`, `agent.key`, `agent.toml` | one agent's, under a host id made at random |
//! | `agents/ID.pem`, `.key`, `.toml` | each `--dev-host ID`'s |
//! | `token` | the API's |

mod agent_config;
mod pki;
mod trial;

pub(crate) use trial::Dev;
