//! Who asks, how they prove it, and what they may do.

mod attempts;
mod cookie;
mod password;
mod principal;
mod secret;
mod token;

pub(crate) use cookie::Secure;
pub(crate) use principal::{Authenticator, Principal};
pub(crate) use token::Token;
