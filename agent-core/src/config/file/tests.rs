use super::*;
use std::collections::BTreeSet;

fn parse(text: &str) -> Result<Config, String> {
    let config: Config = toml::from_str(text).map_err(|error| error.to_string())?;
    match config.check().first() {
        Some(error) => Err(error.to_string()),
        None => Ok(config),
    }
}

#[test]
fn an_empty_file_gives_the_defaults() {
    assert_eq!(parse("").unwrap(), Config::default());
}

const EXAMPLE: &str = include_str!("../../../../examples/config/agent.toml");

#[test]
fn the_example_states_the_defaults() {
    assert_eq!(parse(EXAMPLE).unwrap(), Config::default());
}

#[test]
fn the_example_documents_every_key() {
    // A key without a default is commented out.
    let uncommented: Vec<&str> = EXAMPLE
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(key) if key.split_once(" = ").is_some_and(|(key, _)| !key.contains(' ')) => key,
            _ => line,
        })
        .collect();
    let documented: toml::Table = uncommented.join("\n").parse().unwrap();
    assert_eq!(documented.keys().cloned().collect::<BTreeSet<_>>(), accepted_keys(""));
    for (section, keys) in
        documented.iter().filter_map(|(key, value)| Some((key, value.as_table()?)))
    {
        let documented: BTreeSet<String> = keys.keys().cloned().collect();
        assert_eq!(documented, accepted_keys(&format!("[{section}]\n")), "[{section}]");
    }
}

/// Returns the keys that the parser lists when it rejects an unknown one.
fn accepted_keys(section: &str) -> BTreeSet<String> {
    let error = parse(&format!("{section}unknown-key = 1")).unwrap_err();
    let (_, list) = error.split_once(", expected ").unwrap();
    list.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn server_takes_one_or_many_names_or_addresses() {
    let config =
        parse("server = ['a.example', 'b.example:81', '10.0.0.1', '[fd00::1]:82']").unwrap();
    let names: Vec<String> = config.servers().iter().map(Server::name).collect();
    assert_eq!(names, ["a.example", "b.example", "10.0.0.1", "fd00::1"]);
    assert_eq!(parse("server = 'a.example'").unwrap().servers().len(), 1);
}

#[test]
fn the_audit_log_is_in_the_state_directory_or_at_its_path_or_off() {
    let table = [
        ("", Some("/var/lib/basicagent/audit.log")),
        ("state_dir = '/s'\n", Some("/s/audit.log")),
        ("[audit]\nfile = '/var/log/audit'", Some("/var/log/audit")),
        ("[audit]\nfile = 'none'", None),
    ];
    for (text, file) in table {
        assert_eq!(parse(text).unwrap().audit_file().as_deref(), file.map(Path::new), "{text}");
    }
}

#[test]
fn errors_name_the_line_or_the_key() {
    let table = [
        ("sever = 'x'", "line 1"),
        ("[exec]\nshel = '/bin/sh'", "line 2"),
        ("port = 0", "port"),
        ("port = 70000", "port must be from 1 to 65535"),
        ("port = -1", "line 1"),
        ("server = []", "server"),
        ("server = 'a b'", "server"),
        ("bootstrap = 'maybe'", "bootstrap"),
        ("host_id = 'a/b'", "host_id"),
        ("state_dir = 'var'", "state_dir"),
        ("plugin_dirs = ['lib']", "plugin_dirs"),
        ("policy = 'policy.toml'", "policy"),
        ("policy = ''", "policy"),
        ("[audit]\nfile = 'audit.log'", "audit.file"),
        ("[audit]\nmax_bytes = 1", "audit.max_bytes"),
        ("[audit]\nkeep = 101", "audit.keep"),
        ("[tasks]\nkeep_days = 0", "tasks.keep_days"),
        ("[tasks]\nmax_bytes = 4096", "tasks.max_bytes"),
        ("[tasks]\nmax_running = 0", "tasks.max_running"),
        ("[tasks]\nmax_kept = 10000000", "tasks.max_kept"),
        ("[exec]\nmax_running = 0", "exec.max_running"),
        ("[log]\nlevel = 'loud'", "log.level"),
        ("[tls]\nserver_name = 'a b'", "tls.server_name"),
        ("[plugins]\ntrusted_sha256 = ['00']", "plugins.trusted_sha256"),
        ("[plugins]\ntrusted_keys = ['RWQ']", "plugins.trusted_keys"),
    ];
    for (text, word) in table {
        let error = parse(text).unwrap_err();
        assert!(error.contains(word), "{text}: {error}");
    }
}
