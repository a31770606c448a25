//! Who asks, how they prove it, and what they may do.
//!
//! An [`Authenticator`] makes a [`Principal`] of what a request brings: the token of `--token-file`,
//! an API token, or a session's cookie. The principal knows its [`Roles`]; the rules of the crate
//! `fleet` judge by them. `password`, `secret` and `cookie` are what people and programs present;
//! only digests of these are stored. `attempts` bounds wrong passwords and links. `known` keeps an
//! authentication until the end of its request.

mod absent;
mod attempts;
mod authenticator;
mod cookie;
mod held_roles;
mod known;
mod password;
mod principal;
mod roles;
mod secret;
mod token;

pub(crate) use attempts::{Attempts, PAUSE as LOGIN_PAUSE};
pub(crate) use authenticator::{Authenticator, Credentials, Unknown};
pub(crate) use cookie::{Secure, end as end_cookie, start as start_cookie};
pub(crate) use held_roles::HeldRoles;
pub(crate) use known::Known;
pub(crate) use password::{Password, PasswordError, Passwords};
pub(crate) use principal::{Credential, Principal, TOKEN_FILE};
pub(crate) use roles::{Defined, FileRoles, Roles};
pub(crate) use secret::{NoRandomness, Secret, csrf_token, secret_digest};
pub(crate) use token::Token;
