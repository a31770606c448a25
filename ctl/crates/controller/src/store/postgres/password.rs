//! The password: from a file, the environment, or libpq's file of passwords. It is never logged.

use crate::error::Error;
use crate::files::{self, Access};
use std::path::{Path, PathBuf};
use tokio_postgres::Config;
use tokio_postgres::config::Host;

/// Finds the password: in `file`, in PGPASSWORD, or in the file that PGPASSFILE names (~/.pgpass).
///
/// # Errors
/// When a file that was named cannot be read, or others can read it.
pub(super) fn find(config: &Config, file: Option<&Path>) -> Result<Option<String>, Error> {
    if let Some(file) = file {
        let text = private(file)?;
        let password = text.trim_end_matches(['\n', '\r']);
        if password.is_empty() {
            let why = "no password in this file".to_owned();
            return Err(Error::Content { path: file.to_owned(), why });
        }
        return Ok(Some(password.to_owned()));
    }
    if let Some(password) =
        std::env::var_os("PGPASSWORD").and_then(|value| value.into_string().ok())
    {
        return Ok(Some(password));
    }
    let named = std::env::var_os("PGPASSFILE").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".pgpass"));
    let Some(path) = named.or_else(home).filter(|path| path.exists()) else { return Ok(None) };
    Ok(line_for(config, &private(&path)?))
}

fn private(path: &Path) -> Result<String, Error> {
    String::from_utf8(files::read(path, Access::Private)?).map_err(Error::content(path))
}

/// Returns the password of the first line that fits: `host:port:database:user:password`, where `*`
/// fits everything and a backslash precedes a colon or backslash that is meant.
fn line_for(config: &Config, text: &str) -> Option<String> {
    let host = match config.get_hosts().first() {
        Some(Host::Tcp(name)) => name.clone(),
        Some(Host::Unix(_)) | None => "localhost".to_owned(),
    };
    let port = config.get_ports().first().copied().unwrap_or(5432).to_string();
    let user = config.get_user().unwrap_or_default();
    let database = config.get_dbname().unwrap_or(user);
    let wanted = [host.as_str(), &port, database, user];
    text.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
        let mut fields = fields(line);
        let password = (fields.len() == 5).then(|| fields.pop()).flatten()?;
        let fits = |(field, wanted): (&String, &&str)| field == "*" || field == wanted;
        fields.iter().zip(&wanted).all(fits).then_some(password)
    })
}

/// Splits a line at its colons; what follows the fourth one is the last field.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        let place = fields.len() - 1;
        match character {
            '\\' => fields[place].extend(characters.next()),
            ':' if fields.len() < 5 => fields.push(String::new()),
            other => fields[place].push(other),
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_fits_gives_the_password() {
        let config: Config = "postgres://ba@db.example:5433/fleet".parse().unwrap();
        let found = |text: &str| line_for(&config, text);
        assert_eq!(found("# db.example:5433:fleet:ba:no\n*:*:*:other:no\n"), None);
        assert_eq!(found("db.example:5432:fleet:ba:no\n*:5433:fleet:*:a\\:b:c").unwrap(), "a:b:c");
        assert_eq!(found("db.example:5433:fleet:ba"), None);
        assert_eq!(found("db.example:*:*:ba:first\n*:*:*:*:second").unwrap(), "first");
    }
}
