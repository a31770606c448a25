//! Which elements of two lists belong together.
//!
//! Equal elements are found as by diff(1) (Myers' algorithm, in time that grows with the number of
//! differences). Between them, elements with the same name are one element that changed.

use serde_json::Value;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// Differences beyond which the rest of two lists is not aligned.
const MAX_DIFFERENCES: usize = 1000;

/// Members that name an element of a list, in the order in which they are looked for.
const NAMES: &[&str] =
    &["name", "target", "path", "address", "destination", "id", "device", "sha256"];

/// What becomes of an element.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Step<'a> {
    /// It stays.
    Same,
    /// It has the same name and is different.
    Changed(&'a Value, &'a Value),
    /// It is gone.
    Removed(&'a Value),
    /// It is new.
    Added(&'a Value),
}

/// Returns the steps from one list to the other, in the order of both.
pub(super) fn steps<'a>(old: &'a [Value], new: &'a [Value]) -> Vec<Step<'a>> {
    let hashes = |list: &[Value]| list.iter().map(hash).collect::<Vec<u64>>();
    let pairs = equal_pairs(&hashes(old), &hashes(new));
    let (mut steps, mut x, mut y) = (Vec::new(), 0, 0);
    for (at_old, at_new) in pairs.into_iter().chain([(old.len(), new.len())]) {
        between(&old[x..at_old], &new[y..at_new], &mut steps);
        if at_old < old.len() {
            // Equal hashes are equal values, or at worst a change within.
            match old[at_old] == new[at_new] {
                true => steps.push(Step::Same),
                false => steps.push(Step::Changed(&old[at_old], &new[at_new])),
            }
        }
        (x, y) = (at_old + 1, at_new + 1);
    }
    steps
}

/// Appends the steps between two lists without an equal element in order.
fn between<'a>(old: &'a [Value], new: &'a [Value], steps: &mut Vec<Step<'a>>) {
    let mut places: HashMap<&str, usize> = HashMap::new();
    for (place, value) in new.iter().enumerate() {
        if let Some(name) = name(value) {
            places.entry(name).or_insert(place);
        }
    }
    let unnamed = old.len() == new.len() && places.is_empty();
    let mut next = 0;
    for (index, value) in old.iter().enumerate() {
        let partner = match name(value) {
            Some(name) => places.get(name).copied(),
            None => unnamed.then_some(index),
        };
        match partner.filter(|place| *place >= next) {
            Some(place) => {
                steps.extend(new[next..place].iter().map(Step::Added));
                steps.push(Step::Changed(value, &new[place]));
                next = place + 1;
            }
            None => steps.push(Step::Removed(value)),
        }
    }
    steps.extend(new[next.min(new.len())..].iter().map(Step::Added));
}

/// Returns the text that names an element.
pub(super) fn name(value: &Value) -> Option<&str> {
    NAMES.iter().find_map(|name| value.get(name)?.as_str())
}

fn hash(value: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    feed(value, &mut hasher);
    hasher.finish()
}

fn feed(value: &Value, hasher: &mut DefaultHasher) {
    match value {
        Value::Null => 0u8.hash(hasher),
        Value::Bool(flag) => (1u8, flag).hash(hasher),
        Value::Number(number) => (2u8, number.to_string()).hash(hasher),
        Value::String(text) => (3u8, text).hash(hasher),
        Value::Array(list) => {
            (4u8, list.len()).hash(hasher);
            list.iter().for_each(|value| feed(value, hasher));
        }
        Value::Object(members) => {
            (5u8, members.len()).hash(hasher);
            for (name, value) in members {
                name.hash(hasher);
                feed(value, hasher);
            }
        }
    }
}

/// Returns pairs of places of equal elements, ascending in both lists: all of a longest common
/// subsequence, or, of lists that differ too much, those at both ends.
fn equal_pairs(old: &[u64], new: &[u64]) -> Vec<(usize, usize)> {
    let head = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let (rest_old, rest_new) = (&old[head..], &new[head..]);
    let tail = rest_old.iter().rev().zip(rest_new.iter().rev()).take_while(|(a, b)| a == b).count();
    let middle_old = &rest_old[..rest_old.len() - tail];
    let middle_new = &rest_new[..rest_new.len() - tail];
    let mut pairs: Vec<(usize, usize)> = (0..head).map(|place| (place, place)).collect();
    pairs.extend(myers(middle_old, middle_new).into_iter().map(|(x, y)| (x + head, y + head)));
    pairs.extend((0..tail).map(|place| (old.len() - tail + place, new.len() - tail + place)));
    pairs
}

/// Myers, An O(ND) Difference Algorithm (1986): the greedy search, whose fronts are kept to walk
/// back.
fn myers(old: &[u64], new: &[u64]) -> Vec<(usize, usize)> {
    let most = (old.len() + new.len()).min(MAX_DIFFERENCES);
    // The furthest place in `old` on each diagonal (x - y), shifted so that indexes are not
    // negative.
    let shift = most + 1;
    let mut furthest = vec![0usize; 2 * most + 3];
    let mut fronts: Vec<Vec<usize>> = Vec::new();
    for differences in 0..=most {
        fronts.push(furthest[shift - differences..=shift + differences].to_vec());
        for diagonal in (shift - differences..=shift + differences).step_by(2) {
            let mut x = start(&furthest, diagonal, shift, differences);
            // A diagonal may begin above the first row of the other list.
            let Some(mut y) = (x + shift).checked_sub(diagonal) else { continue };
            while x < old.len() && y < new.len() && old[x] == new[y] {
                (x, y) = (x + 1, y + 1);
            }
            furthest[diagonal] = x;
            if x >= old.len() && y >= new.len() {
                return walk_back(&fronts, shift, (old.len(), new.len()));
            }
        }
    }
    Vec::new()
}

/// Returns where a diagonal begins with one more difference: below the diagonal to the right, or
/// right of the one to the left, whichever is further.
fn start(furthest: &[usize], diagonal: usize, shift: usize, differences: usize) -> usize {
    if differences == 0 {
        return 0;
    }
    let down = diagonal == shift - differences
        || (diagonal != shift + differences && furthest[diagonal - 1] < furthest[diagonal + 1]);
    if down { furthest[diagonal + 1] } else { furthest[diagonal - 1] + 1 }
}

/// Walks from the end to the start along the fronts; returns the equal pairs on the way, ascending.
fn walk_back(
    fronts: &[Vec<usize>],
    shift: usize,
    (mut x, mut y): (usize, usize),
) -> Vec<(usize, usize)> {
    let mut pairs = Vec::new();
    for differences in (0..fronts.len()).rev() {
        let front = &fronts[differences];
        // The front before this step, by diagonal.
        let at = |diagonal: usize| front[diagonal + differences - shift];
        let diagonal = x + shift - y;
        let (from_x, from_y, begin) = if differences == 0 {
            (0, 0, 0)
        } else {
            let lowest = shift - differences;
            let highest = shift + differences;
            let down =
                diagonal == lowest || (diagonal != highest && at(diagonal - 1) < at(diagonal + 1));
            let from = if down { diagonal + 1 } else { diagonal - 1 };
            let from_x = at(from);
            (from_x, from_x + shift - from, if down { from_x } else { from_x + 1 })
        };
        while x > begin {
            (x, y) = (x - 1, y - 1);
            pairs.push((x, y));
        }
        (x, y) = (from_x, from_y);
    }
    pairs.reverse();
    pairs
}
