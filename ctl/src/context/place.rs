//! Where `login` logs in: the address, its CA, and the name of the context.

use super::chosen_name;
use super::entry::{Context, Entry};
use super::file::Contexts;
use crate::cli::Login;
use crate::client::{Address, Ca};
use crate::error::Error;

/// A place to log in to.
pub(super) struct Place {
    /// The context's name.
    pub(super) name: String,
    pub(super) address: Address,
    pub(super) ca: Ca,
    /// The operator who logged in before.
    pub(super) operator: Option<String>,
}

impl Place {
    /// Finds the place that the flags mean. Without a URL it is that of a context.
    ///
    /// # Errors
    /// [`Error::Usage`] for a wrong URL, or without a URL and context.
    pub(super) fn new(contexts: &Contexts, login: &Login) -> Result<Self, Error> {
        let (name, address, before) = match &login.url {
            Some(url) => {
                let address = Address::parse(url, "login")?;
                let name = login.context.clone().unwrap_or_else(|| name_for(contexts, &address));
                // The CA of another address says nothing about this one.
                let before = contexts.contexts.get(&name).filter(|at| at.url == address.base);
                (name, address, before.cloned())
            }
            None => {
                let name = chosen_name(contexts, login.context.as_deref()).ok_or_else(|| {
                    Error::usage("there is no context yet: use BasicAgentCtl login URL")
                })?;
                let Context { name, entry } = contexts.find(&name)?;
                (name, Address::parse(&entry.url, "the context's URL")?, Some(entry))
            }
        };
        let Entry { ca: kept, operator, .. } = before.unwrap_or_default();
        let ca = match (&login.ca, kept) {
            (Some(ca), _) => ca.clone(),
            (None, Some(pem)) => Ca::Pem(pem),
            (None, None) => Ca::System,
        };
        Ok(Self { name, address, ca, operator })
    }
}

/// Returns the name of the context of this address; for a new one the host, with the port where
/// that is the name of another controller's.
fn name_for(contexts: &Contexts, address: &Address) -> String {
    let known = contexts.contexts.iter().find(|(_, entry)| entry.url == address.base);
    match known {
        Some((name, _)) => name.clone(),
        None if contexts.contexts.contains_key(&address.host) => {
            format!("{}:{}", address.host, address.port)
        }
        None => address.host.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_has_a_context_of_its_own() {
        let mut contexts = Contexts::default();
        let mut add = |name: &str, url: &str| {
            let entry = Entry { url: url.to_owned(), ..Entry::default() };
            contexts.contexts.insert(name.to_owned(), entry);
        };
        add("c.example", "https://c.example:7480");
        add("prod", "https://p.example");
        for (url, wanted) in [
            ("https://c.example:7480/", "c.example"),
            ("https://c.example:9999", "c.example:9999"),
            ("https://p.example", "prod"),
            ("https://new.example", "new.example"),
            ("https://[::1]:7480", "::1"),
        ] {
            let address = Address::parse(url, "").unwrap();
            assert_eq!(name_for(&contexts, &address), wanted, "{url}");
        }
    }
}
