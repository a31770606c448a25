//! The roles that exist: the built-in ones, those of the file of `--roles`, and those that
//! operators made by the API.

use crate::error::Error;
use crate::files::{self, Access};
use crate::store::{Store, StoreError};
use controller_api::RoleSource;
use fleet::Role;
use parking_lot::RwLock;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// The roles by name.
#[derive(Debug)]
pub(crate) struct Roles {
    built_in: BTreeMap<String, Arc<Role>>,
    file: RwLock<BTreeMap<String, Arc<Role>>>,
    stored: RwLock<BTreeMap<String, Arc<Role>>>,
    /// Held by the one reading of the database: a slower one must not replace a newer one.
    refreshing: tokio::sync::Mutex<()>,
}

/// A role and where it is defined.
#[derive(Clone, Debug)]
pub(crate) struct Defined {
    /// The role.
    pub(crate) role: Arc<Role>,
    /// Where it is defined.
    pub(crate) source: RoleSource,
}

/// The roles of a file.
#[derive(Debug, Default)]
pub(crate) struct FileRoles(BTreeMap<String, Arc<Role>>);

/// The form of the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RolesFile {
    #[serde(default)]
    roles: Vec<Role>,
}

impl FileRoles {
    /// Reads the roles of a file.
    ///
    /// # Errors
    /// When the file cannot be read or trusted, or a role in it is wrong.
    pub(crate) fn load(path: &Path) -> Result<Self, Error> {
        let bytes = files::read(path, Access::Public)?;
        let text = std::str::from_utf8(&bytes).map_err(Error::content(path))?;
        Self::parse(text).map_err(Error::content(path))
    }

    /// Reads the roles in a file's text.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let file: RolesFile = toml::from_str(text).map_err(|error| error.to_string())?;
        let mut roles = BTreeMap::new();
        for role in file.roles {
            role.check().map_err(|error| format!("role {:?}: {error}", role.name))?;
            let name = role.name.clone();
            if roles.insert(name.clone(), Arc::new(role)).is_some() {
                return Err(format!("the role {name:?} stands there twice"));
            }
        }
        Ok(Self(roles))
    }
}

impl Roles {
    /// Takes the roles of the file; those of the database follow by [`Roles::refresh`].
    pub(crate) fn new(file: FileRoles) -> Self {
        let built_in = Role::BUILT_IN.into_iter().filter_map(Role::built_in);
        Self {
            built_in: built_in.map(|role| (role.name.clone(), Arc::new(role))).collect(),
            file: RwLock::new(file.0),
            stored: RwLock::default(),
            refreshing: tokio::sync::Mutex::default(),
        }
    }

    /// Replaces the roles of the file.
    pub(crate) fn replace_file(&self, file: FileRoles) {
        *self.file.write() = file.0;
    }

    /// Reads the database's roles again: after each change of them.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(crate) async fn refresh(&self, store: &dyn Store) -> Result<(), StoreError> {
        let _one = self.refreshing.lock().await;
        let mut roles = BTreeMap::new();
        for row in store.roles().await? {
            match serde_json::from_str::<Role>(&row.document) {
                Ok(role) => {
                    roles.insert(row.name, Arc::new(role));
                }
                // A later version may have stored it. What cannot be read allows nothing.
                Err(error) => log::error!("the stored role {:?} allows nothing: {error}", row.name),
            }
        }
        *self.stored.write() = roles;
        Ok(())
    }

    /// Returns a role. A built-in one wins over one of the file, and that over a stored one.
    pub(crate) fn find(&self, name: &str) -> Option<Defined> {
        let of = |source| move |role: &Arc<Role>| Defined { role: Arc::clone(role), source };
        self.built_in
            .get(name)
            .map(of(RoleSource::BuiltIn))
            .or_else(|| self.file.read().get(name).map(of(RoleSource::File)))
            .or_else(|| self.stored.read().get(name).map(of(RoleSource::Api)))
    }

    /// Returns every role, the built-in ones first, then ordered by name.
    pub(crate) fn all(&self) -> Vec<Defined> {
        let built_in = Role::BUILT_IN.into_iter().map(str::to_owned);
        let mut own: Vec<String> = self.file.read().keys().cloned().collect();
        own.extend(self.stored.read().keys().cloned());
        own.sort_unstable();
        own.dedup();
        own.retain(|name| !self.built_in.contains_key(name));
        built_in.chain(own).filter_map(|name| self.find(&name)).collect()
    }

    /// Returns the roles with these names; a name without a role allows nothing.
    pub(super) fn resolve(&self, names: &[String]) -> Vec<Arc<Role>> {
        names.iter().filter_map(|name| self.find(name)).map(|defined| defined.role).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fleet::Action;

    const FILE: &str = r#"
        [[roles]]
        name = "web-team"
        description = "the web servers"
        grants = [
            { actions = ["hosts.read", "facts.read"], selector = "role=web" },
            { actions = ["commands.run"], selector = "role=web", users = ["www"], commands = ["systemctl restart *"] },
        ]
    "#;

    #[test]
    fn the_roles_of_a_file_stand_beside_the_built_in_ones() {
        let roles = Roles::new(FileRoles::parse(FILE).unwrap());
        let names: Vec<_> =
            roles.all().into_iter().map(|d| (d.role.name.clone(), d.source)).collect();
        let wanted = [
            ("viewer", RoleSource::BuiltIn),
            ("operator", RoleSource::BuiltIn),
            ("admin", RoleSource::BuiltIn),
            ("web-team", RoleSource::File),
        ];
        assert_eq!(names, wanted.map(|(name, source)| (name.to_owned(), source)));
        assert!(
            roles.find("web-team").unwrap().role.grants[1].actions.contains(Action::CommandsRun)
        );
        roles.replace_file(FileRoles::parse("").unwrap());
        assert!(roles.find("web-team").is_none());
        assert!(roles.resolve(&["web-team".to_owned()]).is_empty());
    }

    #[test]
    fn a_wrong_role_is_named() {
        for (text, named) in [
            ("[[roles]]\nname = \"admin\"\ngrants = [{actions = [\"*\"]}]", "built in"),
            (
                "[[roles]]\nname = \"a\"\ngrants = [{actions = [\"fly\"]}]",
                "\"fly\" is not an action",
            ),
            ("[[roles]]\nname = \"a\"\ngrants = []", "1 to"),
            ("[[roles]]\nname = \"a\"\nnonsense = 1\ngrants = []", "nonsense"),
            ("[[role]]\n", "role"),
            (&format!("{FILE}{FILE}"), "twice"),
        ] {
            let error = FileRoles::parse(text).unwrap_err();
            assert!(error.contains(named), "{error}");
        }
    }
}
