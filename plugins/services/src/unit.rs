//! The relevant settings of a systemd unit file (systemd.syntax(7), systemd.unit(5),
//! systemd.service(5)).

/// The settings, with specifiers such as `%i` unreplaced.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Unit {
    pub(crate) description: Option<String>,
    pub(crate) kind: Option<String>,
    pub(crate) exec_start: Vec<String>,
    pub(crate) user: Option<String>,
    pub(crate) aliases: Vec<String>,
    pub(crate) default_instance: Option<String>,
    /// WantedBy=, RequiredBy= and UpheldBy=.
    pub(crate) wanted_by: Vec<String>,
    pub(crate) has_also: bool,
}

impl Unit {
    /// Applies a file over those before: first the unit's own file, then its drop-ins.
    pub(crate) fn read(&mut self, text: &str) {
        let mut section = "";
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            let line = line.trim();
            if line.is_empty() || line.starts_with(['#', ';']) {
                continue;
            }
            if let Some(name) = line.strip_prefix('[') {
                section = name.trim_end_matches(']');
                continue;
            }
            let Some((key, first)) = line.split_once('=') else { continue };
            let mut value = first.trim().to_owned();
            // A backslash at the end joins the next line; comments in between are skipped.
            while let Some(open) = value.strip_suffix('\\') {
                value = open.trim_end().to_owned() + " ";
                match lines.by_ref().map(str::trim).find(|line| !line.starts_with(['#', ';'])) {
                    Some(next) => value += next,
                    None => break,
                }
            }
            self.set(section, key.trim_end(), value.trim());
        }
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

/// Returns `getty@.service` for `getty@tty1.service`; `None` if the name is not an instance.
pub(crate) fn template_of(name: &str) -> Option<String> {
    let (prefix, rest) = name.split_once('@')?;
    let (instance, suffix) = rest.rsplit_once('.')?;
    (!instance.is_empty()).then(|| format!("{prefix}@.{suffix}"))
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
        assert_eq!((unit.exec_start, unit.user), (vec!["/bin/e".to_owned()], None));
        assert_eq!(unit.description.as_deref(), Some("new"));
        Unit::default().read("[\n]\n=\n=x\nno value\n[Service\nExecStart=\\\n\\\n");
    }

    #[test]
    fn instances_have_templates() {
        assert_eq!(template_of("getty@tty1.service").as_deref(), Some("getty@.service"));
        assert_eq!(template_of("a@b.c.timer").as_deref(), Some("a@.timer"));
        for none in ["getty@.service", "ssh.service", "a@b"] {
            assert_eq!(template_of(none), None);
        }
    }
}
