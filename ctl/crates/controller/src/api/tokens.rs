//! Join tokens: they admit hosts.

use super::document::problems::problems;
use super::extract::{Carried, Parameters, Segments};
use super::idempotency::ShownOnce;
use super::page;
use super::problem::ApiError;
use super::rule::{Given, Subject};
use super::service::{Api, created};
use super::times;
use crate::audit;
use crate::auth::{NoRandomness, Principal};
use crate::store::{NewToken, TokenRow};
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use controller_api::{
    CreatedJoinToken, JoinToken as Shown, JoinTokenList, NewJoinToken, PageQuery, RevokeQuery,
    RevokedJoinToken, path,
};
use fleet::join::RANDOM;
use fleet::{Action, IpNetwork, JoinTerms, JoinToken, LabelKey, LabelValue, Labels, TokenId};

problems! {
    /// The problems of one join token.
    OneToken: NotFound
}

problems! {
    /// The problems of a new join token.
    Creating: Conflict, IdempotencyMismatch, AlreadyCreated, TooLarge
}

/// Seconds that a token is good for, unless the operator says otherwise.
const DEFAULT_LIFE: u64 = 86_400;

/// The most bytes of a token's note.
const MAX_NOTE: usize = 200;

/// Lists the join tokens, without their secrets.
#[utoipa::path(
    get,
    path = path::TOKENS,
    params(PageQuery),
    responses((status = 200, description = "A page, ordered by id", body = JoinTokenList))
)]
pub(super) async fn list(
    _: Principal,
    State(api): State<Api>,
    Parameters(query): Parameters<PageQuery>,
) -> Result<Json<JoinTokenList>, ApiError> {
    let limit = page::limit(query.limit)?;
    let mut rows = api.store.tokens(&query.after.unwrap_or_default(), limit + 1).await?;
    let next = page::next(&mut rows, limit, |row| row.id.to_string());
    Ok(Json(JoinTokenList { tokens: rows.into_iter().map(shown).collect(), next }))
}

/// Shows a join token, without its secret.
#[utoipa::path(
    get,
    path = path::TOKEN,
    params(path::TokenPath),
    responses((status = 200, description = "The token", body = Shown), OneToken)
)]
pub(super) async fn show(
    _: Principal,
    State(api): State<Api>,
    Segments(id): Segments<String>,
) -> Result<Json<Shown>, ApiError> {
    let found = api.store.token(&token_id(&id)?).await?;
    found.map(|row| Json(shown(row))).ok_or_else(|| missing(&id))
}

/// Reads a request for a join token.
pub(super) fn read_new(given: &mut Given<'_>) -> Result<Subject, ApiError> {
    let new: NewJoinToken = given.body()?;
    let note = new.note.as_deref().unwrap_or_default();
    if note.len() > MAX_NOTE || note.contains(char::is_control) {
        let why = format!("a note is one line of at most {MAX_NOTE} bytes");
        return Err(ApiError::InvalidRequest(why));
    }
    terms(&new, audit::now())?;
    Ok(Subject::new(given, Action::TokensManage)
        .with("note", &new.note)
        .with("expires_in", new.expires_in.unwrap_or(DEFAULT_LIFE))
        .with("max_uses", new.max_uses.unwrap_or(1))
        .with("labels", &new.labels)
        .with("networks", &new.networks)
        .with("approval", new.approval)
        .with("per_source_rate", new.per_source_rate))
}

/// Creates a join token.
#[utoipa::path(
    post,
    path = path::TOKENS,
    request_body = NewJoinToken,
    responses(
        (status = 201, description = "The token, with its secret", body = CreatedJoinToken),
        Creating
    )
)]
pub(super) async fn create(
    principal: Principal,
    State(api): State<Api>,
    Carried(new): Carried<NewJoinToken>,
) -> Result<Response, ApiError> {
    let joining = api.joining.line().ok_or_else(|| {
        ApiError::Conflict(
            "no host can join by a token here: with --cert, the controller needs --server-ca, \
             which hosts are to trust"
                .to_owned(),
        )
    })?;
    let now = audit::now();
    let mut random = [0; RANDOM];
    getrandom::fill(&mut random).map_err(|_| NoRandomness)?;
    let token = JoinToken::new(&random);
    let row = api
        .store
        .create_token(NewToken {
            id: token.id().clone(),
            secret: token.secret_digest(),
            name: new.note.clone().unwrap_or_default(),
            terms: terms(&new, now)?,
            created_by: principal.name().to_owned(),
            now,
        })
        .await?;
    let secret = token.reveal();
    let body = CreatedJoinToken {
        token: shown(row),
        join: format!("{} --token {secret}", joining.command),
        ca: joining.pin,
        secret,
    };
    let mut response = created(&body);
    response.extensions_mut().insert(ShownOnce);
    Ok(response)
}

/// Reads a request to revoke a join token.
pub(super) fn read_revoke(given: &mut Given<'_>) -> Result<Subject, ApiError> {
    let query: RevokeQuery = given.query()?;
    let id = given.segment("token").unwrap_or_default();
    token_id(id)?;
    let subject = Subject::new(given, Action::TokensManage)
        .with("token", id)
        .with("revoke", true)
        .with("with_hosts", query.with_hosts);
    Ok(Subject { everywhere: query.with_hosts.then_some(Action::HostsBan), ..subject })
}

/// Revokes a join token: it admits no further host. With its hosts, it bans those that it admitted.
#[utoipa::path(
    delete,
    path = path::TOKEN,
    params(path::TokenPath, RevokeQuery),
    responses((status = 200, description = "Revoked", body = RevokedJoinToken), OneToken)
)]
pub(super) async fn revoke(
    _: Principal,
    State(api): State<Api>,
    Segments(id): Segments<String>,
    Carried(query): Carried<RevokeQuery>,
) -> Result<Json<RevokedJoinToken>, ApiError> {
    let token = token_id(&id)?;
    let banned = api.store.revoke_token(&token, query.with_hosts, audit::now()).await?;
    let row = api.store.token(&token).await?.ok_or_else(|| missing(&id))?;
    Ok(Json(RevokedJoinToken { token: shown(row), hosts_banned: banned.len() as u64 }))
}

fn terms(new: &NewJoinToken, now: i64) -> Result<JoinTerms, ApiError> {
    let invalid = |why: String| ApiError::InvalidRequest(why);
    let mut labels = Labels::new();
    for (key, value) in &new.labels {
        let key = LabelKey::new(key).map_err(|error| invalid(error.to_string()))?;
        let value = LabelValue::new(value).map_err(|error| invalid(error.to_string()))?;
        labels.insert(key, value);
    }
    let network = |text: &String| -> Result<IpNetwork, ApiError> {
        text.parse().map_err(|error: fleet::NetworkError| invalid(error.to_string()))
    };
    let seconds = new.expires_in.unwrap_or(DEFAULT_LIFE);
    let life = i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1000);
    let terms = JoinTerms {
        expires: now.saturating_add(life),
        max_uses: new.max_uses.unwrap_or(1),
        labels,
        networks: new.networks.iter().map(network).collect::<Result<_, _>>()?,
        approval: new.approval,
        per_source_rate: new.per_source_rate,
    };
    terms.check(now).map_err(|error| invalid(error.to_string()))?;
    Ok(terms)
}

fn shown(row: TokenRow) -> Shown {
    let labels = row.terms.labels.iter();
    Shown {
        id: row.id.to_string(),
        note: Some(row.name).filter(|name| !name.is_empty()),
        created_by: row.created_by,
        created_at: times::text(row.created_at),
        expires: times::text(row.terms.expires),
        max_uses: row.terms.max_uses,
        uses: row.uses,
        labels: labels.map(|(key, value)| (key.to_string(), value.to_string())).collect(),
        networks: row.terms.networks.iter().map(ToString::to_string).collect(),
        approval: row.terms.approval,
        per_source_rate: row.terms.per_source_rate,
        revoked_at: row.revoked_at.map(times::text),
    }
}

fn token_id(text: &str) -> Result<TokenId, ApiError> {
    // Whoever pastes the whole token must not find its secret in a log.
    TokenId::new(text).map_err(|_| {
        ApiError::NotFound("there is no such join token; the path takes its id".to_owned())
    })
}

fn missing(id: &str) -> ApiError {
    ApiError::NotFound(format!("there is no join token \"{id}\""))
}
