//! `getinfo.network` as a host sees it, compared with ip(8): the host's own network, and one made
//! for the test.
#![expect(clippy::disallowed_methods, reason = "ip has the answers to compare with")]
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "test helpers, outside of test functions"
)]

use std::process::Command;

use plugin_api::host::LoadedProvider;
use plugin_api::testing::{call, load};
use serde_json::Value;
use test_support::wait_some;

/// Returns what `ip -j ARGS` prints; `None` if ip is not installed.
fn ip_json(args: &[&str]) -> Option<Value> {
    let Ok(output) = Command::new("ip").args(["-j", "-d"]).args(args).output() else {
        println!("SKIPPED (needs ip, of iproute2)");
        return None;
    };
    let text = String::from_utf8(output.stdout).unwrap();
    Some(serde_json::from_str(if text.trim().is_empty() { "[]" } else { &text }).unwrap())
}

fn list(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap()
}

fn lower(value: &Value) -> String {
    value.as_str().unwrap().to_ascii_lowercase()
}

/// Returns what goes on changing for a while after an interface went up: the links' states and
/// flags, the addresses that the kernel adds and checks, and the routes.
fn outline() -> Option<Vec<String>> {
    let links = ip_json(&["addr"])?;
    let address = |info: &Value| format!("{} {}", info["local"], info["tentative"]);
    let mut outline: Vec<String> = Vec::new();
    for link in list(&links) {
        let addresses: Vec<String> = list(&link["addr_info"]).iter().map(address).collect();
        let (name, state, flags) = (&link["ifname"], &link["operstate"], &link["flags"]);
        outline.push(format!("{name} {state} {flags} {addresses:?}"));
    }
    outline.extend(routes()?.map(|routes| routes.to_string()));
    Some(outline)
}

/// Returns the main routes of IPv4 and of IPv6.
fn routes() -> Option<[Value; 2]> {
    let of = |family: &str| ip_json(&[family, "route", "show", "table", "main"]);
    Some([of("-4")?, of("-6")?])
}

/// Compares everything that ip shows too. Counters may have grown in between.
fn compare(provider: &LoadedProvider) -> Option<Value> {
    outline()?;
    let (answer, links, routes) = wait_some("looks between which nothing has changed", || {
        let before = outline()?;
        let looks = (call(provider, "").unwrap(), ip_json(&["-s", "addr"])?, routes()?);
        (outline()? == before).then_some(looks)
    });
    let interfaces = list(&answer["interfaces"]);
    assert_eq!(interfaces.len(), list(&links).len());
    for (interface, link) in interfaces.iter().zip(list(&links)) {
        let name = &link["ifname"];
        for (ours, theirs) in [
            ("name", "ifname"),
            ("index", "ifindex"),
            ("mtu", "mtu"),
            ("master", "master"),
            ("alias", "ifalias"),
        ] {
            assert_eq!(interface[ours], link[theirs], "{ours} of {name}");
        }
        if interface["mac"].is_string() {
            assert_eq!(interface["mac"], link["address"]);
        }
        assert_eq!(interface["operstate"], lower(&link["operstate"]), "{name}");
        if list(&interface["flags"]).contains(&"RUNNING".into()) {
            assert!(list(&interface["flags"]).contains(&"LOWER_UP".into()), "{name}");
            assert!(!list(&link["flags"]).contains(&"NO-CARRIER".into()), "{name}");
        }
        let flags: Vec<&Value> =
            list(&link["flags"]).iter().filter(|flag| *flag != "NO-CARRIER").collect();
        let ours: Vec<&Value> =
            list(&interface["flags"]).iter().filter(|flag| *flag != "RUNNING").collect();
        assert_eq!(sorted(&ours), sorted(&flags), "{name}");
        assert_eq!(interface["state"] == "up", flags.contains(&&Value::from("UP")));
        if let Some(kind) = link["linkinfo"]["info_kind"].as_str() {
            assert_eq!(interface["kind"], kind);
        } else if link["link_type"] == "loopback" {
            assert_eq!(interface["kind"], "loopback");
        }
        if let Some(id) =
            link["linkinfo"]["info_data"]["id"].as_u64().filter(|_| interface["kind"] == "vlan")
        {
            assert_eq!(interface["vlan_id"], id);
        }
        for way in ["rx", "tx"] {
            for counter in ["bytes", "packets", "errors", "dropped"] {
                let ours = interface["statistics"][format!("{way}_{counter}")].as_u64().unwrap();
                let theirs = link["stats64"][way][counter].as_u64().unwrap();
                assert!(
                    ours <= theirs && theirs - ours < 10_000_000,
                    "{way} {counter} of {name}: {ours} {theirs}"
                );
            }
        }
        let addresses = list(&interface["addresses"]);
        let theirs: Vec<&Value> =
            list(&link["addr_info"]).iter().filter(|info| info["local"].is_string()).collect();
        assert_eq!(addresses.len(), theirs.len(), "{name}");
        for (ours, theirs) in addresses.iter().zip(theirs) {
            for (key, column) in [
                ("family", "family"),
                ("address", "local"),
                ("prefix_length", "prefixlen"),
                ("scope", "scope"),
                ("broadcast", "broadcast"),
                ("peer", "address"),
                ("label", "label"),
            ] {
                assert_eq!(ours[key], theirs[column], "{key} of {name}: {theirs}");
            }
            let endless = u64::from(u32::MAX);
            let valid = theirs["valid_life_time"].as_u64().unwrap();
            let ours_valid = ours["valid_seconds"].as_u64().unwrap_or(endless);
            assert!(ours_valid.abs_diff(valid) <= 10, "{theirs}");
            for flag in ["secondary", "temporary", "deprecated", "tentative", "noprefixroute"] {
                let has = list(&ours["flags"]).contains(&Value::from(flag));
                assert_eq!(has, theirs[flag] == true, "{flag}: {theirs}");
            }
            assert_eq!(
                list(&ours["flags"]).contains(&Value::from("permanent")),
                theirs["dynamic"] != true
            );
        }
    }
    for (family, theirs) in ["inet", "inet6"].into_iter().zip(routes) {
        let ours: Vec<&Value> =
            list(&answer["routes"]).iter().filter(|route| route["family"] == family).collect();
        assert_eq!(ours.len(), list(&theirs).len(), "{theirs}");
        for (ours, theirs) in ours.iter().zip(list(&theirs)) {
            let any = if family == "inet" { "0.0.0.0/0" } else { "::/0" };
            let bits = if family == "inet" { 32 } else { 128 };
            let destination = match theirs["dst"].as_str().unwrap() {
                "default" => any.to_owned(),
                network if network.contains('/') => network.to_owned(),
                host => format!("{host}/{bits}"),
            };
            assert_eq!(ours["destination"], destination);
            let via =
                if theirs["via"].is_object() { &theirs["via"]["host"] } else { &theirs["gateway"] };
            assert_eq!(&ours["gateway"], via, "{theirs}");
            assert_eq!(ours["metric"], theirs["metric"].as_u64().unwrap_or(0), "{theirs}");
            assert_eq!(ours["source"], theirs["prefsrc"]);
            for (ours, theirs) in [("kind", "type"), ("protocol", "protocol"), ("scope", "scope")]
                .map(|(a, b)| (&ours[a], &theirs[b]))
            {
                assert_eq!(ours, theirs);
            }
            if theirs["nexthops"].is_null() {
                if theirs["type"] == "unicast" {
                    assert_eq!(ours["device"], theirs["dev"]);
                }
            } else {
                for (hop, way) in list(&ours["nexthops"]).iter().zip(list(&theirs["nexthops"])) {
                    assert_eq!((&hop["gateway"], &hop["device"]), (&way["gateway"], &way["dev"]));
                    assert_eq!(hop["weight"], way["weight"]);
                }
                assert_eq!(list(&ours["nexthops"]).len(), list(&theirs["nexthops"]).len());
            }
        }
    }
    Some(answer)
}

fn sorted(values: &[&Value]) -> Vec<String> {
    let mut texts: Vec<String> = values.iter().map(ToString::to_string).collect();
    texts.sort_unstable();
    texts
}

#[test]
fn the_hosts_network_is_as_ip_shows_it() {
    let Some(provider) = load("getinfo-network") else { return };
    let Some(answer) = compare(&provider) else { return };
    for interface in list(&answer["interfaces"]) {
        let name = interface["name"].as_str().unwrap();
        let file = |file| std::fs::read_to_string(format!("/sys/class/net/{name}/{file}")).ok();
        let speed = file("speed").and_then(|text| text.trim().parse::<u32>().ok());
        assert_eq!(interface["speed_mbps"].as_u64(), speed.map(u64::from), "{name}");
        let duplex =
            file("duplex").map(|text| text.trim().to_owned()).filter(|text| text != "unknown");
        assert_eq!(interface["duplex"].as_str(), duplex.as_deref(), "{name}");
    }
    let file = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    let servers: Vec<&str> =
        file.lines().filter_map(|line| line.strip_prefix("nameserver ")).map(str::trim).collect();
    assert_eq!(answer["dns"]["nameservers"], Value::from(servers));
}

#[test]
fn a_network_of_every_kind_is_as_ip_shows_it() {
    if !nix::unistd::geteuid().is_root() {
        println!("SKIPPED (needs root): a network namespace");
        return;
    }
    let Some(provider) = load("getinfo-network") else { return };
    // Only for this thread and the processes it starts.
    if let Err(error) = nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET) {
        println!("SKIPPED (needs network namespaces: {error})");
        return;
    }
    let mut missing = Vec::new();
    for line in "link set lo up
        link add v0 type veth peer name v1
        link add v2 type veth peer name v3
        link add br0 type bridge
        link set v1 master br0
        link add link v2 name v2.42 type vlan id 42
        link set v0 alias uplink
        link set v0 mtu 1400
        link set v0 up
        link set v1 up
        link set v2 up
        link set v3 up
        link set br0 up
        link set v2.42 up
        addr add 192.0.2.10/24 brd + dev v0
        addr add 192.0.2.11/24 dev v0
        addr add 10.1.1.1 peer 10.1.1.2/32 dev v2
        addr add 198.51.100.1/25 dev v2 valid_lft 1000 preferred_lft 500
        addr add 2001:db8:1::1/64 dev v0 nodad
        addr add 2001:db8:2::1/64 dev v2 nodad preferred_lft 0
        addr add 2001:db8:3::1 peer 2001:db8:3::2/128 dev v2 nodad
        route add default via 192.0.2.1 dev v0 metric 100
        route add default via 10.1.1.2 dev v2 metric 50
        route add 203.0.113.0/24 via 192.0.2.9 src 192.0.2.11
        route add 203.0.113.7/32 nexthop via 192.0.2.2 dev v0 weight 3 nexthop via 10.1.1.2 dev v2 weight 5
        route add 10.99.0.0/16 via inet6 2001:db8:1::9 dev v0
        route add blackhole 10.66.0.0/16
        route add 10.98.0.0/16 via 192.0.2.1 table 77
        -6 route add default via 2001:db8:1::2 dev v0 metric 1024
        -6 route add unreachable 2001:db8:dead::/48
        -6 route add 2001:db8:77::/48 nexthop via 2001:db8:1::3 dev v0 nexthop via 2001:db8:2::3 dev v2"
        .lines()
    {
        let output = Command::new("ip").args(line.split_whitespace()).output();
        let Ok(output) = output else {
            println!("SKIPPED (needs ip, of iproute2)");
            return;
        };
        if !output.status.success() {
            missing.push(format!("{}: {}", line.trim(), String::from_utf8_lossy(&output.stderr).trim()));
        }
    }
    let Some(answer) = compare(&provider) else { return };
    println!("skipped, as this kernel rejects it: {missing:?}");
    assert!(missing.len() < 6, "{missing:?}");
    let gateways: Vec<String> = list(&answer["default_gateways"])
        .iter()
        .map(|way| format!("{} {} {}", way["gateway"], way["device"], way["metric"]))
        .collect();
    if missing.iter().all(|line| line.contains("v2.42")) {
        assert_eq!(
            gateways,
            [r#""10.1.1.2" "v2" 50"#, r#""192.0.2.1" "v0" 100"#, r#""2001:db8:1::2" "v0" 1024"#]
        );
    }
    let one = call(&provider, "-i v0").unwrap();
    assert_eq!(
        (list(&one["interfaces"]).len(), &one["interfaces"][0]["name"]),
        (1, &Value::from("v0"))
    );
    assert!(
        list(&one["routes"])
            .iter()
            .all(|route| route["device"] == "v0" || !list(&route["nexthops"]).is_empty())
    );
    assert_eq!(
        list(&one["interfaces"][0]["addresses"]).iter().filter(|a| a["family"] == "inet").count(),
        2
    );
}

#[test]
fn wrong_calls_have_error_codes() {
    let Some(provider) = load("getinfo-network") else { return };
    for args in ["-i", "lo", "-i lo x", "-a"] {
        assert_eq!(call(&provider, args).unwrap_err().code(), "usage", "{args}");
    }
    assert_eq!(call(&provider, "-i none0").unwrap_err().code(), "no_such_interface");
    assert_eq!(call(&provider, "-i lo").unwrap()["interfaces"][0]["kind"], "loopback");
}
