//! Loads and calls the built library like an agent.

use plugin_api::testing::{call, load};

#[test]
fn the_reply_matches_proc() {
    let Some(plugin) = load("getinfo-uptime") else { return };
    let proc = std::fs::read_to_string("/proc/uptime").unwrap();
    let before: f64 = proc.split(' ').next().unwrap().parse().unwrap();
    let reply = call(&plugin, "-l").unwrap();
    let uptime = reply["uptime_seconds"].as_f64().unwrap();
    assert!((before..before + 60.0).contains(&uptime), "{uptime} and {before}");
    assert!(reply["load"]["fifteen"].is_number());
    assert!(call(&plugin, "").unwrap()["load"].is_null());
}

#[test]
fn an_unknown_argument_is_rejected() {
    let Some(plugin) = load("getinfo-uptime") else { return };
    assert_eq!(call(&plugin, "-x").unwrap_err().code(), "usage");
}
