//! `--dev DIR`: everything that a trial needs, created on first use and reused later.
//!
//! | file | content: certificates, keys and configs |
//! |---|---|
//! | `ca.pem`, `ca.key` | the CA |
//! | `server.pem`, `server.key` | for config.cargo.com, localhost and 127.0.0.1 |
//! | `agent.pem`, `agent.key`, `agent.toml` | one agent, with a random host id |
//! | `agents/ID.pem`, `.key`, `.toml` | the same for each `--dev-host ID` |
//! | `token` | the API token |

mod agent_config;
mod pki;
mod trial;

pub(crate) use trial::Dev;
