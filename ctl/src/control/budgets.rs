//! `budget`: how many of some hosts may be at work at once, over all runs.

use super::{parsed, said};
use crate::cli::{Budget as Sub, BudgetSet};
use crate::client::Controller;
use crate::clock;
use crate::error::Error;
use crate::print::listing::{self, List, Row};
use crate::terminal::{confirm, safe};
use agent_cron::Zone;
use controller_api::{Budget, BudgetDefinition, path};
use ureq::http::Method;

impl Row for Budget {
    const HEAD: &'static [&'static str] = &["NAME", "AT ONCE", "SELECTOR", "BY", "SET"];
    const WIDE: &'static [&'static str] = &[];

    fn cells(&self, _: bool, zone: &Zone) -> Vec<String> {
        vec![
            safe(&self.name),
            self.limit.to_string(),
            if self.selector.is_empty() { "all hosts".to_owned() } else { safe(&self.selector) },
            safe(&self.set_by),
            clock::shown(&self.set_at, zone),
        ]
    }

    fn name(&self) -> String {
        safe(&self.name)
    }
}

/// Runs the subcommand.
///
/// # Errors
/// Any [`Error`].
pub(super) fn run(controller: &Controller, sub: &Sub) -> Result<(), Error> {
    match sub {
        Sub::List(format) => {
            let list = List::new(path::BUDGETS, "budgets");
            listing::run::<Budget>(controller, &list, format.format())
        }
        Sub::Set(set) => self::set(controller, set),
        Sub::Remove(remove) => {
            confirm(&format!("remove budget {}", remove.name), remove.yes.yes)?;
            controller.change::<()>(&Method::DELETE, &path::budget(&remove.name), None)?;
            said(&format!("budget {} is removed", remove.name))
        }
    }
}

fn set(controller: &Controller, set: &BudgetSet) -> Result<(), Error> {
    let limit = u32::try_from(set.limit).map_err(|_| Error::usage("--limit is too large"))?;
    let body = BudgetDefinition { selector: set.selector.clone(), limit };
    let text = controller.change(&Method::PUT, &path::budget(&set.name), Some(&body))?;
    let budget: Budget = parsed(&text)?;
    let hosts = match budget.selector.as_str() {
        "" => "all hosts".to_owned(),
        selector => format!("the hosts {selector}"),
    };
    said(&format!("budget {}: of {hosts}, at most {} at once", budget.name, budget.limit))
}
