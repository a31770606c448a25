//! Who asks, and how they prove it. Today one API token stands for every operator.

mod principal;
mod token;

pub(crate) use principal::{Authenticator, Principal};
pub(crate) use token::Token;
