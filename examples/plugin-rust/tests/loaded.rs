//! The built library, loaded and called as an agent does it.

use plugin_api::testing::{call, load};

#[test]
fn the_answer_is_what_proc_says() {
    let Some(plugin) = load("getinfo-uptime") else { return };
    let proc = std::fs::read_to_string("/proc/uptime").unwrap();
    let before: f64 = proc.split(' ').next().unwrap().parse().unwrap();
    let answer = call(&plugin, "-l").unwrap();
    let uptime = answer["uptime_seconds"].as_f64().unwrap();
    assert!((before..before + 60.0).contains(&uptime), "{uptime} and {before}");
    assert!(answer["load"]["fifteen"].is_number());
    assert!(call(&plugin, "").unwrap()["load"].is_null());
}

#[test]
fn what_is_no_argument_is_refused() {
    let Some(plugin) = load("getinfo-uptime") else { return };
    assert_eq!(call(&plugin, "-x").unwrap_err().code(), "usage");
}
