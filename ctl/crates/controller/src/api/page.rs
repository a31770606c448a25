//! Pages of lists: one row more than asked for shows whether there is another page.

use super::problem::ApiError;
use controller_api::{DEFAULT_PAGE, MAX_PAGE};

/// Returns the entries of a page.
///
/// # Errors
/// When the client asks for none or too many.
pub(super) fn limit(asked: Option<usize>) -> Result<usize, ApiError> {
    let limit = asked.unwrap_or(DEFAULT_PAGE);
    if (1..=MAX_PAGE).contains(&limit) {
        Ok(limit)
    } else {
        Err(ApiError::InvalidRequest(format!("limit must be from 1 to {MAX_PAGE}")))
    }
}

/// Returns a position that a page begins after.
///
/// # Errors
/// When nothing has so high a position.
pub(super) fn position(after: u64) -> Result<u32, ApiError> {
    u32::try_from(after)
        .map_err(|_| ApiError::InvalidRequest(format!("after must be at most {}", u32::MAX)))
}

/// Returns the number of a change that a page begins after, or ends before.
///
/// # Errors
/// When no change can have so high a number.
pub(super) fn change(after: u64) -> Result<i64, ApiError> {
    i64::try_from(after)
        .map_err(|_| ApiError::InvalidRequest(format!("after must be at most {}", i64::MAX)))
}

/// Returns the times between which a list is wanted.
///
/// # Errors
/// When one is no time.
pub(super) fn times(
    since: Option<&str>,
    until: Option<&str>,
) -> Result<(Option<i64>, Option<i64>), ApiError> {
    let read = |name: &str, text: Option<&str>| {
        let time = text.map(crate::planning::time).transpose();
        time.map_err(|why| ApiError::InvalidRequest(format!("{name}: {why}")))
    };
    Ok((read("since", since)?, read("until", until)?))
}

/// Cuts rows, of which one more than `limit` was asked for, to the page; returns the next page's
/// `after`, if there is one.
pub(super) fn next<R, K>(rows: &mut Vec<R>, limit: usize, key: impl Fn(&R) -> K) -> Option<K> {
    let more = rows.len() > limit;
    rows.truncate(limit);
    rows.last().filter(|_| more).map(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_page_has_no_next_one() {
        for (count, limit, page, after) in
            [(0, 2, 0, None), (2, 2, 2, None), (3, 2, 2, Some(1)), (3, 1, 1, Some(0))]
        {
            let mut rows: Vec<usize> = (0..count).collect();
            assert_eq!((next(&mut rows, limit, |row| *row), rows.len()), (after, page), "{count}");
        }
    }
}
