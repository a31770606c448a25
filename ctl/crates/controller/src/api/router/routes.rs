//! The table of routes.

use crate::api::document::{Described, described};
use crate::api::rule::{Rule, Who};
use crate::api::service::Api;
use crate::api::{
    api_tokens, arrivals, budgets, bulk, ca, changes, events, facts, history, hosts, labels, live,
    login, login_link, metrics, nodes, openapi, operators, overview, plans, probes, requests,
    results, roles, run_events, runs, schedules, system, target_output, targets, tokens,
};
use axum::handler::Handler;
use axum::http::Method;
use axum::routing::{MethodFilter, MethodRouter, on};
use controller_api::path;
use fleet::Action;

/// One route of the API.
pub(in crate::api) struct Route {
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "the handler knows it; tests walk the table")
    )]
    pub(in crate::api) method: Method,
    pub(in crate::api) path: &'static str,
    /// Who may use it, and whether it changes anything.
    pub(in crate::api) rule: Rule,
    pub(super) handler: MethodRouter<Api>,
    /// What the OpenAPI document says about it.
    pub(in crate::api) described: Described,
}

impl Route {
    /// Makes a route. The gate stands before its handler.
    fn new<H, T>(
        method: Method,
        path: &'static str,
        rule: Rule,
        handler: H,
        described: Described,
    ) -> Self
    where
        H: Handler<T, Api>,
        T: 'static,
    {
        let filter = MethodFilter::try_from(method.clone()).expect("a standard method");
        Self { method, path, rule, handler: on(filter, handler), described }
    }
}

/// Makes a [`Route`] of a handler and its description; a handler without one does not compile.
macro_rules! route {
    ($method:ident, $path:expr, $rule:expr, $handler:path) => {
        Route::new(Method::$method, $path, $rule, $handler, described!($handler))
    };
}

/// Returns every route, with the rule that the gate enforces.
pub(in crate::api) fn routes() -> Vec<Route> {
    let mut routes = host_routes();
    routes.extend(run_routes());
    routes.extend(people_routes());
    routes.extend(schedule_table());
    routes.extend(controller_routes());
    routes
}

/// Returns the routes of hosts and of the tokens by which they join.
fn host_routes() -> Vec<Route> {
    use Action as A;
    vec![
        route!(GET, path::FLEET, Rule::reads(A::HostsRead), overview::show),
        route!(GET, path::FLEET_TREND, Rule::reads(A::HostsRead), overview::trend),
        route!(GET, path::FLEET_ARRIVALS, Rule::reads(A::HostsRead), arrivals::list),
        route!(GET, path::FLEET_CLONES, Rule::reads(A::HostsRead), arrivals::clones),
        route!(GET, path::FLEET_COUNT, Rule::reads(A::HostsRead), overview::count),
        route!(
            POST,
            path::FLEET_CHANGE,
            Rule::change(Who::Operators, bulk::read).large(),
            bulk::change
        ),
        route!(GET, path::LABELS, Rule::reads(A::HostsRead), labels::complete),
        route!(GET, path::HOSTS, Rule::reads(A::HostsRead), hosts::list),
        route!(GET, path::HOST, Rule::reads(A::HostsRead), hosts::show),
        route!(
            DELETE,
            path::HOST,
            Rule::changes(A::HostsRemove, hosts::read_remove),
            hosts::remove
        ),
        route!(
            PUT,
            path::HOST_LABELS,
            Rule::changes(A::HostsLabel, hosts::read_labels),
            hosts::label
        ),
        route!(
            POST,
            path::HOST_APPROVE,
            Rule::changes(A::HostsApprove, hosts::read_approve),
            hosts::approve
        ),
        route!(
            POST,
            path::HOST_QUARANTINE,
            Rule::changes(A::HostsQuarantine, hosts::read_quarantine),
            hosts::quarantine
        ),
        route!(
            POST,
            path::HOST_SETTLE,
            Rule::changes(A::HostsQuarantine, hosts::read_settle),
            hosts::settle
        ),
        route!(POST, path::HOST_BAN, Rule::changes(A::HostsBan, hosts::read_ban), hosts::ban),
        route!(POST, path::REQUESTS, Rule::asks(requests::read_ask), requests::ask),
        route!(GET, path::RESULTS, Rule::reads(A::ResultsRead), results::page),
        route!(GET, path::HOST_TASKS, Rule::reads(A::ResultsRead), results::newest),
        route!(GET, path::HOST_SCHEDULES, Rule::reads(A::SchedulesRead), schedules::of_host),
        route!(GET, path::RESULT, Rule::reads(A::ResultsRead), results::one),
        route!(GET, path::HOST_FACTS, Rule::reads(A::FactsRead), facts::list),
        route!(GET, path::HOST_FACT, Rule::reads(A::FactsRead), facts::show),
        route!(GET, path::HOST_FACT_CHANGES, Rule::reads(A::FactsRead), facts::changes),
        route!(GET, path::HOST_FACT_SCHEMA, Rule::reads(A::FactsRead), facts::schema),
        route!(GET, path::HOST_CHANGES, Rule::reads(A::FactsRead), facts::changes_of_host),
        route!(POST, path::HOST_FACTS_REFRESH, Rule::asks(facts::read_refresh), facts::refresh),
        route!(GET, path::FACTS_DIFF, Rule::reads(A::FactsRead), facts::diff),
        route!(POST, path::FACTS_WHERE, Rule::asks(facts::read_find), facts::find),
        route!(GET, path::FACTS_COUNT, Rule::reads(A::FactsRead), facts::count),
        route!(GET, path::FACTS_PACKAGES, Rule::reads(A::FactsRead), facts::packages),
        route!(GET, path::FACTS_SERVICES, Rule::reads(A::FactsRead), facts::services),
        route!(GET, path::FACTS_CERTIFICATES, Rule::reads(A::FactsRead), facts::certificates),
        route!(GET, path::TOKENS, Rule::reads(A::TokensRead), tokens::list),
        route!(
            POST,
            path::TOKENS,
            Rule::creates(A::TokensManage, tokens::read_new),
            tokens::create
        ),
        route!(GET, path::TOKEN, Rule::reads(A::TokensRead), tokens::show),
        route!(
            DELETE,
            path::TOKEN,
            Rule::changes(A::TokensManage, tokens::read_revoke),
            tokens::revoke
        ),
    ]
}

/// Returns the routes of plans and runs, of budgets, and of the history.
fn run_routes() -> Vec<Route> {
    use Action as A;
    vec![
        route!(POST, path::PLANS, Rule::plans(plans::read_new), plans::create),
        route!(GET, path::PLAN, Rule::reads(A::RunsRead), plans::show),
        route!(GET, path::PLAN_TARGETS, Rule::reads(A::RunsRead), plans::targets),
        route!(
            POST,
            path::PLAN_APPLY,
            Rule::change(Who::Operators, plans::read_apply).large(),
            plans::apply
        ),
        route!(GET, path::RUNS, Rule::reads(A::RunsRead), runs::list),
        route!(POST, path::RUNS, Rule::plans(plans::read_run), runs::create),
        route!(GET, path::RUN, Rule::reads(A::RunsRead), runs::show),
        route!(GET, path::RUN_TARGETS, Rule::reads(A::RunsRead), targets::list),
        route!(GET, path::RUN_TARGET, Rule::reads(A::ResultsRead), targets::show),
        route!(GET, path::RUN_TARGET_OUTPUT, Rule::reads(A::ResultsRead), target_output::follow),
        route!(GET, path::RUN_OUTPUTS, Rule::reads(A::RunsRead), targets::outputs),
        route!(
            POST,
            path::RUN_CANCEL,
            Rule::change(Who::Operators, runs::read_cancel),
            runs::cancel
        ),
        route!(
            POST,
            path::RUN_AGAIN,
            Rule::creation(Who::Operators, runs::read_again),
            runs::again
        ),
        route!(GET, path::RUN_CHANGES, Rule::reads(A::RunsRead), changes::list),
        route!(GET, path::RUN_EVENTS, Rule::reads(A::RunsRead), run_events::follow),
        route!(GET, path::BUDGETS, Rule::reads(A::RunsRead), budgets::list),
        route!(GET, path::BUDGET, Rule::reads(A::RunsRead), budgets::show),
        route!(PUT, path::BUDGET, Rule::changes(A::BudgetsManage, budgets::read_set), budgets::set),
        route!(
            DELETE,
            path::BUDGET,
            Rule::changes(A::BudgetsManage, budgets::read_remove),
            budgets::remove
        ),
        route!(GET, path::HISTORY, Rule::reads(A::ResultsRead), history::list),
        route!(GET, path::HISTORY_EXPORT, Rule::reads(A::ResultsRead), history::export),
    ]
}

/// Returns the routes of schedules.
fn schedule_table() -> Vec<Route> {
    use Action as A;
    vec![
        route!(GET, path::SCHEDULES, Rule::reads(A::SchedulesRead), schedules::list),
        route!(
            POST,
            path::SCHEDULES_DIFF,
            Rule::changes(A::SchedulesRead, schedules::read_diff).large(),
            schedules::diff
        ),
        route!(
            POST,
            path::SCHEDULES_APPLY,
            Rule::changes(A::SchedulesManage, schedules::read_apply).large(),
            schedules::apply
        ),
        route!(
            POST,
            path::SCHEDULES_CHECK,
            Rule::changes(A::SchedulesManage, schedules::read_check),
            schedules::check
        ),
        route!(GET, path::SCHEDULES_FORECAST, Rule::reads(A::SchedulesRead), schedules::forecast),
        route!(GET, path::SCHEDULE, Rule::reads(A::SchedulesRead), schedules::show),
        route!(
            PUT,
            path::SCHEDULE,
            Rule::changes(A::SchedulesManage, schedules::read_put).large(),
            schedules::put
        ),
        route!(
            DELETE,
            path::SCHEDULE,
            Rule::changes(A::SchedulesManage, schedules::read_remove),
            schedules::remove
        ),
        route!(GET, path::SCHEDULE_HOSTS, Rule::reads(A::SchedulesRead), schedules::hosts),
        route!(GET, path::SCHEDULE_HISTORY, Rule::reads(A::SchedulesRead), schedules::history),
        route!(GET, path::SCHEDULE_RESULTS, Rule::reads(A::SchedulesRead), schedules::results),
    ]
}

/// Returns the routes of operators, their roles and log-ins.
fn people_routes() -> Vec<Route> {
    use Action as A;
    vec![
        route!(GET, path::OPERATORS, Rule::reads(A::OperatorsRead), operators::list),
        route!(
            POST,
            path::OPERATORS,
            Rule::creates(A::OperatorsManage, operators::read_new),
            operators::create
        ),
        route!(GET, path::OPERATOR, Rule::reads(A::OperatorsRead), operators::show),
        route!(
            PATCH,
            path::OPERATOR,
            Rule::change(Who::Operators, operators::read_change),
            operators::change
        ),
        route!(
            DELETE,
            path::OPERATOR,
            Rule::changes(A::OperatorsManage, operators::read_delete),
            operators::delete
        ),
        route!(GET, path::OPERATOR_TOKENS, Rule::OPERATORS, api_tokens::list),
        route!(
            POST,
            path::OPERATOR_TOKENS,
            Rule::creation(Who::Operators, api_tokens::read_new),
            api_tokens::create
        ),
        route!(
            DELETE,
            path::OPERATOR_TOKEN,
            Rule::change(Who::Operators, api_tokens::read_delete),
            api_tokens::delete
        ),
        route!(
            DELETE,
            path::OPERATOR_SESSIONS,
            Rule::change(Who::Operators, login_link::read_end_sessions),
            login_link::end_sessions
        ),
        route!(
            POST,
            path::OPERATOR_LOGIN_LINK,
            Rule::changes(A::OperatorsManage, login_link::read_make),
            login_link::make
        ),
        route!(GET, path::ROLES, Rule::reads(A::RolesRead), roles::list),
        route!(GET, path::ROLE, Rule::reads(A::RolesRead), roles::show),
        route!(PUT, path::ROLE, Rule::changes(A::RolesManage, roles::read_put), roles::put),
        route!(
            DELETE,
            path::ROLE,
            Rule::changes(A::RolesManage, roles::read_delete),
            roles::delete
        ),
        route!(POST, path::LOGIN, Rule::change(Who::Everybody, login::read_login), login::login),
        route!(
            POST,
            path::LOGIN_LINK,
            Rule::change(Who::Everybody, login_link::read_use),
            login_link::log_in
        ),
        route!(POST, path::LOGOUT, Rule::change(Who::Operators, login::read_logout), login::logout),
        route!(GET, path::ME, Rule::OPERATORS, login::me),
        route!(GET, path::LIVE, Rule::OPERATORS, live::follow),
        route!(POST, path::SETUP, Rule::change(Who::Everybody, login::read_setup), login::setup),
    ]
}

/// Returns the routes of the controller itself.
fn controller_routes() -> Vec<Route> {
    use Action as A;
    vec![
        route!(GET, path::EVENTS, Rule::reads(A::AuditRead), events::list),
        route!(GET, path::EVENTS_VERIFY, Rule::reads(A::AuditRead), events::verify),
        route!(GET, path::SYSTEM, Rule::reads(A::MetricsRead), system::show),
        route!(GET, path::NODES, Rule::reads(A::MetricsRead), nodes::list),
        route!(
            POST,
            path::NODE_DRAIN,
            Rule::changes(A::NodesManage, nodes::read_node),
            nodes::drain
        ),
        route!(
            POST,
            path::NODE_RESUME,
            Rule::changes(A::NodesManage, nodes::read_node),
            nodes::resume
        ),
        route!(DELETE, path::NODE, Rule::changes(A::NodesManage, nodes::read_node), nodes::remove),
        route!(GET, path::CA, Rule::reads(A::CaRead), ca::show),
        route!(POST, path::CA_ROTATION, Rule::changes(A::CaRotate, ca::read_rotation), ca::rotate),
        route!(GET, path::OPENAPI, Rule::OPERATORS, openapi::show),
        route!(GET, path::METRICS, Rule::reads(A::MetricsRead), metrics::show),
        // What a monitor asks holds no secret, and a monitor should hold none either.
        route!(GET, path::HEALTH, Rule::OPEN, probes::health),
        route!(GET, path::READY, Rule::OPEN, probes::ready),
    ]
}
