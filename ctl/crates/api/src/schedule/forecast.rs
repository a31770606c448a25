//! Forecasts of the runs of schedules and of hosts' own jobs.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// The most hours of a forecast.
pub const MAX_FORECAST_HOURS: u32 = 168;
/// The query of a forecast.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
pub struct ForecastQuery {
    /// The hours from now on, 1 to 168.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 168, default = 24)]
    pub hours: Option<u32>,
    /// The hosts by labels; without it, all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<String>,
    /// `false`: hosts are not asked for their own jobs.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(default = true)]
    pub own: Option<bool>,
    /// A forecast that was made for the same question this many seconds ago is good enough: at most
    /// 3600.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(maximum = 3600, default = 0)]
    pub max_age: Option<u64>,
}

/// The runs of the coming hours over all hosts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScheduleForecast {
    /// The first minute: RFC 3339, UTC.
    #[schema(format = DateTime, example = "2026-01-31T09:30:00Z")]
    pub from: String,
    /// Starts in each minute from then on, over all hosts.
    pub load: Vec<u64>,
    /// The hosts.
    pub hosts: u64,
    /// Hosts whose own jobs are counted.
    pub asked: u64,
    /// Hosts that are offline: only their schedules are counted.
    pub offline: u64,
    /// Hosts that did not answer in time or were not asked: only their schedules are counted.
    pub silent: u64,
    /// Jobs that run most often, at most 1000; those of schedules come first.
    pub jobs: Vec<ForecastJob>,
    /// Jobs without any run in this time, at most 1000.
    pub never: Vec<ForecastNever>,
    /// Jobs that start in the same minute on one host, the most frequent first: at most 100.
    pub collisions: Vec<ForecastCollision>,
}

/// A job in a forecast.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ForecastJob {
    /// The schedule, or the host's own job or crontab line.
    pub name: String,
    /// Whether it is a schedule of the controller.
    pub schedule: bool,
    /// Hosts that have it.
    pub hosts: u64,
    /// Its runs on all of them.
    pub runs: u64,
    /// Its first run: RFC 3339, UTC.
    #[schema(format = DateTime)]
    pub first: Option<String>,
}

/// A job that does not run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ForecastNever {
    /// The schedule, or the host's own job or crontab line.
    pub name: String,
    /// Whether it is a schedule of the controller.
    pub schedule: bool,
    /// Why it does not run.
    pub why: String,
}

/// Jobs that meet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ForecastCollision {
    /// Their names.
    pub jobs: Vec<String>,
    /// The hosts on which they meet.
    pub hosts: u64,
    /// How often, over all hosts.
    pub times: u64,
    /// The first minute in which they meet: RFC 3339, UTC.
    #[schema(format = DateTime, example = "2026-01-31T09:30:00Z")]
    pub first: String,
}
