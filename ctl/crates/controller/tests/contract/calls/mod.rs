//! One client that calls every operation of the API.

mod controller;
mod hosts;
mod people;
mod runs;
mod schedules;
mod tokens;

use crate::document::{Call, Client, Document};
use crate::support::Controller;

/// Calls every operation.
pub(super) fn all(controller: &Controller, document: &Document) {
    let client = document.client(controller, Some(controller.bearer()));
    controller::probes(&client);
    tokens::all(&client);
    schedules::all(&client);
    people::all(controller, &client, document);
    hosts::all(controller, &client, document);
    controller::ca(&client);
    controller::events(&client);
}
