//! `node`: the processes of the controller.

use super::{parsed, said};
use crate::cli::Node as Sub;
use crate::client::Controller;
use crate::clock;
use crate::error::Error;
use crate::print::listing::{self, List, Row};
use crate::terminal::{confirm, safe};
use agent_cron::Zone;
use controller_api::{Node, path};
use ureq::http::Method;

impl Row for Node {
    const HEAD: &'static [&'static str] = &["NODE", "NAME", "STATE", "HOSTS", "AGENTS", "STARTED"];
    const WIDE: &'static [&'static str] = &["API", "VERSION"];

    fn cells(&self, wide: bool, zone: &Zone) -> Vec<String> {
        let mut cells = vec![
            self.name(),
            safe(&self.name),
            state(self).to_owned(),
            self.connected.to_string(),
            safe(&self.listen.join(", ")),
            clock::shown(&self.started, zone),
        ];
        if wide {
            cells.extend([safe(&self.http), safe(&self.version)]);
        }
        cells
    }

    fn name(&self) -> String {
        self.number.map_or_else(|| "-".to_owned(), |number| number.to_string())
    }
}

/// Returns what a node does.
fn state(node: &Node) -> &'static str {
    match node {
        Node { running: false, .. } => "ended",
        Node { drained: true, .. } => "drained",
        Node { leads: true, .. } => "running, leads",
        Node { .. } => "running",
    }
}

/// Runs the subcommand.
///
/// # Errors
/// Any [`Error`].
pub(super) fn run(controller: &Controller, sub: &Sub) -> Result<(), Error> {
    match sub {
        Sub::List(format) => {
            let list = List::new(path::NODES, "nodes");
            listing::run::<Node>(controller, &list, format.format())
        }
        Sub::Drain(name) => {
            let text =
                controller.change::<()>(&Method::POST, &path::node_drain(name.number()), None)?;
            let node: Node = parsed(&text)?;
            said(&format!("node {} ({}) sends its hosts to the others", node.name(), node.name))
        }
        Sub::Resume(name) => {
            let text =
                controller.change::<()>(&Method::POST, &path::node_resume(name.number()), None)?;
            let node: Node = parsed(&text)?;
            said(&format!("node {} ({}) takes hosts again", node.name(), node.name))
        }
        Sub::Remove(remove) => {
            let number = remove.name.number();
            confirm(&format!("remove node {number}"), remove.yes.yes)?;
            controller.change::<()>(&Method::DELETE, &path::node(number), None)?;
            said(&format!("node {number} is removed"))
        }
    }
}
