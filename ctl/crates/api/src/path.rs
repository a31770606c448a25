//! The API's paths: templates for the server's router, and complete paths for a client.

mod complete;
mod variables;

pub use complete::*;
pub use variables::{
    BudgetPath, FactPath, HostPath, NodePath, OperatorPath, OperatorTokenPath, RolePath, RunPath,
    SchedulePath, TargetPath, TaskPath, TokenPath,
};

/// The fleet in numbers.
pub const FLEET: &str = "/api/v1/fleet";

/// The fleet over the last hours.
pub const FLEET_TREND: &str = "/api/v1/fleet/trend";

/// The hosts that joined last.
pub const FLEET_ARRIVALS: &str = "/api/v1/fleet/arrivals";

/// The hosts whose identity several machines use.
pub const FLEET_CLONES: &str = "/api/v1/fleet/clones";

/// How many hosts match.
pub const FLEET_COUNT: &str = "/api/v1/fleet/count";

/// A change of many hosts.
pub const FLEET_CHANGE: &str = "/api/v1/fleet/change";

/// The labels in use, to complete a selector.
pub const LABELS: &str = "/api/v1/labels";

/// The hosts.
pub const HOSTS: &str = "/api/v1/hosts";

/// One host.
pub const HOST: &str = "/api/v1/hosts/{host}";

/// The labels of a host.
pub const HOST_LABELS: &str = "/api/v1/hosts/{host}/labels";

/// An operator's approval of a pending host.
pub const HOST_APPROVE: &str = "/api/v1/hosts/{host}/approve";

/// An operator's quarantine of a host.
pub const HOST_QUARANTINE: &str = "/api/v1/hosts/{host}/quarantine";

/// The end of a host's quarantine.
pub const HOST_SETTLE: &str = "/api/v1/hosts/{host}/settle";

/// The ban of a host's key.
pub const HOST_BAN: &str = "/api/v1/hosts/{host}/ban";

/// Requests to a host.
pub const REQUESTS: &str = "/api/v1/hosts/{host}/requests";

/// A host's results.
pub const RESULTS: &str = "/api/v1/hosts/{host}/results";

/// The tasks of a host that have ended.
pub const HOST_TASKS: &str = "/api/v1/hosts/{host}/tasks";

/// The result of one task.
pub const RESULT: &str = "/api/v1/hosts/{host}/results/{task}";

/// The plans.
pub const PLANS: &str = "/api/v1/plans";

/// One plan.
pub const PLAN: &str = "/api/v1/plans/{run}";

/// The hosts of a plan.
pub const PLAN_TARGETS: &str = "/api/v1/plans/{run}/targets";

/// The start of a plan's run.
pub const PLAN_APPLY: &str = "/api/v1/plans/{run}/apply";

/// The runs.
pub const RUNS: &str = "/api/v1/runs";

/// One run.
pub const RUN: &str = "/api/v1/runs/{run}";

/// The targets of a run.
pub const RUN_TARGETS: &str = "/api/v1/runs/{run}/targets";

/// One target of a run.
pub const RUN_TARGET: &str = "/api/v1/runs/{run}/targets/{host}";

/// What a command prints on one host of a run.
pub const RUN_TARGET_OUTPUT: &str = "/api/v1/runs/{run}/targets/{host}/output";

/// The outputs of a run's targets, grouped.
pub const RUN_OUTPUTS: &str = "/api/v1/runs/{run}/outputs";

/// The end of a run before its time.
pub const RUN_CANCEL: &str = "/api/v1/runs/{run}/cancel";

/// A new plan of a run's targets.
pub const RUN_AGAIN: &str = "/api/v1/runs/{run}/again";

/// The changes of a run's targets.
pub const RUN_CHANGES: &str = "/api/v1/runs/{run}/changes";

/// The changes of a run's targets as they happen.
pub const RUN_EVENTS: &str = "/api/v1/runs/{run}/events";

/// The budgets.
pub const BUDGETS: &str = "/api/v1/budgets";

/// One budget.
pub const BUDGET: &str = "/api/v1/budgets/{name}";

/// What ran where.
pub const HISTORY: &str = "/api/v1/history";

/// What ran where, as a stream.
pub const HISTORY_EXPORT: &str = "/api/v1/history/export";

/// A host's facts.
pub const HOST_FACTS: &str = "/api/v1/hosts/{host}/facts";

/// One fact of a host.
pub const HOST_FACT: &str = "/api/v1/hosts/{host}/facts/{method}";

/// The log of changes of a fact.
pub const HOST_FACT_CHANGES: &str = "/api/v1/hosts/{host}/facts/{method}/changes";

/// The JSON Schema of a fact.
pub const HOST_FACT_SCHEMA: &str = "/api/v1/hosts/{host}/facts/{method}/schema";

/// The log of changes of all facts of a host.
pub const HOST_CHANGES: &str = "/api/v1/hosts/{host}/changes";

/// The schedules of a host.
pub const HOST_SCHEDULES: &str = "/api/v1/hosts/{host}/schedules";

/// A request to ask a host for its facts now.
pub const HOST_FACTS_REFRESH: &str = "/api/v1/hosts/{host}/facts/refresh";

/// The difference of two facts.
pub const FACTS_DIFF: &str = "/api/v1/facts/diff";

/// Hosts by a part of their facts.
pub const FACTS_WHERE: &str = "/api/v1/facts/where";

/// Numbers of hosts by a part of their facts.
pub const FACTS_COUNT: &str = "/api/v1/facts/count";

/// Hosts by an installed package.
pub const FACTS_PACKAGES: &str = "/api/v1/facts/packages";

/// Hosts by a service.
pub const FACTS_SERVICES: &str = "/api/v1/facts/services";

/// Hosts by the end of their certificates.
pub const FACTS_CERTIFICATES: &str = "/api/v1/facts/certificates";

/// The join tokens.
pub const TOKENS: &str = "/api/v1/tokens";

/// One join token.
pub const TOKEN: &str = "/api/v1/tokens/{token}";

/// The operators.
pub const OPERATORS: &str = "/api/v1/operators";

/// One operator.
pub const OPERATOR: &str = "/api/v1/operators/{name}";

/// An operator's API tokens.
pub const OPERATOR_TOKENS: &str = "/api/v1/operators/{name}/tokens";

/// One API token of an operator.
pub const OPERATOR_TOKEN: &str = "/api/v1/operators/{name}/tokens/{token}";

/// An operator's sessions.
pub const OPERATOR_SESSIONS: &str = "/api/v1/operators/{name}/sessions";

/// A link that logs an operator in.
pub const OPERATOR_LOGIN_LINK: &str = "/api/v1/operators/{name}/login-link";

/// The schedules.
pub const SCHEDULES: &str = "/api/v1/schedules";

/// The difference that applying schedules makes.
pub const SCHEDULES_DIFF: &str = "/api/v1/schedules/diff";

/// Schedules to apply.
pub const SCHEDULES_APPLY: &str = "/api/v1/schedules/apply";

/// A look at hosts.
pub const SCHEDULES_CHECK: &str = "/api/v1/schedules/check";

/// The runs of the coming hours.
pub const SCHEDULES_FORECAST: &str = "/api/v1/schedules/forecast";

/// One schedule.
pub const SCHEDULE: &str = "/api/v1/schedules/{schedule}";

/// A schedule's hosts.
pub const SCHEDULE_HOSTS: &str = "/api/v1/schedules/{schedule}/hosts";

/// A schedule's versions.
pub const SCHEDULE_HISTORY: &str = "/api/v1/schedules/{schedule}/history";

/// Results of a schedule's runs.
pub const SCHEDULE_RESULTS: &str = "/api/v1/schedules/{schedule}/results";

/// The roles.
pub const ROLES: &str = "/api/v1/roles";

/// One role.
pub const ROLE: &str = "/api/v1/roles/{role}";

/// Logging in. Needs no token.
pub const LOGIN: &str = "/api/v1/login";

/// Logging in by a link. Needs no token, but the link's secret.
pub const LOGIN_LINK: &str = "/api/v1/login/link";

/// Logging out.
pub const LOGOUT: &str = "/api/v1/logout";

/// The caller's own account.
pub const ME: &str = "/api/v1/me";

/// What changes, as it changes.
pub const LIVE: &str = "/api/v1/live";

/// The first operator. Needs no token, but the secret of the first start.
pub const SETUP: &str = "/api/v1/setup";

/// The audit log.
pub const EVENTS: &str = "/api/v1/events";

/// The check of the whole audit log.
pub const EVENTS_VERIFY: &str = "/api/v1/events/verify";

/// The controller itself.
pub const SYSTEM: &str = "/api/v1/system";

/// The nodes of the controller.
pub const NODES: &str = "/api/v1/nodes";

/// One node.
pub const NODE: &str = "/api/v1/nodes/{node}";

/// Sends the hosts of a node to others.
pub const NODE_DRAIN: &str = "/api/v1/nodes/{node}/drain";

/// Lets a node take hosts again.
pub const NODE_RESUME: &str = "/api/v1/nodes/{node}/resume";

/// The controller's own CA.
pub const CA: &str = "/api/v1/ca";

/// The rotation of the CA.
pub const CA_ROTATION: &str = "/api/v1/ca/rotation";

/// Whether the controller runs. Needs no token.
pub const HEALTH: &str = "/healthz";

/// Whether the controller can do all of its work. Needs no token.
pub const READY: &str = "/readyz";

/// What the controller counts, for Prometheus.
pub const METRICS: &str = "/metrics";

/// The OpenAPI document of all this.
pub const OPENAPI: &str = "/api/v1/openapi.json";
