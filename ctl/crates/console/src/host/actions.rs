//! The forms that change a host.

use crate::api::Failure;
use crate::form::Form;
use crate::page::{done, host_page};
use crate::session::Session;
use axum::extract::Path;
use axum::http::Method;
use axum::response::Response;
use controller_api::{LabelChange, ProblemKind, Reason, SettleChoice, Settlement, path};

/// Sets or removes a label.
pub(super) async fn label(
    session: Session,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response, Failure> {
    let mut change = LabelChange::default();
    let removed = form.some("remove");
    match removed {
        Some(key) => change.remove.push(key.to_owned()),
        None => {
            let (key, value) = match form.get("label").split_once('=') {
                Some((key, value)) => (key.trim(), value.trim()),
                None => (form.get("label").trim(), ""),
            };
            change.set.insert(key.to_owned(), value.to_owned());
        }
    }
    session.api.act(Method::PUT, &path::host_labels(&id), &change, form.csrf()).await?;
    let key = if removed.is_some() { "label-gone" } else { "label-set" };
    Ok(done(&host_page(&id), key))
}

/// Does what the last segment of the path says.
pub(super) async fn act(
    session: Session,
    Path((id, action)): Path<(String, String)>,
    form: Form,
) -> Result<Response, Failure> {
    let (api, csrf) = (&session.api, form.csrf());
    let reason = Reason { reason: form.some("reason").map(str::to_owned) };
    let page = host_page(&id);
    match action.as_str() {
        "approve" => {
            api.act(Method::POST, &path::host_approve(&id), &(), csrf).await?;
            Ok(done(&page, "host-approved"))
        }
        "quarantine" => {
            api.act(Method::POST, &path::host_quarantine(&id), &reason, csrf).await?;
            Ok(done(&page, "host-quarantined"))
        }
        "settle" => {
            let choice = match form.get("choice") {
                "restored" => SettleChoice::Restored,
                "enroll_again" => SettleChoice::EnrollAgain,
                _ => SettleChoice::Keep,
            };
            let settlement = Settlement { choice };
            api.act(Method::POST, &path::host_settle(&id), &settlement, csrf).await?;
            Ok(done(&page, "host-settled"))
        }
        "ban" => {
            api.act(Method::POST, &path::host_ban(&id), &reason, csrf).await?;
            Ok(done(&page, "host-banned"))
        }
        "remove" => {
            api.act(Method::DELETE, &path::host(&id), &(), csrf).await?;
            Ok(done("/hosts", "host-removed"))
        }
        _ => Err(Failure::new(ProblemKind::UnknownPath, "there is no such action")),
    }
}
