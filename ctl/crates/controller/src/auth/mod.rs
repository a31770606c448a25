//! Who may use the API.

mod token;

pub(crate) use token::Token;
