//! The flags of `operator` and `role`.

use super::account::{Password, days};
use super::hosts::Yes;
use crate::print::Output;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// The subcommands of `operator`.
#[derive(Debug, Subcommand)]
pub(crate) enum Operator {
    /// List the operators
    List(Output),
    /// Create an operator
    Create(OperatorCreate),
    /// Show an operator
    Show(OperatorShow),
    /// Give an operator these roles instead of the present ones
    Roles(OperatorRoles),
    /// Refuse an operator everywhere; --undo ends that
    Disable(OperatorDisable),
    /// Remove an operator and all of its tokens
    Remove(OperatorRemove),
    /// Set an operator's password
    Password(OperatorPassword),
    /// Make a link that logs an operator in to the console, once, within 10 minutes
    Link(OperatorShow),
    /// API tokens of operators: for programs, and of log-ins
    #[command(subcommand)]
    Token(ApiToken),
}

/// An operator's name.
#[derive(Debug, Args)]
pub(crate) struct OperatorName {
    /// The operator's name
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
}

/// The flags of `operator show`.
#[derive(Debug, Args)]
pub(crate) struct OperatorShow {
    #[command(flatten)]
    pub(crate) name: OperatorName,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// The flags of `operator create`.
#[derive(Debug, Args)]
pub(crate) struct OperatorCreate {
    #[command(flatten)]
    pub(crate) name: OperatorName,
    /// A role: viewer, operator, admin, or one of your own; repeatable
    #[arg(long, value_name = "ROLE", required = true)]
    pub(crate) role: Vec<String>,
    #[command(flatten)]
    pub(crate) password: Password,
    /// A program: it has no password and uses API tokens only
    #[arg(long, conflicts_with_all = ["password_file", "password_stdin"])]
    pub(crate) no_password: bool,
}

/// The flags of `operator roles`.
#[derive(Debug, Args)]
pub(crate) struct OperatorRoles {
    #[command(flatten)]
    pub(crate) name: OperatorName,
    /// The roles
    #[arg(value_name = "ROLE", required = true)]
    pub(crate) roles: Vec<String>,
}

/// The flags of `operator disable`.
#[derive(Debug, Args)]
pub(crate) struct OperatorDisable {
    #[command(flatten)]
    pub(crate) name: OperatorName,
    /// Allow the operator again
    #[arg(long)]
    pub(crate) undo: bool,
}

/// The flags of `operator remove`.
#[derive(Debug, Args)]
pub(crate) struct OperatorRemove {
    #[command(flatten)]
    pub(crate) name: OperatorName,
    #[command(flatten)]
    pub(crate) yes: Yes,
}

/// The flags of `operator password`.
#[derive(Debug, Args)]
pub(crate) struct OperatorPassword {
    #[command(flatten)]
    pub(crate) name: OperatorName,
    #[command(flatten)]
    pub(crate) password: Password,
}

/// The subcommands of `operator token`.
#[derive(Debug, Subcommand)]
pub(crate) enum ApiToken {
    /// Make an API token and print it, once
    Create(ApiTokenCreate),
    /// List an operator's API tokens
    List(OperatorShow),
    /// Revoke an API token
    Revoke(ApiTokenRevoke),
}

/// The flags of `operator token create`.
#[derive(Debug, Args)]
pub(crate) struct ApiTokenCreate {
    #[command(flatten)]
    pub(crate) operator: OperatorName,
    /// What to call the token
    #[arg(id = "label", long = "name", value_name = "TEXT", default_value = "api")]
    pub(crate) name: String,
    /// Days until it expires, 1 to 3650 [default: never]
    #[arg(long, value_name = "DAYS", value_parser = days)]
    pub(crate) days: Option<u32>,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// The flags of `operator token revoke`.
#[derive(Debug, Args)]
pub(crate) struct ApiTokenRevoke {
    #[command(flatten)]
    pub(crate) operator: OperatorName,
    /// The token's id
    #[arg(value_name = "TOKEN")]
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) yes: Yes,
}

/// The subcommands of `role`.
#[derive(Debug, Subcommand)]
pub(crate) enum Role {
    /// List the roles
    List(Output),
    /// Show what a role allows
    Show(RoleShow),
    /// Define a role by a file in JSON, as role show -o json prints it
    Set(RoleSet),
    /// Remove a role
    Remove(RoleRemove),
}

/// A role's name.
#[derive(Debug, Args)]
pub(crate) struct RoleName {
    /// The role's name
    #[arg(value_name = "ROLE")]
    pub(crate) name: String,
}

/// The flags of `role show`.
#[derive(Debug, Args)]
pub(crate) struct RoleShow {
    #[command(flatten)]
    pub(crate) name: RoleName,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// The flags of `role set`.
#[derive(Debug, Args)]
pub(crate) struct RoleSet {
    #[command(flatten)]
    pub(crate) name: RoleName,
    /// The file with the role's grants; - for standard input
    #[arg(short = 'f', long, value_name = "FILE")]
    pub(crate) file: PathBuf,
}

/// The flags of `role remove`.
#[derive(Debug, Args)]
pub(crate) struct RoleRemove {
    #[command(flatten)]
    pub(crate) name: RoleName,
    #[command(flatten)]
    pub(crate) yes: Yes,
}
