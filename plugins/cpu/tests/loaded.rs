//! `getinfo.cpu` as a host sees it, beside lscpu(1), nproc(1) and /proc.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "test helpers, outside of test functions"
)]

use std::fs;

use plugin_api::testing::{call, load};
use serde_json::Value;
use test_support::output;

/// Returns a command's output, trimmed; `None` if it is not installed.
fn trimmed(program: &str, args: &[&str]) -> Option<String> {
    Some(output(program, args)?.trim().to_owned())
}

/// Returns the fields of lscpu by their labels.
fn lscpu() -> Option<Vec<(String, String)>> {
    fn collect(entries: &Value, fields: &mut Vec<(String, String)>) {
        for entry in entries.as_array().into_iter().flatten() {
            let text = |key: &str| {
                entry[key].as_str().unwrap_or_default().trim_end_matches(':').to_owned()
            };
            fields.push((text("field"), text("data")));
            collect(&entry["children"], fields);
        }
    }
    let json: Value = serde_json::from_str(&trimmed("lscpu", &["-J", "--bytes"])?).unwrap();
    let mut fields = Vec::new();
    collect(&json["lscpu"], &mut fields);
    Some(fields)
}

#[test]
fn processors_match_those_of_lscpu() {
    let Some(provider) = load("getinfo-cpu") else { return };
    let answer = call(&provider, "").unwrap();
    let Some(fields) = lscpu() else { return };
    let field = |label: &str| {
        fields.iter().find(|(name, _)| name == label).map(|(_, value)| value.as_str())
    };
    for (name, label) in [
        ("vendor", "Vendor ID"),
        ("model", "Model name"),
        ("family", "CPU family"),
        ("model_number", "Model"),
        ("stepping", "Stepping"),
    ] {
        if let Some(want) = field(label) {
            assert_eq!(answer[name], want, "{name}");
        }
    }
    let number = |label: &str| field(label).and_then(|text| text.parse::<u64>().ok());
    if let (Some(sockets), Some(cores)) = (number("Socket(s)"), number("Core(s) per socket")) {
        assert_eq!(answer["sockets"], sockets);
        assert_eq!(answer["cores"], sockets * cores);
    }
    assert_eq!(answer["threads"].as_u64(), number("CPU(s)"));
    let flags: Vec<&str> =
        answer["flags"].as_array().unwrap().iter().map(|flag| flag.as_str().unwrap()).collect();
    assert_eq!(Some(flags.join(" ").as_str()), field("Flags"));
    assert_eq!(
        answer["numa_nodes"].as_array().unwrap().len() as u64,
        number("NUMA node(s)").unwrap_or(0)
    );
    for weakness in answer["vulnerabilities"].as_array().unwrap() {
        // lscpu writes `Vulnerability Spec store bypass` and leaves some punctuation out.
        let name = weakness["name"].as_str().unwrap().replace('_', " ");
        let label = format!("Vulnerability {}{}", name[..1].to_uppercase(), &name[1..]);
        let plain = |text: &str| text.replace([';', ',', ':'], "");
        let want = field(&label).unwrap_or_else(|| panic!("lscpu has no {label}"));
        assert_eq!(plain(weakness["description"].as_str().unwrap()), plain(want), "{label}");
    }
}

#[test]
fn caches_match_those_of_lscpu() {
    let Some(provider) = load("getinfo-cpu") else { return };
    let answer = call(&provider, "").unwrap();
    let Some(text) = trimmed("lscpu", &["-C", "-J", "-B"]) else { return };
    let Ok(json) = serde_json::from_str::<Value>(&text) else {
        return println!("SKIPPED (lscpu knows no caches)");
    };
    let mut theirs: Vec<_> = json["caches"].as_array().unwrap().iter().collect();
    theirs.sort_by_key(|cache| cache["name"].as_str().unwrap().to_owned());
    let ours = answer["caches"].as_array().unwrap();
    assert_eq!(ours.len(), theirs.len());
    for (ours, theirs) in ours.iter().zip(theirs) {
        let theirs_number = |key: &str| match &theirs[key] {
            Value::String(text) => text.parse::<u64>().ok(),
            value => value.as_u64(),
        };
        assert_eq!(ours["name"], theirs["name"]);
        assert_eq!(ours["level"], theirs["level"]);
        assert_eq!(ours["type"], theirs["type"].as_str().unwrap().to_lowercase());
        assert_eq!(ours["size_bytes"].as_u64(), theirs_number("one-size"));
        assert_eq!(
            ours["size_bytes"].as_u64().unwrap() * ours["instances"].as_u64().unwrap(),
            theirs_number("all-size").unwrap()
        );
        assert_eq!(ours["ways"].as_u64(), theirs_number("ways"));
        assert_eq!(ours["line_bytes"].as_u64(), theirs_number("coherency-size"));
    }
}

#[test]
fn online_processors_match_those_of_nproc() {
    let Some(provider) = load("getinfo-cpu") else { return };
    let answer = call(&provider, "-p").unwrap();
    let online = fs::read_to_string("/sys/devices/system/cpu/online").unwrap_or_default();
    assert_eq!(answer["online"].as_str().unwrap_or_default(), online.trim());
    let processors = answer["processors"].as_array().unwrap();
    assert_eq!(answer["threads"], processors.len());
    if let Some(count) = trimmed("getconf", &["_NPROCESSORS_ONLN"]) {
        assert_eq!(processors.len().to_string(), count);
    }
    if let Some(all) = trimmed("nproc", &["--all"]) {
        assert!(processors.len() <= all.parse().unwrap());
    }
    let Some(table) = trimmed("lscpu", &["-p=CPU,SOCKET,NODE"]) else { return };
    for (line, processor) in table.lines().filter(|line| !line.starts_with('#')).zip(processors) {
        let numbers: Vec<Option<u64>> = line.split(',').map(|word| word.parse().ok()).collect();
        assert_eq!(processor["cpu"].as_u64(), numbers[0]);
        assert_eq!(processor["node"].as_u64(), numbers[2]);
    }
    assert!(call(&provider, "").unwrap()["processors"].is_null());
}

#[test]
fn times_lie_between_two_looks_at_proc_stat() {
    let Some(provider) = load("getinfo-cpu") else { return };
    // The first numbers of a line of /proc/stat.
    let numbers = |name: &str| -> Vec<u64> {
        let stat = fs::read_to_string("/proc/stat").unwrap();
        let line = stat.lines().find(|line| line.split(' ').next() == Some(name)).unwrap();
        line.split_ascii_whitespace().skip(1).take(10).map(|word| word.parse().unwrap()).collect()
    };
    let (times, switches, forks) = (numbers("cpu"), numbers("ctxt"), numbers("processes"));
    let answer = call(&provider, "").unwrap();
    let ticks: f64 = trimmed("getconf", &["CLK_TCK"]).map_or(100.0, |text| text.parse().unwrap());
    let names = [
        "user",
        "nice",
        "system",
        "idle",
        "iowait",
        "irq",
        "softirq",
        "steal",
        "guest",
        "guest_nice",
    ];
    for ((name, before), after) in names.iter().zip(&times).zip(numbers("cpu")) {
        let mut seconds = answer["times"][format!("{name}_seconds")].as_f64().unwrap();
        // The kernel counts guests twice.
        match *name {
            "user" => seconds += answer["times"]["guest_seconds"].as_f64().unwrap(),
            "nice" => seconds += answer["times"]["guest_nice_seconds"].as_f64().unwrap(),
            _ => {}
        }
        // Idle times may go back a little (proc(5)).
        let (from, to) = (*before as f64 / ticks - 0.05, after as f64 / ticks + 0.05);
        assert!((from..=to).contains(&seconds), "{name}: {from} {seconds} {to}");
    }
    let lies = |name: &str, before: u64, after: u64| {
        assert!((before..=after).contains(&answer["counters"][name].as_u64().unwrap()), "{name}");
    };
    lies("context_switches", switches[0], numbers("ctxt")[0]);
    lies("forks", forks[0], numbers("processes")[0]);
}

#[test]
fn load_averages_match_those_of_the_kernel() {
    let Some(provider) = load("getinfo-cpu") else { return };
    // The kernel computes them every five seconds: a look right before or after has the same
    // values.
    let look = || {
        let text = fs::read_to_string("/proc/loadavg").unwrap();
        text.split(' ').take(3).map(|word| word.parse::<f64>().unwrap()).collect::<Vec<_>>()
    };
    let before = look();
    let answer = call(&provider, "").unwrap();
    let ours: Vec<f64> = ["one_minute", "five_minutes", "fifteen_minutes"]
        .iter()
        .map(|name| answer["load"][name].as_f64().unwrap())
        .collect();
    assert!(ours == before || ours == look(), "{ours:?} {before:?}");
}

#[test]
fn other_arguments_are_rejected() {
    let Some(provider) = load("getinfo-cpu") else { return };
    for args in ["-x", "0", "-p 0"] {
        assert_eq!(call(&provider, args).unwrap_err().code(), "usage", "{args}");
    }
}
