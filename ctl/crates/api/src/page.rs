//! Lists in pages: every list of the API is read from its start, page by page, each page beginning
//! after the last entry of the one before it.

use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

/// Entries in one page, unless the query's `limit` says otherwise.
pub const DEFAULT_PAGE: usize = 100;

/// The most entries that a client may ask for in one page.
pub const MAX_PAGE: usize = 1000;

/// The query of a page of a list that is ordered by name or id.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
pub struct PageQuery {
    /// The most entries in the page, 1 to 1000.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 1000, default = 100)]
    pub limit: Option<usize>,
    /// The `next` of the page before; absent for the first page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}
