//! `getinfo.groups` as a host sees it, compared with getent(1).
#![expect(clippy::disallowed_methods, reason = "the tests compare the answers with getent")]
#![expect(clippy::print_stdout, reason = "tests print the parts that they skip")]

use std::process::Command;

use plugin_api::testing::{call, load};
use serde_json::Value;

/// Fields of a database's lines; none if there is no getent.
fn getent(args: &[&str]) -> Option<Vec<Vec<String>>> {
    let Ok(output) = Command::new("getent").args(args).output() else {
        println!("SKIPPED (needs getent)");
        return None;
    };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Some(text.lines().map(|line| line.split(':').map(str::to_owned).collect()).collect())
}

fn members(field: &str) -> Vec<&str> {
    field.split(',').filter(|name| !name.is_empty()).collect()
}

#[test]
fn the_list_is_that_of_getent() {
    let Some(provider) = load("getinfo-groups") else { return };
    let (Some(want), Some(users)) = (getent(&["group"]), getent(&["passwd"])) else { return };
    let answer = call(&provider, "-p").unwrap();
    let groups = answer["groups"].as_array().unwrap();
    assert_eq!((groups.len(), answer["count"].as_u64()), (want.len(), Some(want.len() as u64)));
    for (group, fields) in groups.iter().zip(&want) {
        assert_eq!(
            (&group["name"], group["gid"].to_string()),
            (&Value::from(fields[0].as_str()), fields[2].clone())
        );
        assert_eq!(group["members"], Value::from(members(&fields[3])), "{fields:?}");
        let primary: Vec<&str> =
            users.iter().filter(|user| user[3] == fields[2]).map(|user| user[0].as_str()).collect();
        assert_eq!(group["primary_members"], Value::from(primary), "{fields:?}");
    }
    let plain = call(&provider, "").unwrap();
    assert_eq!(
        (plain["groups"].as_array().unwrap().len(), &plain["groups"][0]["primary_members"]),
        (want.len(), &Value::Null)
    );
}

#[test]
fn one_group_is_found_by_name_and_by_gid() {
    let Some(provider) = load("getinfo-groups") else { return };
    let Some(want) = getent(&["group"]) else { return };
    for fields in &want {
        for name in [&fields[0], &fields[2]] {
            let Some(one) = getent(&["group", name]) else { return };
            let answer = call(&provider, &format!("-G '{name}'")).unwrap();
            let group = &answer["groups"][0];
            assert_eq!(
                (answer["count"].as_u64(), &group["name"]),
                (Some(1), &Value::from(one[0][0].as_str()))
            );
            assert_eq!(group["members"], Value::from(members(&one[0][3])));
        }
    }
    assert_eq!(call(&provider, "-G 'no such'").unwrap_err().code(), "no_such_group");
    assert_eq!(call(&provider, "-G 4000000001").unwrap_err().code(), "no_such_group");
    assert_eq!(call(&provider, "root").unwrap_err().code(), "usage");
}
