//! The cgroups that hold the processes of commands and tasks, and keep their limits.

pub(crate) mod controllers;
pub(crate) mod leaves;
pub(crate) mod limits;
pub(crate) mod root;
mod stock;
