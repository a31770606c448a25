//! The form of a new join token.

use crate::form::Form;
use crate::hosts::{labels, words};
use crate::units;
use controller_api::NewJoinToken;
use fleet::join::{MAX_NETWORKS, MAX_PER_SOURCE_RATE, MAX_USES};
use fleet::{IpNetwork, MAX_LABELS};

/// The most bytes of a note.
const MAX_NOTE: usize = 200;

/// How long a token may be good for: seconds, and the words.
const LIVES: [(u64, &str); 8] = [
    (3600, "1 hour"),
    (4 * 3600, "4 hours"),
    (12 * 3600, "12 hours"),
    (86_400, "1 day"),
    (3 * 86_400, "3 days"),
    (7 * 86_400, "7 days"),
    (14 * 86_400, "14 days"),
    (30 * 86_400, "30 days"),
];

/// What is typed, and what is wrong with it.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) note: String,
    pub(super) expires: String,
    pub(super) uses: String,
    pub(super) labels: String,
    pub(super) networks: String,
    pub(super) rate: String,
    pub(super) approval: bool,
    pub(super) note_problem: Option<String>,
    pub(super) expires_problem: Option<String>,
    pub(super) uses_problem: Option<String>,
    pub(super) labels_problem: Option<String>,
    pub(super) networks_problem: Option<String>,
    pub(super) rate_problem: Option<String>,
}

impl Default for Draft {
    fn default() -> Self {
        Self::of(&Form::of_query(Some("expires=86400&uses=10")))
    }
}

impl Draft {
    /// Reads a form.
    pub(super) fn of(form: &Form) -> Self {
        let text = |name: &str| form.get(name).trim().to_owned();
        Self {
            note: text("note"),
            expires: text("expires"),
            uses: text("uses"),
            labels: text("labels"),
            networks: text("networks"),
            rate: text("rate"),
            approval: form.has("approval"),
            note_problem: None,
            expires_problem: None,
            uses_problem: None,
            labels_problem: None,
            networks_problem: None,
            rate_problem: None,
        }
    }

    /// Returns the choices of how long a token is good for.
    pub(super) fn lives(&self) -> Vec<(u64, &'static str, bool)> {
        LIVES
            .into_iter()
            .map(|(life, word)| (life, word, self.expires == life.to_string()))
            .collect()
    }

    /// Returns whether the rarer fields are shown.
    pub(super) fn is_special(&self) -> bool {
        !self.networks.is_empty() || !self.rate.is_empty()
    }

    /// Returns the request, or `None` with the problems noted beside their fields.
    pub(super) fn request(&mut self) -> Option<NewJoinToken> {
        let number = |text: &str, most: u32| match text.parse::<u32>() {
            Ok(number) if (1..=most).contains(&number) => Ok(number),
            _ => Err(format!("Type a number from 1 to {}.", units::count(most.into()))),
        };
        let longest = LIVES[LIVES.len() - 1].0;
        let life = match self.expires.parse() {
            Ok(life) if (1..=longest).contains(&life) => Some(life),
            _ => {
                self.expires_problem = Some("Choose a time from the list.".to_owned());
                None
            }
        };
        let uses = noted(number(&self.uses, MAX_USES), &mut self.uses_problem);
        let rate = match self.rate.as_str() {
            "" => Some(None),
            text => noted(number(text, MAX_PER_SOURCE_RATE), &mut self.rate_problem).map(Some),
        };
        let given = labels(&self.labels).and_then(|labels| match labels.len() {
            ..=MAX_LABELS => Ok(labels),
            _ => Err(format!("A token gives at most {MAX_LABELS} labels.")),
        });
        let labels = noted(given, &mut self.labels_problem);
        let networks = noted(networks(&self.networks), &mut self.networks_problem);
        if self.note.len() > MAX_NOTE || self.note.contains(char::is_control) {
            self.note_problem = Some(format!("Type one line of at most {MAX_NOTE} bytes."));
            return None;
        }
        Some(NewJoinToken {
            expires_in: Some(life?),
            max_uses: Some(uses?),
            labels: labels?,
            networks: networks?,
            approval: self.approval,
            per_source_rate: rate?,
            note: Some(self.note.clone()).filter(|note| !note.is_empty()),
        })
    }
}

/// Notes a problem beside its field.
fn noted<T>(found: Result<T, String>, problem: &mut Option<String>) -> Option<T> {
    found.map_err(|why| *problem = Some(why)).ok()
}

/// Reads networks: CIDR, with commas, spaces or lines between them.
fn networks(text: &str) -> Result<Vec<String>, String> {
    let network = |word: &str| match word.parse::<IpNetwork>() {
        Ok(network) => Ok(network.to_string()),
        Err(error) => Err(format!("{error}. Write a network as 10.1.0.0/16 or 2001:db8::/32.")),
    };
    let found: Vec<String> = words(text).map(network).collect::<Result<_, _>>()?;
    match found.len() {
        ..=MAX_NETWORKS => Ok(found),
        _ => Err(format!("A token names at most {MAX_NETWORKS} networks.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mistake_is_told_beside_its_field_and_the_rest_stays() {
        let query = "note=rack+7&expires=86400&uses=0&labels=env&networks=10.0.0.0%2F99&rate=x";
        let mut draft = Draft::of(&Form::of_query(Some(query)));
        assert_eq!(draft.request(), None);
        for problem in [
            &draft.uses_problem,
            &draft.labels_problem,
            &draft.networks_problem,
            &draft.rate_problem,
        ] {
            assert!(problem.is_some(), "{draft:?}");
        }
        assert_eq!((draft.note.as_str(), &draft.expires_problem), ("rack 7", &None));
        let mut forever = Draft { expires: "999999999".to_owned(), ..Draft::default() };
        assert_eq!(forever.request(), None);
        assert!(forever.expires_problem.is_some());
    }

    #[test]
    fn the_form_as_it_is_shown_first_makes_a_token() {
        let new = Draft::default().request().unwrap();
        assert_eq!((new.expires_in, new.max_uses, new.approval), (Some(86_400), Some(10), false));
        let query = "expires=3600&uses=1&labels=env%3Dprod+role%3Dweb&networks=10.0.0.0%2F8%2C%3A%3A1\
                     %2F128&approval=1&rate=50";
        let new = Draft::of(&Form::of_query(Some(query))).request().unwrap();
        assert_eq!((new.labels.len(), new.networks.len(), new.per_source_rate), (2, 2, Some(50)));
        assert!(new.approval && new.note.is_none());
    }
}
