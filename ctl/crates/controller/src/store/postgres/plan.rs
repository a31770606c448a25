//! The check of each statement's plan, in tests: none may read a growing table from end to end.
//!
//! On tables of a few rows PostgreSQL reads everything, so sequential scans, and joins that begin
//! with one, are made as expensive as can be: one that is left has no index. An index that is read
//! whole is as bad, but where it gives the order of a page.

use super::sql::Sql;
use crate::store::conformance::SMALL;
use parking_lot::Mutex;
use serde_json::Value;
use std::collections::BTreeSet;

/// The statements that were checked.
static CHECKED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Panics if the server would read a growing table from end to end for this statement.
pub(super) async fn check(sql: &Sql, text: &str) {
    let verb = text.split_whitespace().next().unwrap_or_default();
    if !["SELECT", "INSERT", "UPDATE", "DELETE", "WITH"].contains(&verb)
        || !CHECKED.lock().insert(text.to_owned())
    {
        return;
    }
    // Statements that are sent together share a connection, and so the name of the checked one.
    static ONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    let one = ONE.lock().await;
    let plan = explain(sql, text).await;
    drop(one);
    assert_eq!(scan(&plan[0]["Plan"], false, ""), None, "{text}\n{plan:#}");
}

/// Returns the plan that holds for every value of the parameters.
async fn explain(sql: &Sql, text: &str) -> Value {
    let script = |text: String| async move { sql.script(&text).await };
    let numbers = (1..).take_while(|number| text.contains(&format!("${number}")));
    let nulls = vec!["NULL"; numbers.count()].join(", ");
    let values = if nulls.is_empty() { String::new() } else { format!("({nulls})") };
    let explained = script(format!(
        "PREPARE checked AS {text}; SET enable_seqscan = off; \
         SET enable_hashjoin = off; SET enable_mergejoin = off; \
         SET plan_cache_mode = force_generic_plan; \
         EXPLAIN (FORMAT JSON) EXECUTE checked {values}"
    ))
    .await;
    let plan = explained.unwrap_or_else(|error| panic!("{error}: {text}"));
    let reset = "DEALLOCATE checked; RESET enable_seqscan; RESET enable_hashjoin; \
                 RESET enable_mergejoin";
    script(reset.to_owned()).await.unwrap_or_else(|error| panic!("{error}: {text}"));
    serde_json::from_str(&plan.expect("a plan")).expect("a plan is JSON")
}

/// Returns the step that reads a growing table from end to end. `paged`: a step above it stops as
/// soon as it has enough. `above`: the table of the step above.
fn scan(step: &Value, paged: bool, above: &str) -> Option<String> {
    let kind = step["Node Type"].as_str().unwrap_or_default();
    // The step above a scan of an index alone names the table.
    let table = step["Relation Name"].as_str().unwrap_or(above);
    let is_small = table == "controller" || SMALL.contains(&table);
    let whole = match kind {
        "Seq Scan" => true,
        "Index Scan" | "Index Only Scan" => {
            step["Index Cond"].is_null() && (!paged || !step["Filter"].is_null())
        }
        "Bitmap Index Scan" => step["Index Cond"].is_null(),
        _ => false,
    };
    if whole && !is_small {
        return Some(format!("{kind} of {table}"));
    }
    let paged = match kind {
        "Limit" => true,
        // These read everything below them first.
        "Sort" | "Aggregate" | "Hash" | "Hash Join" | "Merge Join" | "ModifyTable" => false,
        _ => paged,
    };
    step["Plans"].as_array().into_iter().flatten().find_map(|step| scan(step, paged, table))
}
