use super::*;

fn parse(text: &str) -> Result<Config, String> {
    let config: Config = toml::from_str(text).map_err(|error| error.to_string())?;
    config.check().map_err(|error| error.to_string())?;
    Ok(config)
}

#[test]
fn an_empty_file_is_the_default() {
    assert_eq!(parse("").unwrap(), Config::default());
}

#[test]
fn the_shipped_example_is_valid_and_says_the_defaults() {
    let shipped = include_str!("../../../../examples/config/agent.toml");
    assert_eq!(parse(shipped).unwrap(), Config::default());
}

#[test]
fn servers_are_names_or_addresses_one_or_many() {
    let config = parse("server = ['a.example', 'b.example:81', '10.0.0.1', '[fd00::1]:82']").unwrap();
    let names: Vec<String> = config.servers().iter().map(Server::name).collect();
    assert_eq!(names, ["a.example", "b.example", "10.0.0.1", "fd00::1"]);
    assert_eq!(parse("server = 'a.example'").unwrap().servers().len(), 1);
}

#[test]
fn the_audit_log_is_in_the_state_directory_or_where_it_is_said_or_nowhere() {
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
fn what_is_wrong_is_named() {
    let table = [
        ("sever = 'x'", "line 1"),
        ("[exec]\nshel = '/bin/sh'", "line 2"),
        ("port = 0", "port"),
        ("port = 70000", "line 1"),
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
