//! `getinfo.network` where there is more, or something else, than a program expects.

use plugin_api::testing::{call, load};
use serde_json::{Value, json};
use test_support::{Scratch, in_mount_namespace, is_inside};

#[test]
fn more_interfaces_than_an_answer_takes_are_cut_and_each_is_found() {
    let script = "seq 1 3001 | sed 's/.*/link add x& type veth peer name y&/' | ip -batch - && \
                  ip address add 192.0.2.1/24 dev y3001 && ip link set lo up && exec \"$@\"";
    let words = ["unshare", "-n", "sh", "-c", script, "sh"].map(str::to_owned);
    // Builds it here: a build inside may lack what it needs.
    let Some(provider) = load("getinfo-network") else { return };
    if !is_inside("more_interfaces_than_an_answer_takes_are_cut_and_each_is_found", &words) {
        return;
    }
    let answer = call(&provider, "").unwrap();
    assert_eq!(answer["interfaces_truncated"], true);
    let interfaces = answer["interfaces"].as_array().unwrap();
    assert_eq!((interfaces.len(), &interfaces[0]["name"]), (1500, &json!("lo")));
    assert!(answer.to_string().len() < 4 << 20, "the answer is as long as the host allows");
    let last = call(&provider, "-i y3001").unwrap();
    assert_eq!(last["interfaces_truncated"], false);
    assert_eq!(last["interfaces"][0]["addresses"][0]["address"], "192.0.2.1");
}

#[test]
fn name_servers_are_those_that_libc_queries() {
    let scratch = Scratch::new("network-resolv");
    let file = scratch.write(
        "resolv.conf",
        "  nameserver 192.0.2.9\nnameserver\t192.0.2.1\n#nameserver 192.0.2.8\n\
         nameserver one.example\nnameserver 2001:db8::1\nsearch a.example b.example\n\
         nameserver fe80::1%lo\nnameserver 192.0.2.4\nNAMESERVER 192.0.2.5\n",
    );
    let words = in_mount_namespace(&[(&file, "/etc/resolv.conf")]);
    // Builds it here: a build inside may lack what it needs.
    let Some(provider) = load("getinfo-network") else { return };
    if !is_inside("name_servers_are_those_that_libc_queries", &words) {
        return;
    }
    let dns: Value = call(&provider, "").unwrap()["dns"].clone();
    assert_eq!(dns["nameservers"], json!(["192.0.2.1", "2001:db8::1", "fe80::1%lo"]));
    assert_eq!(dns["search"], json!(["a.example", "b.example"]));
}
