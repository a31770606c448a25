//! Formats lists and numbers as a person writes them.

/// A list of values with equal steps is shortened from this length on: `0, 2, 4, … 58`.
const SHORTENED: usize = 6;

/// `a`, `a and b`, `a, b and c`.
pub(super) fn join(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [only] => only.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// Small numbers as words.
pub(super) fn count(number: u32) -> String {
    const WORDS: [&str; 13] = [
        "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
        "eleven", "twelve",
    ];
    let word = usize::try_from(number).ok().and_then(|index| WORDS.get(index));
    word.map_or_else(|| number.to_string(), |&word| word.to_owned())
}

/// `1st`, `22nd`, `13th`.
pub(super) fn ordinal(number: u32) -> String {
    let ending = match (number % 10, number % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{number}{ending}")
}

/// Returns the numbers whose bits are set.
pub(super) fn members(set: u64) -> Vec<u32> {
    (0..64).filter(|bit| (set >> bit) & 1 != 0).collect()
}

/// Returns the members of a set as items of a list: three or more in a row as `a to b`, long lists
/// with equal steps shortened.
pub(super) fn items(set: u64, show: impl Fn(u32) -> String) -> Vec<String> {
    let members = members(set);
    if let [first, second, third, .., last] = members[..]
        && members.len() >= SHORTENED
        && second - first > 1
        && members.windows(2).all(|pair| pair[1] - pair[0] == second - first)
    {
        return vec![format!(
            "{}, {}, {}, … {}",
            show(first),
            show(second),
            show(third),
            show(last)
        )];
    }
    let runs = members.chunk_by(|a, b| b - a == 1);
    runs.flat_map(|run| match run {
        [first, _, .., last] if run.len() > 2 => {
            vec![format!("{} to {}", show(*first), show(*last))]
        }
        _ => run.iter().map(|&member| show(member)).collect(),
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_name_each_member_or_the_range() {
        let set = |members: &[u32]| members.iter().fold(0, |set, member| set | 1 << member);
        let table: [(&[u32], &str); 9] = [
            (&[], ""),
            (&[5], "5"),
            (&[5, 6], "5 and 6"),
            (&[5, 6, 7], "5 to 7"),
            (&[1, 3, 5, 7, 8, 23], "1, 3, 5, 7, 8 and 23"),
            (&[0, 1, 2, 7, 9, 10, 11, 63], "0 to 2, 7, 9 to 11 and 63"),
            (&[0, 15, 30, 45], "0, 15, 30 and 45"),
            (&[1, 11, 21, 31, 41, 51], "1, 11, 21, … 51"),
            (&[1, 2, 3, 4, 5, 6, 7], "1 to 7"),
        ];
        for (members, wanted) in table {
            assert_eq!(join(&items(set(members), |number| number.to_string())), wanted);
        }
    }

    #[test]
    fn ordinals_end_as_they_are_spoken() {
        let spoken = [1, 2, 3, 4, 11, 12, 13, 20, 21, 22, 23, 30, 31].map(ordinal);
        assert_eq!(
            spoken,
            [
                "1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "20th", "21st", "22nd", "23rd",
                "30th", "31st"
            ]
        );
    }
}
