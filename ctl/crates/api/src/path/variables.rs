//! The variable segments of the paths.

use utoipa::IntoParams;

/// The segments of the path that name a fact of a host.
#[derive(Clone, Debug, PartialEq, Eq, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct FactPath {
    /// The host's id.
    #[param(example = "web-1.example")]
    pub host: String,
    /// The provider's method; `getinfo.` may be left out.
    #[param(example = "os")]
    pub method: String,
}

/// The segment of the path that names a host.
#[derive(Clone, Debug, PartialEq, Eq, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct HostPath {
    /// The host's id.
    #[param(example = "web-1.example")]
    pub host: String,
}

/// The segments of the path that name a task of a host.
#[derive(Clone, Debug, PartialEq, Eq, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct TaskPath {
    /// The host's id.
    #[param(example = "web-1.example")]
    pub host: String,
    /// The task's id.
    #[param(example = "nightly-42")]
    pub task: String,
}

/// The segment of the path that names a join token.
#[derive(Clone, Debug, PartialEq, Eq, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct TokenPath {
    /// The token's id.
    #[param(example = "4g1k7m9p2q5r")]
    pub token: String,
}

/// The segment of the path that names an operator.
#[derive(Clone, Debug, PartialEq, Eq, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct OperatorPath {
    /// The operator's name.
    #[param(example = "ann")]
    pub name: String,
}

/// The segments of the path that name an operator's API token.
#[derive(Clone, Debug, PartialEq, Eq, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct OperatorTokenPath {
    /// The operator's name.
    #[param(example = "ann")]
    pub name: String,
    /// The token's id.
    #[param(example = "b6a7a1f0-6f0e-4d53-9a60-5d9a7f2f6f11")]
    pub token: String,
}

/// The segment of the path that names a plan or its run.
#[derive(Clone, Debug, PartialEq, Eq, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct RunPath {
    /// The id of the plan and its run.
    #[param(example = "0195f3a2c7b070008a4e5d1c2b3a4f60")]
    pub run: String,
}

/// The segments of the path that name one host of a run.
#[derive(Clone, Debug, PartialEq, Eq, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct TargetPath {
    /// The run's id.
    #[param(example = "0195f3a2c7b070008a4e5d1c2b3a4f60")]
    pub run: String,
    /// The host's id.
    #[param(example = "web-1.example")]
    pub host: String,
}

/// The segment of the path that names a budget.
#[derive(Clone, Debug, PartialEq, Eq, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct BudgetPath {
    /// The budget's name.
    #[param(example = "databases")]
    pub name: String,
}

/// The segment of the path that names a node.
#[derive(Clone, Debug, PartialEq, Eq, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct NodePath {
    /// The node's number.
    #[param(example = 2)]
    pub node: i32,
}

/// The segment of the path that names a schedule.
#[derive(Clone, Debug, PartialEq, Eq, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct SchedulePath {
    /// The schedule's name.
    #[param(example = "backup")]
    pub schedule: String,
}

/// The segment of the path that names a role.
#[derive(Clone, Debug, PartialEq, Eq, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct RolePath {
    /// The role's name.
    #[param(example = "web-team")]
    pub role: String,
}
