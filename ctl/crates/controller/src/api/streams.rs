//! The places of clients that follow something for as long as they like: bounded in all and per
//! operator.

use super::problem::ApiError;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

/// Streams in all.
const MAX_STREAMS: usize = 256;

/// Streams of one operator.
const MAX_STREAMS_OF_ONE: usize = 32;

/// The streams that are open, by operator.
#[derive(Debug, Default)]
pub(super) struct Streams(Mutex<HashMap<String, usize>>);

/// The place of one stream; dropped, it is free.
#[derive(Debug)]
pub(super) struct Place {
    streams: Arc<Streams>,
    operator: String,
}

impl Streams {
    /// Takes a place.
    ///
    /// # Errors
    /// When the operator, or all together, have as many streams as there may be.
    pub(super) fn enter(self: &Arc<Self>, operator: &str) -> Result<Place, ApiError> {
        let mut open = self.0.lock();
        if open.get(operator).is_some_and(|count| *count >= MAX_STREAMS_OF_ONE) {
            return Err(ApiError::TooManyStreams(format!(
                "{operator} follows {MAX_STREAMS_OF_ONE} streams already; close one"
            )));
        }
        if open.values().sum::<usize>() >= MAX_STREAMS {
            return Err(ApiError::TooManyStreams(format!(
                "clients follow {MAX_STREAMS} streams already; retry later"
            )));
        }
        *open.entry(operator.to_owned()).or_default() += 1;
        drop(open);
        Ok(Place { streams: Arc::clone(self), operator: operator.to_owned() })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.streams.0.lock();
        if let Some(count) = open.get_mut(&self.operator) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.operator);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_bounded_per_operator_and_in_all() {
        let streams = Arc::new(Streams::default());
        let mut places: Vec<_> =
            (0..MAX_STREAMS_OF_ONE).map(|_| streams.enter("ann").unwrap()).collect();
        assert!(matches!(streams.enter("ann"), Err(ApiError::TooManyStreams(_))));
        places.pop();
        places.push(streams.enter("ann").unwrap());
        for operator in 0..MAX_STREAMS {
            match streams.enter(&operator.to_string()) {
                Ok(place) => places.push(place),
                Err(error) => assert!(matches!(error, ApiError::TooManyStreams(_))),
            }
        }
        assert_eq!(places.len(), MAX_STREAMS);
        drop(places);
        assert!(streams.0.lock().is_empty());
    }
}
