//! Explanations: their wording, and that they are true.

#[allow(dead_code, unused_imports, reason = "each test uses a part")]
mod oracle;

use agent_cron::Expression;
use oracle::{Oracle, Random};
use std::collections::BTreeSet;

/// A person has read each explanation as an operator would.
const SENTENCES: &[(&str, &str)] = &[
    ("0 0 * * * *", "every hour on the hour"),
    ("*/10 * * * * *", "every ten seconds"),
    ("0 0 8-10 * * *", "at 08:00, 09:00 and 10:00 every day"),
    ("0 0/30 8-10 * * *", "at 08:00, 08:30, 09:00, 09:30, 10:00 and 10:30 every day"),
    ("0 0 9-17 * * MON-FRI", "every hour on the hour from 09:00 to 17:00, Monday to Friday"),
    ("0 0 0 25 12 ?", "at 00:00 on December 25"),
    ("*/10 * * * *", "every ten minutes"),
    ("0 6 * * *", "at 06:00 every day"),
    ("0 */2 * * *", "every two hours from 00:00 to 22:00 every day"),
    ("45 4 1,10,22 * *", "at 04:45 on the 1st, 10th and 22nd of the month"),
    ("0 23-7/2,8 * * *", "at 01:00, 03:00, 05:00, 07:00, 08:00 and 23:00 every day"),
    (
        "0 11 4 * 1-3",
        "at 11:00 on the 4th of the month, and also Monday to Wednesday (either is enough)",
    ),
    ("45 11 * * 0,6", "at 11:45 on Saturdays and Sundays"),
    ("0 9 * * 1-5", "at 09:00, Monday to Friday"),
    ("2 8-16/3 * * *", "at 08:02, 11:02 and 14:02 every day"),
    ("0,30 18-23 * * *", "every 30 minutes from 18:00 to 23:30 every day"),
    ("0-59/30 18-23 * * *", "every 30 minutes from 18:00 to 23:30 every day"),
    ("*/30 18-23 * * *", "every 30 minutes from 18:00 to 23:30 every day"),
    ("* * * * * *", "every second"),
    ("* * * * *", "every minute"),
    ("30 * * * * *", "at second 30 of every minute"),
    ("15 * * * *", "at minute 15 of every hour"),
    ("30 15 * * * *", "at minute 15, second 30 of every hour"),
    ("*/7 * * * *", "at minutes 0, 7, 14, … 56 of every hour"),
    ("*/7 * * * * *", "at seconds 0, 7, 14, … 56 of every minute"),
    ("5/10 * * * *", "every ten minutes from 00:05 to 23:55 every day"),
    ("*/10 * 9-17 * * *", "every ten seconds from 09:00:00 to 17:59:50 every day"),
    ("*/10 * 9,11 * * *", "every ten seconds of hours 9 and 11"),
    ("* 9-16 * * *", "every minute from 09:00 to 16:59 every day"),
    (
        "*/15 9-11,14-16 * * MON-FRI",
        "at minutes 0, 15, 30 and 45 of hours 9 to 11 and 14 to 16, Monday to Friday",
    ),
    ("5,20 * * * *", "at minutes 5 and 20 of every hour"),
    ("5,20 9-17 * * *", "at minutes 5 and 20 of hours 9 to 17"),
    ("5,20 */5 * * * *", "at seconds 5 and 20 of minutes 0, 5, 10, … 55 of every hour"),
    ("0 0 */6 * * *", "at 00:00, 06:00, 12:00 and 18:00 every day"),
    ("0 0 */5 * * *", "at 00:00, 05:00, 10:00, 15:00 and 20:00 every day"),
    ("@yearly", "at 00:00 on January 1"),
    ("@monthly", "at 00:00 on the 1st of the month"),
    ("@weekly", "at 00:00 on Sundays"),
    ("@daily", "at 00:00 every day"),
    ("@hourly", "every hour on the hour"),
    ("CRON_TZ=Europe/Berlin 0 9 * * MON-FRI", "at 09:00, Monday to Friday (Europe/Berlin time)"),
    ("0 0 0 L * ?", "at 00:00 on the last day of the month"),
    ("0 0 0 LW * ?", "at 00:00 on the last weekday (Monday to Friday) of the month"),
    ("0 0 0 L-3 * ?", "at 00:00 on the day three days before the last day of the month"),
    ("0 0 0 L-1 * ?", "at 00:00 on the second-to-last day of the month"),
    (
        "0 0 0 L-3W * ?",
        "at 00:00 on the weekday (Monday to Friday) nearest to the day three days before the last day of the month",
    ),
    (
        "0 0 0 15W * ?",
        "at 00:00 on the weekday (Monday to Friday) nearest to the 15th of the month",
    ),
    (
        "0 0 0 1W,15W * ?",
        "at 00:00 on the weekday (Monday to Friday) nearest to the 1st and the weekday nearest to the 15th of the month",
    ),
    (
        "0 0 0 5C * ?",
        "at 00:00 on the first day from the 5th to the end of the month that the calendar does not exclude",
    ),
    (
        "0 0 0 1,5C 6 ?",
        "at 00:00 on the 1st of June and on the first day from the 5th to the end of June that the calendar does not exclude",
    ),
    (
        "0 0 0 ? * FRIC",
        "at 00:00 on each Friday or, where the calendar excludes it, the first of the six days after it that is not excluded",
    ),
    (
        "0 0 0 ? 6 FRIC,MON",
        "at 00:00 on Mondays in June and on each Friday or, where the calendar excludes it, the first of the six days after it that is not excluded, if that is in June",
    ),
    ("0 0 0 ? * FRIL", "at 00:00 on the last Friday of the month"),
    ("0 0 0 ? * FRI#2", "at 00:00 on the second Friday of the month"),
    ("0 0 0 ? * MON#1,FRI#3", "at 00:00 on the first Monday and the third Friday of the month"),
    ("0 0 0 ? * MONL,WED", "at 00:00 on Wednesdays and on the last Monday of the month"),
    ("0 0 0 ? * L", "at 00:00 on Saturdays"),
    ("0 0 0 13 * FRI", "at 00:00 on the 13th of the month, and also on Fridays (either is enough)"),
    (
        "0 0 0 */2 * MON",
        "at 00:00 on the 1st, 3rd, 5th, … 31st of the month, but only on Mondays (both must match)",
    ),
    (
        "0 0 0 13 * FRI#2",
        "at 00:00 on the 13th of the month, and also on the second Friday of the month (either is enough)",
    ),
    ("0 0 0 31 2 MON", "at 00:00 on Mondays in February"),
    ("0 0 0 29 2 ?", "at 00:00 on February 29"),
    ("0 0 0 1 */3 *", "at 00:00 on the 1st of the month, only in January, April, July and October"),
    ("0 0 0 1 NOV-FEB *", "at 00:00 on the 1st of the month, only from November to February"),
    ("0 0 0 28-3 * *", "at 00:00 on the 1st to 3rd and 28th to 31st of the month"),
    ("0 0 0 1-7 * *", "at 00:00 on the 1st to 7th of the month"),
    ("0 0 0 1-31 * MON", "at 00:00 every day"),
    ("0 0 0 ? * FRI-MON", "at 00:00, Friday to Monday"),
    ("0 0 9 ? 6-8 MON-FRI", "at 09:00, Monday to Friday, only from June to August"),
    ("0 0 9 * 6 *", "at 09:00 every day in June"),
    ("*/10 * * 1 * *", "every ten seconds on the 1st of the month"),
    ("*/10 * * * 6 *", "every ten seconds in June"),
    ("*/10 * * * 1,7 MON", "every ten seconds on Mondays, only in January and July"),
    ("0 0 12 1,15 1,7 *", "at 12:00 on the 1st and 15th of the month, only in January and July"),
    ("0 0 12 15,L * ?", "at 12:00 on the 15th and the last day of the month"),
    (
        "0 0 0 LW 3,6,9,12 SUN#1",
        "at 00:00 on the last weekday (Monday to Friday) of the month, and also on the first Sunday of the month (either is enough), only in March, June, September and December",
    ),
    (
        "30 0 22-3 * * *",
        "at 00:00:30, 01:00:30, 02:00:30, 03:00:30, 22:00:30 and 23:00:30 every day",
    ),
    (
        "0 */30 22-3 * * *",
        "at 00:00, 00:30, 01:00, 01:30, 02:00, 02:30, 03:00, 03:30, 22:00, 22:30, 23:00 and 23:30 every day",
    ),
    ("0 0-29 9 * * *", "every minute from 09:00 to 09:29 every day"),
    ("0 0,1,2,10,20,35 9,10,14 * * *", "at minutes 0 to 2, 10, 20 and 35 of hours 9, 10 and 14"),
    ("0 0 0 ? 6 MON", "at 00:00 on Mondays in June"),
    ("0 0 0 10 6 MON", "at 00:00 on June 10, and also on Mondays in June (either is enough)"),
    (
        "0 0 0 L,15W,LW * ?",
        "at 00:00 on the last day, the last weekday (Monday to Friday) and the weekday nearest to the 15th of the month",
    ),
    ("0 0 0 ? * 1-3,5L", "at 00:00, Monday to Wednesday and on the last Friday of the month"),
    (
        "0 0 0 */2 * FRI#5",
        "at 00:00 on the 1st, 3rd, 5th, … 31st of the month, but only on the fifth Friday of the month (both must match)",
    ),
    ("0 0 0 10-20 * ?", "at 00:00 on the 10th to 20th of the month"),
    ("0 0 0 1,2,15 4 ?", "at 00:00 on April 1, 2 and 15"),
    (
        "0 0 0 31W 4-6 SUN",
        "at 00:00 on the weekday (Monday to Friday) nearest to the 31st of the month, and also on Sundays (either is enough), only from April to June",
    ),
    ("15 30 4 ? 12 WED#3", "at 04:30:15 on the third Wednesday of December"),
    ("0 0 12 ? * SUN,TUE,THU", "at 12:00 on Tuesdays, Thursdays and Sundays"),
    ("0 0 12 ? * TUE-SUN", "at 12:00, Tuesday to Sunday"),
    ("*/15 * * * MON-FRI", "every 15 minutes, Monday to Friday"),
    ("CRON_TZ=America/New_York 0 30 2 ? * SUN", "at 02:30 on Sundays (America/New_York time)"),
    ("0 0 0 1W 1 ?", "at 00:00 on the weekday (Monday to Friday) nearest to the 1st of January"),
    ("0 0-9,30-39 3 * * *", "at minutes 0 to 9 and 30 to 39 of hour 3"),
    ("0-9 * * * * *", "at seconds 0 to 9 of every minute"),
    ("* 30 * * * *", "every second of minute 30 of every hour"),
    ("* * 3 * * *", "every second from 03:00:00 to 03:59:59 every day"),
];

#[test]
fn schedules_are_explained_in_words() {
    let mut wrong = String::new();
    for (text, wanted) in SENTENCES {
        let sentence =
            Expression::parse(text).unwrap_or_else(|error| panic!("{text}: {error}")).explain();
        if sentence != *wanted {
            wrong += &format!("    ({text:?}, {sentence:?}),\n");
        }
    }
    assert!(wrong.is_empty(), "these differ:\n{wrong}");
}

#[test]
fn a_sentence_names_the_times_at_which_it_runs_and_no_others() {
    let mut random = Random::new(11);
    let mut shapes = [0; 4];
    for _ in 0..4000 {
        let time = random.time_of_day();
        let text = format!("{time} * * *");
        let sentence = Expression::parse(&text).unwrap().explain();
        let oracle = Oracle::parse(&text).unwrap();
        let wanted: BTreeSet<i64> = oracle.times(0, 86_400).collect();
        let shape =
            usize::from(sentence.contains(" of ")) + 2 * usize::from(sentence.contains(" from "));
        shapes[shape] += 1;
        assert_eq!(read(&sentence), wanted, "{text}: {sentence}");
    }
    assert!(shapes[..3].iter().all(|&count| count > 50), "{shapes:?}");
}

/// Reads a sentence without restrictions of days; returns seconds of a day.
fn read(sentence: &str) -> BTreeSet<i64> {
    let sentence = sentence.strip_suffix(" every day").unwrap_or(sentence);
    if let Some((step, ends)) = sentence.split_once(" from ") {
        let (first, last) = ends.split_once(" to ").expect("from and to");
        let step = interval(step.strip_suffix(" on the hour").unwrap_or(step));
        let (first, last) = (clock(first), clock(last));
        assert_eq!((last - first) % step, 0, "{sentence}");
        return (first..=last).step_by(usize::try_from(step).expect("a number")).collect();
    }
    if let Some(list) = sentence.strip_prefix("at ")
        && list.as_bytes()[0].is_ascii_digit()
    {
        return items(list).map(clock).collect();
    }
    let all = |end: i64| (0..end).collect::<Vec<_>>();
    let (mut seconds, mut minutes, mut hours) = (vec![0], all(60), all(24));
    for part in sentence
        .split(" of ")
        .flat_map(|part| part.split(", second ").map(move |piece| (part, piece)))
    {
        let (part, piece) = part;
        if part != piece && !part.starts_with(piece) {
            seconds = vec![piece.parse().expect("a number")];
            continue;
        }
        let piece = piece.strip_prefix("at ").or(piece.strip_prefix("the ")).unwrap_or(piece);
        match piece.split_once(' ').expect("two words") {
            ("second" | "seconds", list) => seconds = numbers(list),
            ("minute" | "minutes", list) => minutes = numbers(list),
            ("hour" | "hours", list) => hours = numbers(list),
            ("every", "second") => seconds = all(60),
            ("every", "minute" | "hour") => {}
            ("every", "hour on the hour") => minutes = vec![0],
            ("every", rest) => {
                let step = interval(piece);
                let every = |unit: i64| {
                    (0..60).step_by(usize::try_from(step / unit).expect("a number")).collect()
                };
                match rest {
                    rest if rest.ends_with("seconds") => seconds = every(1),
                    rest if rest.ends_with("minutes") => minutes = every(60),
                    _ => panic!("{sentence}"),
                }
            }
            _ => panic!("{sentence}"),
        }
    }
    let (seconds, minutes) = (&seconds, &minutes);
    let times =
        hours.iter().flat_map(|hour| minutes.iter().map(move |minute| hour * 3600 + minute * 60));
    times.flat_map(|time| seconds.iter().map(move |second| time + second)).collect()
}

fn items(list: &str) -> impl Iterator<Item = &str> {
    list.split(", ").flat_map(|item| item.split(" and "))
}

fn numbers(list: &str) -> Vec<i64> {
    let mut found: Vec<i64> = Vec::new();
    for item in items(list) {
        if let Some(last) = item.strip_prefix("… ") {
            let step = found[1] - found[0];
            let last: i64 = last.parse().expect("a number");
            while found.last() < Some(&last) {
                found.push(found[found.len() - 1] + step);
            }
            assert_eq!(found.last(), Some(&last), "{list}");
        } else if let Some((first, last)) = item.split_once(" to ") {
            found.extend(first.parse::<i64>().expect("a number")..=last.parse().expect("a number"));
        } else {
            found.push(item.parse().expect("a number"));
        }
    }
    found
}

fn clock(text: &str) -> i64 {
    let parts: Vec<i64> = text.split(':').map(|part| part.parse().expect("a number")).collect();
    parts[0] * 3600 + parts[1] * 60 + parts.get(2).unwrap_or(&0)
}

/// `every ten seconds` → 10.
fn interval(text: &str) -> i64 {
    const WORDS: [&str; 12] = [
        "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
        "twelve",
    ];
    let words: Vec<&str> = text.split(' ').collect();
    let (amount, unit) = match words[..] {
        ["every", unit] => (1, unit),
        ["every", amount, unit] => {
            let word = WORDS.iter().position(|word| *word == amount);
            (
                word.map_or_else(
                    || amount.parse().expect("a number"),
                    |index| i64::try_from(index + 1).expect("a number"),
                ),
                unit,
            )
        }
        _ => panic!("{text}"),
    };
    amount
        * match unit.trim_end_matches('s') {
            "second" => 1,
            "minute" => 60,
            "hour" => 3600,
            _ => panic!("{text}"),
        }
}
