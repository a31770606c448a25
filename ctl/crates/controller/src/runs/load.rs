//! Makes a rollout of a run's rows.

use super::active::Active;
use super::dispatch::Brief;
use super::signed::Signed;
use crate::store::{RunRow, Store, StoreError, TargetSeed};
use fleet::run::{
    Budgets, LOST_AFTER, Moment, Options, Request, Rollout, RunState, TargetRow, TargetState, Terms,
};
use serde_json::{Map, Value};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Rows that one query reads.
const SEEDS: usize = 10_000;

/// Why a run cannot be driven.
#[derive(Debug)]
pub(super) enum LoadError {
    /// The database cannot be read.
    Store(StoreError),
    /// The row says something that this version does not understand.
    Row(String),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => error.fmt(f),
            Self::Row(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for LoadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Store(error) => Some(error),
            Self::Row(_) => None,
        }
    }
}

impl From<StoreError> for LoadError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// A run as it was read.
#[derive(Debug)]
pub(super) struct Loaded {
    terms: Terms,
    stop: Option<(fleet::run::RunEnd, Box<str>)>,
    seeds: Vec<TargetSeed>,
    row: RunRow,
    request: Request,
    signatures: Option<Value>,
}

/// Reads the rows of a run that is running or stopping.
pub(super) async fn read(store: &dyn Store, row: RunRow) -> Result<Loaded, LoadError> {
    let wrong = |what: &str, why: &dyn fmt::Display| {
        LoadError::Row(format!("its {what} cannot be read: {why}"))
    };
    let Some(not_after) = row.not_after else {
        return Err(LoadError::Row("it has no not_after".to_owned()));
    };
    let mut options: Map<String, Value> =
        serde_json::from_str(&row.options).map_err(|error| wrong("options", &error))?;
    let signatures = options.remove("signatures");
    let options: Options =
        serde_json::from_value(Value::Object(options)).map_err(|error| wrong("options", &error))?;
    let request: Map<String, Value> =
        serde_json::from_str(&row.request).map_err(|error| wrong("request", &error))?;
    let request = Request::parse(request).map_err(|error| wrong("request", &error))?;
    let seeds = seeds(store, row.number).await?;
    let stop = match (row.state, row.end) {
        (RunState::Stopping, Some(end)) => Some((end, row.why.clone().unwrap_or_default().into())),
        _ => None,
    };
    let terms = Terms {
        options,
        not_after,
        lost_after: Duration::from_millis(LOST_AFTER.unsigned_abs()),
        is_task: request.is_task(),
    };
    Ok(Loaded { terms, stop, seeds, row, request, signatures })
}

/// Reads the targets of a run.
pub(super) async fn seeds(store: &dyn Store, number: i64) -> Result<Vec<TargetSeed>, StoreError> {
    let mut seeds = Vec::new();
    loop {
        let from = u32::try_from(seeds.len()).unwrap_or(u32::MAX);
        let page = store.seeds(number, from, SEEDS).await?;
        let last = page.len() < SEEDS;
        seeds.extend(page);
        if last {
            return Ok(seeds);
        }
    }
}

impl Loaded {
    /// Makes the rollout. `known` returns the one copy of a host's id.
    pub(super) fn start(
        self,
        budgets: &mut Budgets,
        now: Moment,
        mut known: impl FnMut(String) -> Arc<str>,
    ) -> Active {
        let mut hosts = Vec::with_capacity(self.seeds.len());
        let mut rows = Vec::with_capacity(self.seeds.len());
        for seed in self.seeds {
            hosts.push(known(seed.host));
            rows.push(TargetRow {
                state: seed.state,
                asked: seed.sent_at.is_some(),
                code: seed.code,
                budgets: seed.budgets.iter().map(|name| budgets.id(name)).collect(),
                why: match seed.state {
                    TargetState::Queued => seed.why.map(Into::into),
                    _ => None,
                },
            });
        }
        let validity = self.terms.options.not_after;
        let signed =
            self.signatures.map(|signatures| Signed::new(&self.row, validity, signatures, &hosts));
        let brief = Brief::new(&self.row, self.request, self.terms.not_after, signed);
        let rollout = Rollout::new(self.terms, rows, self.stop, budgets, now);
        Active { rollout, hosts, brief: Arc::new(brief) }
    }
}
