//! Who asks, how they prove it, and what they may do.

#![allow(dead_code, unused_imports, reason = "the routes that use it are being written")]

mod attempts;
mod cookie;
mod password;
mod principal;
mod secret;
mod token;

pub(crate) use cookie::Secure;
pub(crate) use principal::{Authenticator, Principal};
pub(crate) use token::Token;
