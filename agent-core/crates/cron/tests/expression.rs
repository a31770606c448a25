//! Expressions: rejections and their messages, the canonical text, and warnings.

#[allow(dead_code, unused_imports, reason = "each test uses a part")]
mod oracle;

use agent_cron::{Error, Expression, Warning};
use oracle::{Oracle, Random};
use proptest::prelude::*;

/// The longest text (rule 1).
const MAX_LEN: usize = 1024;

#[test]
fn an_error_names_the_position_and_the_valid_values() {
    let table = [
        ("60 * * * * *", 0, "\"60\" at column 1: second must be 0–59"),
        ("0 0 24 * * *", 4, "\"24\" at column 5: hour must be 0–23"),
        ("0 0 0 1 13 *", 8, "\"13\" at column 9: month must be 1–12 or JAN–DEC"),
        (
            "0 0 * * 5,8",
            10,
            "\"8\" at column 11: day-of-week must be 0–7 or SUN–SAT, FRIL, FRI#2 or FRIC",
        ),
        ("0 0 5X * ?", 4, "\"5X\" at column 5: day-of-month must be 1–31, L, L-3, LW, 15W or 5C"),
        ("0 0 ?,5 * *", 4, "\"?\" at column 5: day-of-month must be 1–31, or ? as the whole field"),
        (
            "*/60 * * * *",
            0,
            "\"*/60\" at column 1: minute takes steps of 1–59: for once an hour, write 0",
        ),
        (
            "0 */24 * * *",
            2,
            "\"*/24\" at column 3: hour takes steps of 1–23: for once a day, write 0",
        ),
        (
            "0 0 */0 * *",
            4,
            "\"*/0\" at column 5: day-of-month has a step of 0: the smallest step is 1",
        ),
        ("0 */ * * *", 2, "\"*/\" at column 3: hour needs a number after the /, as in */5"),
        (
            "0 1,,2 * * *",
            4,
            "column 5: hour has an empty item: write a value on both sides of each comma",
        ),
        (
            "0 0 ? * MON,FRI#6",
            12,
            "\"FRI#6\" at column 13: day-of-week takes #1 to #5, the first to the fifth of the month",
        ),
        (
            "0 0 L-31 * ?",
            4,
            "\"L-31\" at column 5: day-of-month counts from the end of the month with L, L-0 to L-30, LW or L-3W",
        ),
        (
            "0 0 ? * ?",
            8,
            "\"?\" at column 9: day-of-month and day-of-week cannot both be ?: write * for one of them",
        ),
        (
            "* * * *",
            0,
            "column 1: an expression has 6 fields (second minute hour day-of-month month day-of-week) or 5",
        ),
        ("0 0 * * * * *", 0, "(minute to day-of-week), not 7"),
        (
            " @reboot",
            1,
            "\"@reboot\" at column 2: allowed only in crontab files, because it has no times",
        ),
        ("@every 5m", 0, "\"@every\" at column 1: the nicknames are @yearly, @annually, @monthly"),
        ("@daily 5", 7, "\"5\" at column 8: nothing may follow @daily"),
        (
            "CRON_TZ= 0 0 * * *",
            0,
            "\"CRON_TZ=\" at column 1: the name of the time zone is missing: write CRON_TZ=Europe/Berlin",
        ),
        ("CRON_TZ=UTC 0 25 * * *", 14, "\"25\" at column 15: hour must be 0–23"),
        ("CRON_TZ=UTC TZ=UTC 0 0 * * *", 12, "\"TZ=UTC\" at column 13: second must be 0–59"),
        ("0 0 é * *", 4, "column 5: the character 'é' (U+00E9) is not allowed"),
        ("0 0 * * *\n", 9, "column 10: the character '\\n' (U+000A) is not allowed"),
        ("0 0 30 2 ?", 0, "never runs: no date matches day-of-month \"30\" in month \"2\""),
        (
            "0 0 */31 FEB 5#2",
            0,
            "no date matches day-of-month \"*/31\" and day-of-week \"5#2\" in month \"FEB\"",
        ),
    ];
    for (text, offset, wanted) in table {
        let error = Expression::parse(text).unwrap_err();
        let message = error.to_string();
        assert!(message.contains(wanted), "{text:?}: {message}");
        assert_eq!(error.offset(), offset, "{text:?}: {message}");
    }
}

#[test]
fn an_error_is_short_even_for_a_long_text() {
    for text in [
        "x".repeat(MAX_LEN),
        "x".repeat(MAX_LEN + 1),
        format!("0 0 {} * *", "9".repeat(900)),
        format!("0 0 31 2 {}", "5#5,".repeat(200) + "5#5"),
        format!("0 0 30{} 2 ?", ",30".repeat(200)),
        format!("@{}", "x".repeat(500)),
    ] {
        match Expression::parse(&text) {
            Ok(_) => assert!(text.contains("5#5")),
            Err(error) => assert!(error.to_string().len() < 300, "{error}"),
        }
    }
    let long = format!("0 0 * * *{}", " ".repeat(MAX_LEN - 9));
    assert!(Expression::parse(&long).is_ok());
    let Err(Error::Syntax { offset: MAX_LEN, .. }) = Expression::parse(&(long + " ")) else {
        panic!("taken")
    };
}

#[test]
fn the_canonical_text_is_sorted_and_keeps_its_stars() {
    let table = [
        ("0 9 * * 1-5", "0 0 9 * * MON-FRI"),
        ("@weekly", "0 0 0 * * SUN"),
        ("TZ=Asia/Tokyo  @Hourly", "CRON_TZ=Asia/Tokyo 0 0 * * * *"),
        ("0 23-7/2,8 * * *", "0 0 1,3,5,7,8,23 * * *"),
        ("0/30 0/30 8-10 ? jan 7", "0,30 0,30 8-10 ? JAN SUN"),
        ("*/30 * * * * *", "*/30 * * * * *"),
        ("5,*/20,7 0 0 * * *", "*/20,5,7 0 0 * * *"),
        ("*/7,1-59 0 0 * * *", "* 0 0 * * *"),
        ("*,5 0 0 13,* * *", "* 0 0 * * *"),
        ("0 0 0 1-31 * 0-6", "0 0 0 1-31 * SUN-SAT"),
        ("0 0 0 lw,L-3,l,15w,1W,l-2w,5c,3 * ?", "0 0 0 3,L,L-3,LW,L-2W,1W,15W,5C * ?"),
        ("0 0 0 ? * 7C,FRI#2,mon#1,0L,5L,WED", "0 0 0 ? * WED,SUNL,FRIL,MON#1,FRI#2,SUNC"),
        ("0 0 0 ? * L", "0 0 0 ? * SAT"),
        ("0 0 0 28-3 NOV-feb fri-MON", "0 0 0 1-3,28-31 JAN,FEB,NOV,DEC SUN,MON,FRI,SAT"),
    ];
    for (text, wanted) in table {
        let expression = Expression::parse(text).unwrap();
        assert_eq!(expression.to_string(), wanted, "{text}");
        assert_eq!(Expression::parse(wanted).unwrap().to_string(), wanted);
    }
}

#[test]
fn expressions_that_are_rarely_intended_get_a_warning() {
    use Warning::{LastDayOfWeek, StepMeetsRestriction};
    let table: [(&str, &[Warning]); 9] = [
        ("0 0 0 ? * L", &[LastDayOfWeek]),
        ("0 0 0 ? * FRIL", &[]),
        ("0 0 0 */2 * MON", &[StepMeetsRestriction]),
        ("0 0 0 1 * */2", &[StepMeetsRestriction]),
        ("0 0 0 */2 * L", &[LastDayOfWeek, StepMeetsRestriction]),
        ("0 0 0 */1 * MON", &[]),
        ("0 0 0 */2 * *", &[]),
        ("0 0 0 */2 * ?", &[]),
        ("0 0 0 13 * FRI", &[]),
    ];
    for (text, wanted) in table {
        assert_eq!(Expression::parse(text).unwrap().warnings(), wanted, "{text}");
    }
}

#[test]
fn an_expression_is_small_enough_for_a_hundred_thousand_jobs() {
    assert!(size_of::<Expression>() <= 100, "{}", size_of::<Expression>());
}

proptest! {
    #[test]
    fn any_text_is_an_expression_or_an_error(text in "\\PC{0,40}|[0-9*/,LWC#?A-Za-z -]{0,40}") {
        match Expression::parse(&text) {
            Ok(expression) => {
                let printed = expression.to_string();
                prop_assert_eq!(Expression::parse(&printed).unwrap().to_string(), printed);
            }
            Err(error) => prop_assert!(error.offset() <= text.len()),
        }
    }

    #[test]
    fn case_blanks_and_leading_zeros_do_not_matter(seed: u64) {
        let text = Random::new(seed).expression();
        prop_assume!(Oracle::parse(&text).is_some());
        let plain = Expression::parse(&text).unwrap();
        let wide = format!("\t {} ", text.replace(' ', " \t "));
        for other in [text.to_uppercase(), text.to_lowercase(), wide, format!("CRON_TZ=UTC {text}")] {
            let other = Expression::parse(&other).unwrap();
            prop_assert_eq!(other.to_string().replace("CRON_TZ=UTC ", ""), plain.to_string());
            prop_assert_eq!(other.warnings(), plain.warnings());
        }
    }
}
