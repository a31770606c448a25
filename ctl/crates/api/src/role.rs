//! Roles: what operators may do.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Every role, the built-in ones first, then ordered by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RoleList {
    /// The roles.
    pub roles: Vec<Role>,
}

/// A role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Role {
    /// The name.
    pub name: String,
    /// What the role is for.
    #[serde(default)]
    pub description: String,
    /// Where the role is defined.
    pub source: RoleSource,
    /// What it allows: the sum of its grants.
    pub grants: Vec<Grant>,
}

/// Where a role is defined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RoleSource {
    /// The controller defines it; it cannot be changed.
    BuiltIn,
    /// The file of `--roles` defines it; change it there, then send SIGHUP.
    File,
    /// An operator defined it by the API.
    Api,
}

/// The definition of a role.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleDefinition {
    /// What the role is for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// What the role allows: the sum of these grants.
    pub grants: Vec<Grant>,
}

/// Actions, on some hosts, as some users, with some commands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// The actions' names, as in `hosts.read`; `hosts.*` stands for a family, `*` for all.
    #[schema(example = json!(["hosts.read", "commands.run"]))]
    pub actions: Vec<String>,
    /// The hosts, as in `env=prod`; without it, all hosts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "env=prod")]
    pub selector: Option<String>,
    /// The accounts that commands may run as; without it, any account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = json!(["deploy"]))]
    pub users: Option<Vec<String>>,
    /// Patterns of commands, in which `*` stands for plain words; without them, any command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = json!(["systemctl status *"]))]
    pub commands: Option<Vec<String>>,
}
