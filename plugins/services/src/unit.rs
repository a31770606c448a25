//! The relevant settings of a systemd unit file (systemd.syntax(7), systemd.unit(5),
//! systemd.service(5)).

use readers::systemd::assignments;

/// The settings, with specifiers such as `%i` unreplaced.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Unit {
    pub(crate) description: Option<String>,
    pub(crate) kind: Option<String>,
    pub(crate) exec_start: Vec<String>,
    user: Option<String>,
    is_dynamic: bool,
    pub(crate) aliases: Vec<String>,
    pub(crate) default_instance: Option<String>,
    /// WantedBy=, RequiredBy= and UpheldBy=.
    pub(crate) wanted_by: Vec<String>,
    pub(crate) has_also: bool,
}

impl Unit {
    /// Applies a file over those before: first the unit's own file, then its drop-ins.
    pub(crate) fn read(&mut self, text: &str) {
        for assignment in assignments(text) {
            self.set(assignment.section, assignment.key, &assignment.value);
        }
    }

    /// Returns the user that the unit's processes run as; `None` for root. With `DynamicUser=`,
    /// systemd makes one up that has the unit's name (systemd.exec(5)).
    pub(crate) fn user(&self, name: &str) -> Option<String> {
        let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        self.user.clone().or_else(|| self.is_dynamic.then(|| stem.to_owned()))
    }

    /// Applies one setting. An empty value resets it.
    fn set(&mut self, section: &str, key: &str, value: &str) {
        let one = || Some(value.to_owned()).filter(|value| !value.is_empty());
        let list = |list: &mut Vec<String>| {
            if value.is_empty() {
                list.clear();
            }
            list.extend(value.split_ascii_whitespace().map(str::to_owned));
        };
        match (section, key) {
            ("Unit", "Description") => self.description = one(),
            ("Service", "Type") => self.kind = one(),
            ("Service", "User") => self.user = one(),
            ("Service", "DynamicUser") => self.is_dynamic = is_true(value),
            ("Service", "ExecStart") if value.is_empty() => self.exec_start.clear(),
            ("Service", "ExecStart") => self.exec_start.push(value.to_owned()),
            ("Install", "Alias") => list(&mut self.aliases),
            ("Install", "WantedBy" | "RequiredBy" | "UpheldBy") => list(&mut self.wanted_by),
            ("Install", "DefaultInstance") => self.default_instance = one(),
            ("Install", "Also") => self.has_also |= !value.is_empty(),
            _ => {}
        }
    }
}

/// Returns whether a boolean is one of systemd's words for true (systemd.syntax(7)).
fn is_true(value: &str) -> bool {
    ["1", "yes", "y", "true", "t", "on"].iter().any(|word| value.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drop_ins_override_settings() {
        let mut unit = Unit::default();
        unit.read(
            "# Comment=1\n[Unit]\nDescription = A daemon\nDescription=Its = name\n\n[Service]\nType=notify\n\
             ExecStart=/usr/bin/d --one \\\n  # between\n  --two\nUser=www-data\nWantedBy=not.here\n\
             [Install]\nWantedBy=multi-user.target graphical.target\nAlias=other.service\nAlso=x.socket\n",
        );
        assert_eq!(unit.description.as_deref(), Some("Its = name"));
        assert_eq!(unit.exec_start, ["/usr/bin/d --one --two"]);
        assert_eq!(unit.wanted_by, ["multi-user.target", "graphical.target"]);
        assert_eq!(
            (unit.aliases.as_slice(), unit.has_also),
            (&["other.service".to_owned()][..], true)
        );
        unit.read("[Service]\nExecStart=\nExecStart=/bin/e\nUser=\n[Unit]\nDescription=new\\");
        assert_eq!((unit.exec_start.clone(), unit.user("")), (vec!["/bin/e".to_owned()], None));
        assert_eq!(unit.description.as_deref(), Some("new"));
        Unit::default().read("[\n]\n=\n=x\nno value\n[Service\nExecStart=\\\n\\\n");
    }

    #[test]
    fn a_dynamic_user_has_the_units_name() {
        let mut unit = Unit::default();
        assert_eq!(unit.user("web.service"), None);
        unit.read("[Service]\nDynamicUser=Yes\n");
        assert_eq!(unit.user("web.service").as_deref(), Some("web"));
        unit.read("[Service]\nUser=www-data\n");
        assert_eq!(unit.user("web.service").as_deref(), Some("www-data"));
        unit.read("[Service]\nUser=\nDynamicUser=no\n");
        assert_eq!(unit.user("web.service"), None);
    }
}
