//! Freezes a plan: the order of its targets, their stages, its id and its hash.

use super::NoPlan;
use super::hosts::{Candidate, LookedAt};
use super::wanted::{Hosts, Wanted};
use crate::store::{NewPlan, NewTarget};
use controller_api::Answer;
use fleet::UnixMillis;
use fleet::run::plan::{HostTree, PlanBytes};
use fleet::run::{NotAfter, PLAN_LIFE};
use uuid::Builder;

/// Makes the plan of what was found.
pub(super) fn freeze(
    wanted: Wanted,
    mut found: LookedAt,
    by: &str,
    now: UnixMillis,
) -> Result<NewPlan, NoPlan> {
    let Wanted { request, options, hosts } = wanted;
    // Hosts that would do it come first: a first stage of one host tells something then.
    found.candidates.sort_by_key(|candidate| rank(candidate.answer));
    let total = u32::try_from(found.candidates.len()).unwrap_or(u32::MAX);
    let ends = options.stage_ends(total);
    let id = id(now)?;
    let valid_until = match options.not_after {
        NotAfter::At(at) => at.min(now.saturating_add(PLAN_LIFE)),
        NotAfter::After(_) => now.saturating_add(PLAN_LIFE),
    };
    let tree = HostTree::new(found.candidates.iter().map(|candidate| candidate.host.as_str()));
    let bytes = PlanBytes {
        run: &id,
        request: &request,
        hosts: tree.root(),
        size: tree.size(),
        valid_from: now,
        valid_until: options.not_after.latest(now),
    };
    let hash = bytes.hash().to_string();
    let mut stage = 0;
    let mut targets = Vec::with_capacity(found.candidates.len());
    for (candidate, position) in found.candidates.into_iter().zip(0_u32..) {
        while ends.get(usize::from(stage)).is_some_and(|end| position >= *end) {
            stage += 1;
        }
        let Candidate { host, budgets, answer, why, .. } = candidate;
        targets.push(NewTarget { host, stage, budgets, answer: answer.name().to_owned(), why });
    }
    Ok(NewPlan {
        id,
        request: request.canonical(),
        options: serde_json::to_string(&options).expect("options go to memory"),
        selector: match hosts {
            Hosts::Selected { text, .. } => Some(text),
            Hosts::Listed(_) => None,
            Hosts::Again { selector, .. } => selector,
        },
        hash,
        created_by: by.to_owned(),
        created_at: now,
        valid_until,
        targets,
        left_out: found.left_out,
    })
}

/// Returns where a host with this answer stands in the run.
const fn rank(answer: Answer) -> u8 {
    match answer {
        Answer::Online => 0,
        Answer::NotAsked => 1,
        Answer::Queued => 2,
        Answer::Refused | Answer::Invalid => 3,
        Answer::Quarantined | Answer::Pending | Answer::NotYours => 4,
    }
}

/// Makes an id that sorts by time (UUID version 7).
fn id(now: UnixMillis) -> Result<String, NoPlan> {
    let mut random = [0; 10];
    getrandom::fill(&mut random).map_err(|_| NoPlan::NoRandomness)?;
    let millis = u64::try_from(now).unwrap_or_default();
    Ok(Builder::from_unix_timestamp_millis(millis, &random).into_uuid().simple().to_string())
}
