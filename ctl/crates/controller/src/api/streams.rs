//! The places of clients that follow something for as long as they like: bounded in all and per
//! operator.

use super::problem::ApiError;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

/// Streams in all: a hundred operators may look at five pages each. A page that nobody sees has
/// none.
const MAX_STREAMS: usize = 512;

/// Streams of one operator.
const MAX_STREAMS_OF_ONE: usize = 32;

/// The streams that are open, by operator.
#[derive(Debug)]
pub(super) struct Streams {
    open: Mutex<HashMap<String, usize>>,
    most: usize,
    most_of_one: usize,
}

/// The place of one stream; dropped, it is free.
#[derive(Debug)]
pub(super) struct Place {
    streams: Arc<Streams>,
    operator: String,
}

impl Streams {
    /// Makes places for as many streams as leave half of all clients' connections for requests.
    pub(super) fn new(clients: usize) -> Self {
        let most = MAX_STREAMS.min(clients / 2).max(2);
        Self { open: Mutex::default(), most, most_of_one: MAX_STREAMS_OF_ONE.min(most / 2) }
    }

    /// Takes a place.
    ///
    /// # Errors
    /// When the operator, or all together, have as many streams as there may be.
    pub(super) fn enter(self: &Arc<Self>, operator: &str) -> Result<Place, ApiError> {
        let mut open = self.open.lock();
        if open.get(operator).is_some_and(|count| *count >= self.most_of_one) {
            return Err(ApiError::TooManyStreams(format!(
                "{operator} follows {} streams already; close one",
                self.most_of_one
            )));
        }
        if open.values().sum::<usize>() >= self.most {
            return Err(ApiError::TooManyStreams(format!(
                "clients follow {} streams already; retry later",
                self.most
            )));
        }
        *open.entry(operator.to_owned()).or_default() += 1;
        drop(open);
        Ok(Place { streams: Arc::clone(self), operator: operator.to_owned() })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.streams.open.lock();
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
        let streams = Arc::new(Streams::new(1280));
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
        assert!(streams.open.lock().is_empty());
    }

    #[test]
    fn streams_leave_half_of_few_connections_for_requests() {
        for (clients, most, most_of_one) in [(48, 24, 12), (240, 120, 32), (4096, 512, 32)] {
            let streams = Streams::new(clients);
            assert_eq!((streams.most, streams.most_of_one), (most, most_of_one), "{clients}");
        }
    }
}
