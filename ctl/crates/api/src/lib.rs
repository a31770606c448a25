//! The controller's HTTP API, version 1, as types: paths, queries, bodies and problem details.
//!
//! The controller writes them; `BasicAgentCtl` and tests read them. Nothing here does I/O.
//! Each body derives `ToSchema` and each query `IntoParams`: their doc comments and examples are
//! what the OpenAPI document says.
//!
//! | request | response |
//! |---|---|
//! | `GET /api/v1/fleet` | [`Fleet`] |
//! | `GET /api/v1/fleet/trend` with [`TrendQuery`] | [`Trend`] |
//! | `GET /api/v1/fleet/arrivals` with [`ArrivalsQuery`] | [`Arrivals`] |
//! | `GET /api/v1/fleet/clones` | [`ClonedHosts`] |
//! | `GET /api/v1/fleet/count` with [`HostCountQuery`] | [`HostCount`] |
//! | `POST /api/v1/fleet/change` with [`HostsChange`] | [`HostsChanged`] |
//! | `GET /api/v1/labels` with [`LabelsQuery`] | [`LabelsInUse`] |
//! | `GET /api/v1/hosts` with [`HostsQuery`] | [`HostList`] |
//! | `GET /api/v1/hosts/{host}` | [`Host`] |
//! | `DELETE /api/v1/hosts/{host}` | 204: the host may join again |
//! | `PUT /api/v1/hosts/{host}/labels` with [`LabelChange`] | [`Host`] |
//! | `POST /api/v1/hosts/{host}/approve` | [`Host`] |
//! | `POST /api/v1/hosts/{host}/quarantine` with [`Reason`] | [`Host`] |
//! | `POST /api/v1/hosts/{host}/settle` with [`Settlement`] | [`Host`] |
//! | `POST /api/v1/hosts/{host}/ban` with [`Reason`] | [`Host`] |
//! | `POST /api/v1/hosts/{host}/requests` | the agent's reply to the body, verbatim |
//! | … with `"stream":true` in a `sync.bash` | NDJSON: output as it arrives, then the reply |
//! | `GET /api/v1/hosts/{host}/results` with [`ResultsQuery`] | [`ResultPage`] |
//! | `GET /api/v1/hosts/{host}/results/{task}` with [`ResultQuery`] | the newest result of the task's id, verbatim |
//! | `POST /api/v1/plans` with [`NewPlan`] | 201, [`Plan`] |
//! | `GET /api/v1/plans/{run}` | [`Plan`] |
//! | `GET /api/v1/plans/{run}/targets` with [`PlanTargetsQuery`] | [`PlanTargetList`] |
//! | `POST /api/v1/plans/{run}/apply` with [`ApplyPlan`] or nothing | [`Run`] |
//! | `POST /api/v1/runs` with [`NewPlan`] | 201, [`Run`]: plans and applies |
//! | `GET /api/v1/runs` with [`RunsQuery`] | [`RunList`] |
//! | `GET /api/v1/runs/{run}` | [`Run`] |
//! | `GET /api/v1/runs/{run}/targets` with [`TargetsQuery`] | [`TargetList`] |
//! | `GET /api/v1/runs/{run}/targets/{host}` | [`TargetResult`] |
//! | `GET /api/v1/runs/{run}/targets/{host}/output` with [`TargetOutputQuery`] | server-sent events |
//! | `GET /api/v1/runs/{run}/outputs` with [`OutputsQuery`] | [`OutputList`] |
//! | `POST /api/v1/runs/{run}/cancel` | [`Run`] |
//! | `POST /api/v1/runs/{run}/again` with [`Again`] | 201, [`Plan`] |
//! | `GET /api/v1/runs/{run}/changes` with [`ChangesQuery`] | [`ChangeList`] |
//! | `GET /api/v1/runs/{run}/events` with [`EventStreamQuery`] | server-sent events: `target` with a [`Target`], `run` with a [`Run`] |
//! | `GET /api/v1/budgets` with [`PageQuery`] | [`BudgetList`] |
//! | `GET /api/v1/budgets/{name}` | [`Budget`] |
//! | `PUT /api/v1/budgets/{name}` with [`BudgetDefinition`] | [`Budget`] |
//! | `DELETE /api/v1/budgets/{name}` | 204 |
//! | `GET /api/v1/history` with [`HistoryQuery`] | [`HistoryList`] |
//! | `GET /api/v1/history/export` with [`ExportQuery`] | NDJSON: each an [`ExportLine`], then [`ExportEnd`] |
//! | `GET /api/v1/hosts/{host}/facts` with [`FactQuery`] | [`HostFacts`] |
//! | `GET /api/v1/hosts/{host}/facts/{method}` with [`FactQuery`] | [`Fact`] |
//! | `GET /api/v1/hosts/{host}/facts/{method}/changes` with [`FactChangesQuery`] | [`FactChanges`] |
//! | `GET /api/v1/hosts/{host}/facts/{method}/schema` | [`FactSchema`] |
//! | `GET /api/v1/hosts/{host}/changes` with [`HostChangesQuery`] | [`HostChanges`] |
//! | `GET /api/v1/hosts/{host}/schedules` | [`HostSchedules`] |
//! | `GET /api/v1/hosts/{host}/tasks` with [`NewestQuery`] | [`HostTaskList`] |
//! | `POST /api/v1/hosts/{host}/facts/refresh` | [`FactRefresh`] |
//! | `GET /api/v1/facts/diff` with [`FactDiffQuery`] | [`FactDiff`] |
//! | `POST /api/v1/facts/where` with [`FactSearch`] | [`FactMatches`] |
//! | `GET /api/v1/facts/count` with [`FactCountQuery`] | [`FactCounts`] |
//! | `GET /api/v1/facts/packages` with [`PackageQuery`] | [`PackageHosts`] |
//! | `GET /api/v1/facts/services` with [`ServiceQuery`] | [`ServiceHosts`] |
//! | `GET /api/v1/facts/certificates` with [`CertificateQuery`] | [`CertificateHosts`] |
//! | `GET /api/v1/tokens` with [`PageQuery`] | [`JoinTokenList`] |
//! | `POST /api/v1/tokens` with [`NewJoinToken`] | 201, [`CreatedJoinToken`] |
//! | `GET /api/v1/tokens/{token}` | [`JoinToken`] |
//! | `DELETE /api/v1/tokens/{token}` with [`RevokeQuery`] | [`RevokedJoinToken`] |
//! | `GET /api/v1/operators` with [`PageQuery`] | [`OperatorList`] |
//! | `POST /api/v1/operators` with [`NewOperator`] | 201, [`Operator`] |
//! | `GET /api/v1/operators/{name}` | [`Operator`] |
//! | `PATCH /api/v1/operators/{name}` with [`OperatorChange`] | [`Operator`] |
//! | `DELETE /api/v1/operators/{name}` | 204 |
//! | `GET /api/v1/operators/{name}/tokens` with [`PageQuery`] | [`ApiTokenList`] |
//! | `POST /api/v1/operators/{name}/tokens` with [`NewApiToken`] | 201, [`CreatedApiToken`] |
//! | `DELETE /api/v1/operators/{name}/tokens/{token}` | 204 |
//! | `DELETE /api/v1/operators/{name}/sessions` | 204: every session has ended |
//! | `POST /api/v1/operators/{name}/login-link` | [`LoginLink`] |
//! | `GET /api/v1/roles` | [`RoleList`] |
//! | `GET /api/v1/roles/{role}` | [`Role`] |
//! | `PUT /api/v1/roles/{role}` with [`RoleDefinition`] | [`Role`] |
//! | `DELETE /api/v1/roles/{role}` | 204 |
//! | `GET /api/v1/schedules` with [`PageQuery`] | [`ScheduleList`] |
//! | `POST /api/v1/schedules/diff` with [`ScheduleSet`] | [`ScheduleDiff`] |
//! | `POST /api/v1/schedules/apply` with [`ScheduleSet`] | [`ScheduleDiff`] |
//! | `POST /api/v1/schedules/check` with [`ScheduleCheck`] | [`ScheduleChecked`] |
//! | `GET /api/v1/schedules/forecast` with [`ForecastQuery`] | [`ScheduleForecast`] |
//! | `GET /api/v1/schedules/{schedule}` | [`Schedule`] |
//! | `PUT /api/v1/schedules/{schedule}` with [`ScheduleEntry`] | [`Schedule`] |
//! | `DELETE /api/v1/schedules/{schedule}` | 204 |
//! | `GET /api/v1/schedules/{schedule}/hosts` with [`ScheduleHostsQuery`] | [`ScheduleHostList`] |
//! | `GET /api/v1/schedules/{schedule}/history` with [`NewestQuery`] | [`ScheduleHistory`] |
//! | `GET /api/v1/schedules/{schedule}/results` with [`NewestQuery`] | [`ScheduleResults`] |
//! | `POST /api/v1/login` with [`Login`] | [`LoggedIn`] |
//! | `POST /api/v1/login/link` with [`LinkLogin`] | [`LoggedIn`], with a session |
//! | `POST /api/v1/logout` | 204: the session, or the API token, has ended |
//! | `GET /api/v1/me` | [`Me`] |
//! | `GET /api/v1/live` with [`LiveQuery`] | server-sent events: `changed` with a [`LiveChange`] |
//! | `POST /api/v1/setup` with [`Setup`] | 201, [`Operator`] |
//! | `GET /api/v1/events` with [`EventsQuery`] | [`EventList`] |
//! | `GET /api/v1/events/verify` | [`EventsVerified`] |
//! | `GET /api/v1/system` | [`System`] |
//! | `GET /api/v1/nodes` | [`NodeList`] |
//! | `POST /api/v1/nodes/{node}/drain` | [`Node`] |
//! | `POST /api/v1/nodes/{node}/resume` | [`Node`] |
//! | `DELETE /api/v1/nodes/{node}` | 204 |
//! | `GET /api/v1/ca` | [`CaStatus`] |
//! | `POST /api/v1/ca/rotation` with [`RotationRequest`] | [`CaStatus`] |
//! | `GET /api/v1/openapi.json` | the OpenAPI document of all this |
//! | `GET /metrics` | what the controller counts, in the text format of OpenMetrics |
//! | `GET /healthz` | 200 while the controller runs |
//! | `GET /readyz` | 200, or the [`Problem`] that the controller has with its own data |
//!
//! Every request but the last two, `login`, `login/link` and `setup` needs the header `Authorization: Bearer
//! TOKEN`, or the cookie of a session; with a cookie, a request that is not a GET needs the header
//! [`CSRF_HEADER`] too. An error is a [`Problem`] (RFC 9457) with the media type [`PROBLEM_JSON`];
//! in a stream that has begun, it is the last line.
//!
//! A POST that answers 201 takes the header [`IDEMPOTENCY_HEADER`]: repeated with the same key and
//! body within 24 hours, it creates nothing more and gets the same answer, except for a secret,
//! which is shown once: the repeated request then gets the problem
//! [`ProblemKind::AlreadyCreated`].
//!
//! A request may bring its own `id` for `async.bash` only: it becomes the task's id, and a repeat
//! of the same request does not start the task again. The controller stores results itself, so
//! their hosts need not be connected.

mod amount;
mod budget;
mod ca;
mod event;
mod fact;
mod fleet;
mod health;
mod history;
mod host;
mod live;
mod login;
mod message;
mod operator;
mod page;
pub mod path;
mod plan;
mod problem;
mod result;
mod role;
mod run;
mod schedule;
mod system;
mod target;
mod token;

pub use amount::{Amount, NotAnAmount, Tolerance};
pub use budget::{Budget, BudgetDefinition, BudgetList, MAX_BUDGETS, PlanBudget};
pub use ca::{CaCertificate, CaStatus, RotationRequest, RotationState, RotationStep};
pub use event::{Event, EventList, EventOutcome, EventsQuery, EventsVerified};
pub use fact::{
    CertificateHosts, CertificateQuery, ExpiringCertificate, Fact, FactChange, FactChanges,
    FactChangesQuery, FactCount, FactCountQuery, FactCounts, FactDiff, FactDiffQuery, FactFailure,
    FactLine, FactMatch, FactMatches, FactQuery, FactRefresh, FactSchema, FactSearch, FactState,
    HostCertificates, HostChanges, HostChangesQuery, HostFacts, HostPackages, HostService,
    PackageHosts, PackageQuery, PackageVersion, ServiceHosts, ServiceQuery,
};
pub use fleet::{
    Arrivals, ArrivalsQuery, ClonedHosts, Fleet, FleetCertificates, FleetHosts, HostCount,
    HostCountQuery, HostsChange, HostsChanged, LabelsInUse, LabelsQuery, MAX_ARRIVALS,
    MAX_CHANGED_HOSTS, MAX_COUNTED_HOSTS, MAX_TREND_HOURS, NotChanged, Trend, TrendQuery,
    TrendSample,
};
pub use health::{Health, HealthStatus};
pub use history::{
    ExportEnd, ExportLine, ExportQuery, ExportedLine, HistoryEntry, HistoryList, HistoryQuery,
};
pub use host::{
    Departure, Host, HostClone, HostList, HostState, HostsQuery, Issuer, Label, LabelChange,
    LabelSource, Reason, SettleChoice, Settlement,
};
pub use live::{LiveChange, LiveKind, LiveQuery};
pub use login::{LinkLogin, LoggedIn, Login, LoginLink, Me, Proof, Setup};
pub use message::{
    AgentReply, AgentRequest, OutputFrame, OutputResp, Resp, StreamLine, TaskResult,
};
pub use operator::{
    ApiToken, ApiTokenList, CreatedApiToken, NewApiToken, NewOperator, Operator, OperatorChange,
    OperatorList,
};
pub use page::{DEFAULT_PAGE, MAX_PAGE, PageQuery};
pub use plan::{
    Answer, Answers, ApplyPlan, MAX_PLAN_HOSTS, MAX_SIGNATURE, MAX_SIGNATURES, MAX_SOAK_SECONDS,
    MAX_STAGES, NewPlan, Plan, PlanOptions, PlanStage, PlanTarget, PlanTargetList,
    PlanTargetsQuery,
};
pub use problem::{PROBLEM_JSON, Problem, ProblemKind};
pub use result::{
    DEFAULT_RESULTS, HostTask, HostTaskList, MAX_RESULTS, MAX_WAIT_SECONDS, ResultPage,
    ResultQuery, ResultsQuery, StoredResult,
};
pub use role::{Grant, Role, RoleDefinition, RoleList, RoleSource};
pub use run::{
    Again, ChangeList, ChangesQuery, EVENT_STREAM, Equation, EventStreamQuery, LAST_EVENT_ID,
    MAX_GATHER_MILLIS, Run, RunEnd, RunList, RunStage, RunState, RunsQuery,
};
pub use schedule::*;
pub use system::{DatabaseUse, Kept, Node, NodeList, ProcessUse, Records, System};
pub use target::{
    OutputGroup, OutputList, OutputPart, OutputStream, OutputsQuery, Target, TargetList,
    TargetOutputQuery, TargetResult, TargetState, TargetsQuery,
};
pub use token::{
    CreatedJoinToken, JoinToken, JoinTokenList, NewJoinToken, RevokeQuery, RevokedJoinToken,
};

/// The media type of a streamed reply: one JSON object per line.
pub const NDJSON: &str = "application/x-ndjson";

/// The header with a session's CSRF token.
pub const CSRF_HEADER: &str = "x-csrf-token";

/// The header with a key that the client chose: a request is not carried out twice with one key.
pub const IDEMPOTENCY_HEADER: &str = "idempotency-key";
