//! Budgets: how many of some hosts may be at work at once, over all runs.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The most budgets.
pub const MAX_BUDGETS: usize = 256;

/// The definition of a budget.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BudgetDefinition {
    /// The hosts by labels, as in `role=db`; empty for all.
    #[schema(max_length = 4096, example = "role=db")]
    pub selector: String,
    /// How many of them may be at work at once, over all runs: 1 to 1000000.
    #[schema(minimum = 1, maximum = 1_000_000, example = 2)]
    pub limit: u32,
}

/// A budget: of the hosts that its selector matches, at most `limit` work for a run at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Budget {
    /// The name.
    #[schema(example = "databases")]
    pub name: String,
    /// The hosts by labels.
    pub selector: String,
    /// How many of them may be at work at once.
    pub limit: u32,
    /// How many of them work for runs now.
    #[serde(default)]
    pub working: u32,
    /// Who set it last.
    pub set_by: String,
    /// When: RFC 3339, UTC.
    #[schema(format = DateTime, example = "2026-01-31T09:30:00Z")]
    pub set_at: String,
}

/// A budget that holds for hosts of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlanBudget {
    /// The budget's name.
    #[schema(example = "databases")]
    pub name: String,
    /// How many hosts may be at work at once, over all runs.
    pub limit: u32,
    /// How many of them work for runs now.
    pub working: u32,
    /// The hosts of the plan that count for it.
    pub hosts: u64,
}

/// A page of budgets, ordered by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BudgetList {
    /// The budgets.
    pub budgets: Vec<Budget>,
    /// The next page's `after`; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}
