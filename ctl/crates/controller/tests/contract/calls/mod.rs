//! One client that calls every operation of the API.

mod controller;
mod hosts;
mod nodes;
mod people;
mod runs;
mod schedules;
mod tokens;

use crate::document::{Call, Client, Document};
use crate::support::Controller;

/// Calls every operation; returns those that cannot be called on this machine.
pub(super) fn all(controller: &Controller, document: &Document) -> &'static [&'static str] {
    let client = document.client(controller, Some(controller.bearer()));
    controller::probes(&client);
    tokens::all(&client);
    people::all(controller, &client, document);
    hosts::all(controller, &client, document);
    // After the hosts are gone: once there has been a schedule, the controller asks each host for
    // its jobs at any time, which the played agents do not expect.
    schedules::all(&client);
    controller::ca(&client);
    controller::events(&client);
    nodes::all(controller, document)
}
