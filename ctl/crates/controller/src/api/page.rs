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
