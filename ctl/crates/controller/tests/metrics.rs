//! `/metrics`: what it counts, that Prometheus can read it, and the example that uses it.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

mod support;

use serde_json::json;
use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::{Controller, http};
use test_support::{Scratch, wait_until};

/// Returns the value of the sample with this name and these labels; `None` if there is none.
fn sample(text: &str, name: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
}

#[test]
fn what_happens_is_counted() {
    let controller = Controller::start(&[]);
    let before = controller.metrics();
    let accepted = "basicagent_handshakes_total{outcome=\"accepted\"}";
    assert_eq!(sample(&before, accepted), Some(0.0), "{before}");
    let mut agent = controller.agent("host-1");
    controller.wait_for_hosts(&["host-1"]);
    agent.send(
        &json!({"method": "async.result", "id": "t", "resp": "success", "retcode": 0}).to_string(),
    );
    assert_eq!(agent.receive().unwrap()["id"], "t");
    assert_eq!(controller.get("/hosts/nobody").0, 404);
    assert_eq!(controller.get("/hosts/host-1/results").0, 200);
    let anybody = http().get(format!("{}/hosts", controller.api)).call().unwrap();
    assert_eq!(anybody.status(), 401);
    for token in ["Bearer wrong-wrong-wrong", "Bearer bap_0123456789abcdef"] {
        let url = format!("{}/hosts", controller.api);
        assert_eq!(http().get(url).header("Authorization", token).call().unwrap().status(), 401);
    }
    let login = json!({"name": "nobody", "password": "a guess of mine"}).to_string();
    let login = http().post(format!("{}/login", controller.api)).send(login).unwrap();
    assert_eq!(login.status(), 401);
    // A hello that is none.
    let mut stranger = support::connect(controller.agents);
    stranger.send("\u{16}\u{3}\u{1}nonsense nonsense nonsense");

    let text = wait_for(&controller, "basicagent_handshakes_total{outcome=\"rejected_tls\"}", 1.0);
    for (name, value) in [
        (accepted, 1.0),
        ("basicagent_connected_hosts{state=\"active\"}", 1.0),
        ("basicagent_connected_hosts{state=\"quarantined\"}", 0.0),
        ("basicagent_results_acknowledged_total", 1.0),
        ("basicagent_api_requests_total{operation=\"hosts_show\",status=\"4xx\"}", 1.0),
        ("basicagent_login_failures_total{reason=\"token\"}", 3.0),
        ("basicagent_login_failures_total{reason=\"password\"}", 1.0),
        ("basicagent_hosts{state=\"active\"}", 1.0),
        ("basicagent_enrollments_total{outcome=\"enrolled\"}", 0.0),
        ("basicagent_ready", 1.0),
        ("basicagent_store_queue_bytes", 0.0),
        ("basicagent_certificates_ending{within=\"1d\"}", 0.0),
        ("basicagent_hosts{state=\"quarantined\"}", 0.0),
    ] {
        assert_eq!(sample(&text, name), Some(value), "{name} in\n{text}");
    }
    for name in [
        "basicagent_store_read_seconds_count",
        "basicagent_store_commit_seconds_count",
        "basicagent_ca_certificate_end_seconds{certificate=\"root\"}",
        "basicagent_ca_certificate_end_seconds{certificate=\"issuing\"}",
        "basicagent_api_request_seconds_count{operation=\"hosts_show\"}",
        "basicagent_audit_lines_total",
        "process_resident_memory_bytes",
        "process_open_fds",
        "process_start_time_seconds",
        "process_cpu_seconds_total",
    ] {
        assert!(sample(&text, name).is_some_and(|value| value > 0.0), "{name} in\n{text}");
    }
    wait_for(&controller, "basicagent_opening_connections", 0.0);
    drop(agent);
    wait_for(&controller, "basicagent_connected_hosts{state=\"active\"}", 0.0);
}

#[test]
fn no_series_is_about_one_host() {
    let controller = Controller::start(&[]);
    let agents = ["host-1", "host-2"].map(|host| controller.agent(host));
    controller.wait_for_hosts(&["host-1", "host-2"]);
    let text = controller.metrics();
    assert!(!text.contains("host-1") && !text.contains("host-2"), "{text}");
    drop(agents);
}

#[test]
fn prometheus_reads_the_text() {
    let Some(promtool) = promtool() else { return };
    let controller = Controller::start(&[]);
    let _agent = controller.agent("host-1");
    controller.wait_for_hosts(&["host-1"]);
    let scratch = Scratch::new("metrics");
    // The strict parser of Prometheus' own scrapes; here it wants a time in each sample.
    let mut text = String::new();
    for line in controller.metrics().lines() {
        let time = if line.starts_with('#') { "" } else { " 1700000000" };
        text.push_str(&format!("{line}{time}\n"));
    }
    let file = scratch.write("metrics.txt", &text);
    let out = scratch.file("blocks");
    let arguments =
        ["tsdb", "create-blocks-from", "openmetrics", path(&file), path(&out)].map(str::to_owned);
    run(&promtool, scratch.path(), &arguments);
}

#[test]
fn the_example_for_prometheus_is_valid() {
    let Some(promtool) = promtool() else { return };
    let controller = Controller::start(&[]);
    let scratch = Scratch::new("prometheus-example");
    for name in ["prometheus.yml", "alerts.yml", "alerts_test.yml"] {
        std::fs::copy(example().join(name), scratch.file(name)).unwrap();
    }
    let token = scratch.write("basicagent.token", &controller.token);
    std::fs::set_permissions(token, PermissionsExt::from_mode(0o600)).unwrap();
    std::fs::copy(controller.dir.join("ca.pem"), scratch.file("basicagent-ca.pem")).unwrap();
    for arguments in [
        ["check", "config", "prometheus.yml"],
        ["check", "rules", "alerts.yml"],
        ["test", "rules", "alerts_test.yml"],
    ] {
        run(&promtool, scratch.path(), &arguments.map(str::to_owned));
    }
}

#[test]
fn the_example_alerts_use_metrics_that_there_are() {
    let controller = Controller::start(&[]);
    let text = controller.metrics();
    let described: BTreeSet<_> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let alerts = std::fs::read_to_string(example().join("alerts.yml")).unwrap();
    let words = alerts.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'));
    let used: BTreeSet<_> = words
        .filter(|word| word.starts_with("basicagent_") || word.starts_with("process_"))
        .map(|word| word.trim_end_matches("_total").trim_end_matches("_bucket"))
        .collect();
    let unknown: Vec<_> = used.difference(&described).collect();
    assert!(used.len() > 5 && unknown.is_empty(), "unknown {unknown:?}; there are {described:?}");
}

/// Waits for a sample to have this value; returns the whole text.
fn wait_for(controller: &Controller, name: &str, value: f64) -> String {
    let mut text = String::new();
    wait_until(name, || {
        text = controller.metrics();
        sample(&text, name) == Some(value)
    });
    text
}

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../examples/prometheus")
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Returns the program promtool, which `make test-deps` fetches.
fn promtool() -> Option<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../target/tools");
    let others = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = std::iter::once(own).chain(std::env::split_paths(&others));
    let found = folders.find_map(|folder| folder.join("promtool").canonicalize().ok());
    if found.is_none() {
        eprintln!("SKIPPED (needs promtool: make test-deps): Prometheus' view of the metrics");
    }
    found
}

#[expect(clippy::disallowed_methods, reason = "the test runs Prometheus' own checker")]
fn run(program: &Path, folder: &Path, arguments: &[String]) {
    let output = Command::new(program).args(arguments).current_dir(folder).output().unwrap();
    assert!(
        output.status.success(),
        "promtool {arguments:?}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
