//! `exec.check`: what a request would meet on this host (§5). Nothing starts, nothing is stored.

use super::failure::{Failure, Routed};
use super::route::{Call, is_exempt};
use super::ticket::IdKind;
use super::{reply, tasks};
use crate::exec::Spec;
use crate::policy::{Admission, Subject};
use crate::{schedule, task};
use agent_wire::message::{Bash, CronSet, ExecCheck, MAX_SYNC_TIMEOUT, Response, Signed};
use agent_wire::reply::CommandCheck;
use agent_wire::{Method, Params};

/// `exec.check`. The policy judges the request that it asks about, so whoever may not ask for that
/// learns only this.
pub(super) fn check(call: &mut Call<'_>) -> Routed {
    let ExecCheck { method, controller } = ExecCheck::parse(call.params())?;
    let bash = command(&method, call.params())?;
    let signed = Signed::parse(call.params())?;
    let controllers = match call.caller.peer.names() {
        Some(names) => Some(names.to_vec()),
        // The host's own root may ask on behalf of a controller.
        None => controller.map(|name| vec![name]),
    };
    let accounts = call.dispatcher.accounts.clone();
    call.later(IdKind::Request, Vec::new(), move |id, services, _| async move {
        if let Some(controllers) = controllers.filter(|_| !is_exempt(&method)) {
            let (controllers, bash) = (controllers.as_slice(), bash.as_ref());
            let subject = Subject { method: method.name(), controllers, bash, signed: &signed };
            match services.gate.check_command(subject)? {
                Admission::Granted => {}
                Admission::DependsOnAccount => {
                    services.gate.check_account(subject, &*accounts).await?;
                }
            }
        }
        if let Method::Unknown(name) = method {
            return Err(Failure::NoSuchMethod(name));
        }
        let Some(bash) = bash else { return Ok(Response::success(&id, 0)) };
        let found = services.executor.dry_run(&Spec::from(&bash)).await?;
        reply::with_data(
            &id,
            &CommandCheck {
                user: found.account.name.as_str().into(),
                uid: found.account.identity.uid,
                group: found.group.into(),
                gid: found.account.identity.gid,
                cwd: found.cwd.to_string_lossy(),
                shell: found.shell.to_string_lossy(),
                limits: (!bash.limits.is_none()).then(|| "ok".into()),
            },
        )
    })
}

/// Returns the command of the request, where its method brings one.
fn command(method: &Method, params: Params<'_>) -> Result<Option<Bash>, Failure> {
    Ok(match method {
        Method::AsyncBash => {
            let (bash, not_after) = tasks::command(params)?;
            task::check_time(not_after)?;
            Some(bash)
        }
        Method::CronSet => Some(Bash::clone(&schedule::resolve(CronSet::parse(params)?)?.bash)),
        Method::SyncBash => Some(Bash::parse(params, MAX_SYNC_TIMEOUT)?),
        _ => None,
    })
}
