//! Rules beside their known transitions and beside date(1).

use super::*;
use std::process::Command;

/// The last year that `agent-cron` asks for.
const LAST_YEAR: i32 = 2101;

fn offsets(text: &str, last: i64) -> Vec<(i64, i32)> {
    let mut offsets = vec![(i64::MIN, 0)];
    if last > i64::MIN {
        offsets.push((last, 1));
    }
    Rule::parse(text).unwrap().extend(&mut offsets, LAST_YEAR);
    offsets
}

#[test]
fn a_rule_continues_from_the_last_transition_to_the_last_year() {
    // 2026-03-08 07:00 and 2026-11-01 06:00 UTC.
    let found = offsets("EST5EDT,M3.2.0,M11.1.0", 1_772_953_199);
    assert_eq!(found[2..4], [(1_772_953_200, -4 * 3600), (1_793_512_800, -5 * 3600)]);
    assert_eq!(found.len(), 2 + 2 * 76);
    assert_eq!(offsets("<+0330>-3:30", 5), [(i64::MIN, 0), (5, 1)]);
    assert_eq!(offsets("<+0330>-3:30", i64::MIN), [(i64::MIN, 12_600)]);
}

#[test]
fn southern_summers_and_transitions_on_other_days_are_computed() {
    let first_after = |text, last| offsets(text, last)[2];
    // Sydney, 2026-04-05 03:00 summer time; Nuuk, 2026-03-28 22:00 at -02; the last day of
    // February.
    assert_eq!(
        first_after("AEST-10AEDT,M10.1.0,M4.1.0/3", 1_767_225_600),
        (1_775_318_400, 10 * 3600)
    );
    assert_eq!(
        first_after("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", 1_767_225_600),
        (1_774_746_000, -3600)
    );
    assert_eq!(first_after("AAA0BBB,J60/0,J365", 1_704_067_200), (1_709_251_200, 3600));
    assert_eq!(first_after("AAA0BBB,59/0,J365", 1_704_067_200), (1_709_164_800, 3600));
}

#[test]
fn endless_summer_time_is_one_offset() {
    let text = "XXX3EDT4,0/0,J365/23";
    let found = offsets(text, 1_767_225_600);
    // Except for the end of 2101.
    assert!(found[2..found.len() - 1].iter().all(|&(_, offset)| offset == -4 * 3600), "{found:?}");
    let rule = Rule::parse(text).unwrap();
    assert!((0..1000).all(|days| rule.at(1_767_225_600 + days * 86_400).is_dst));
}

#[test]
fn rules_give_the_local_time_that_date_prints() {
    for text in [
        "UTC0",
        "CET-1CEST,M3.5.0,M10.5.0/3",
        "EST5EDT,M3.2.0,M11.1.0",
        "<+0330>-3:30",
        "<-03>3<-02>,M3.5.0/-2,M10.5.0/-1",
        "IST-1GMT0,M10.5.0,M3.5.0/1",
        "AEST-10AEDT,M10.1.0,M4.1.0/3",
        "NZST-12NZDT,M9.5.0,M4.1.0/3",
        "XXX3YYY2:30:15,J60/0,J300/24",
        "XXX-1YYY,59/1:30,299",
    ] {
        let rule = Rule::parse(text).unwrap();
        let instants: Vec<i64> = (0..500).map(|index| 1_700_000_000 + index * 3_333_333).collect();
        for (instant, wanted) in instants.iter().zip(printed_by_date(text, &instants)) {
            let found = rule.at(*instant);
            assert_eq!(crate::file::tests::as_date_prints(found), wanted, "{text} {instant}");
        }
    }
}

/// Runs date(1), which reads `TZ` by libc, for each instant.
#[expect(clippy::disallowed_methods, reason = "date(1) is the independent reader")]
fn printed_by_date(zone: &str, instants: &[i64]) -> Vec<String> {
    let dates: String = instants.iter().map(|instant| format!("@{instant}\n")).collect();
    let name = format!("agent-zone-{}-{:?}", std::process::id(), std::thread::current().id());
    let file = std::env::temp_dir().join(name);
    std::fs::write(&file, dates).unwrap();
    let output =
        Command::new("date").args(["+%::z %Z", "-f"]).arg(&file).env("TZ", zone).output().unwrap();
    std::fs::remove_file(&file).unwrap();
    let lines: Vec<String> =
        String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), instants.len());
    lines
}

#[test]
fn the_first_and_the_last_instant_have_a_local_time() {
    let rule = Rule::parse("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
    for instant in [i64::MIN, i64::MIN + 1, -1 << 50, 1 << 50, i64::MAX] {
        assert!(rule.at(instant).offset >= 3600);
    }
}

#[test]
fn other_texts_are_not_rules() {
    for text in [
        "",
        "0",
        "E",
        "EST",
        "UTC",
        "<+03",
        "<EST5",
        "EST5EDT",
        "EST5EDT,",
        "EST5EDT,,",
        "EST5EDT,M3.2.0",
        "EST5EDT,M3.2.0,M11.1.0,",
        "EST5EDT,M13.2.0,M11.1.0",
        "EST5EDT,M3.6.0,M11.1.0",
        "EST5EDT,M3.2.7,M11.1.0",
        "EST5EDT,M3.2,M11.1.0",
        "EST5EDT,M3.2.0/x,J1",
        "EST5EDT,J0,J365",
        "EST5EDT,J366,J1",
        "EST5EDT,366,1",
        "EST5EDT,+1,J1",
        "EST5EDT,M3.2.0/168,M11.1.0",
        "EST5:60",
        "EST5:00:00:00",
        "EST168",
        "EST-27",
        "CET-999",
        "CET-1:",
        "EST5 ",
        "\u{e9}ST5",
        "\u{fffd}",
    ] {
        assert!(Rule::parse(text).is_none(), "{text:?}");
    }
}
