//! `getinfo.os` as a host sees it, beside a shell that reads os-release(5), systemd-detect-virt(1)
//! and hostname(1).

use std::fs;

use plugin_api::testing::{call, load};
use test_support::output;

/// Returns a command's output, trimmed; `None` if it is not installed.
fn trimmed(program: &str, args: &[&str]) -> Option<String> {
    Some(output(program, args)?.trim().to_owned())
}

#[test]
fn the_release_equals_the_values_that_a_shell_reads() {
    let Some(provider) = load("getinfo-os") else { return };
    let answer = call(&provider, "").unwrap();
    let script = ". /etc/os-release; for n in $(sed -n 's/^\\([A-Z_0-9]*\\)=.*/\\1/p' /etc/os-release); do \
                  eval printf '\"%s=%s\\n\"' $n '\"$'$n'\"'; done";
    let Some(shell) = trimmed("bash", &["-c", script]) else { return };
    assert!(shell.contains("ID="), "{shell}");
    for line in shell.lines() {
        let (name, value) = line.split_once('=').unwrap();
        let field = match name {
            "VERSION_CODENAME" => "codename".to_owned(),
            name => name.to_ascii_lowercase(),
        };
        let found = &answer["release"][&field];
        if name == "ID_LIKE" {
            assert_eq!(*found, serde_json::json!(value.split_whitespace().collect::<Vec<_>>()));
        } else if found.is_null() {
            let others = answer["release"]["other"].as_array().unwrap();
            assert!(
                value.is_empty()
                    || others.iter().any(|other| other["name"] == name && other["value"] == value),
                "{line}"
            );
        } else {
            assert_eq!(*found, value, "{name}");
        }
    }
}

#[test]
fn the_machine_equals_systemd_detect_virt() {
    let Some(provider) = load("getinfo-os") else { return };
    let answer = call(&provider, "").unwrap();
    if let Some(vm) = trimmed("systemd-detect-virt", &["--vm"]) {
        let kind = match answer["virtualization"]["kind"].as_str().unwrap() {
            "hyperv" => "microsoft",
            "virtualbox" => "oracle",
            "firecracker" => "kvm",
            "unknown" => "vm-other",
            kind => kind,
        };
        // systemd's `amazon` and `google` are clouds here.
        assert!(
            vm == kind || matches!(vm.as_str(), "amazon" | "google") && kind == "kvm",
            "{vm} {kind}"
        );
    }
    if let Some(container) = trimmed("systemd-detect-virt", &["--container"]) {
        assert_eq!(answer["container"]["kind"], container.as_str());
    }
}

#[test]
fn names_and_uptime_equal_the_commands_output() {
    let Some(provider) = load("getinfo-os") else { return };
    let uptime = || {
        let text = fs::read_to_string("/proc/uptime").unwrap();
        text.split('.').next().unwrap().parse::<u64>().unwrap()
    };
    let before = uptime();
    let answer = call(&provider, "").unwrap();
    let seconds = answer["uptime_seconds"].as_u64().unwrap();
    assert!((before..=uptime()).contains(&seconds), "{before} {seconds}");
    if let Some(hostname) = trimmed("uname", &["-n"]) {
        assert_eq!(answer["hostname"], hostname.as_str());
    }
    let id = fs::read_to_string("/etc/machine-id").unwrap_or_default();
    match id.trim() {
        "" | "uninitialized" => assert!(answer["machine_id"].is_null()),
        id => assert_eq!(answer["machine_id"], id),
    }
    if let Some(comm) = trimmed("ps", &["-o", "comm=", "-p", "1"]) {
        assert_eq!(answer["init"]["process"], comm.as_str());
    }
}

#[test]
fn arguments_are_rejected() {
    let Some(provider) = load("getinfo-os") else { return };
    assert_eq!(call(&provider, "-x").unwrap_err().code(), "usage");
    assert!(call(&provider, "-h").unwrap()["usage"].as_str().unwrap().contains("getinfo.os"));
}
