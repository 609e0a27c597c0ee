//! What a person needs to reach an address, checked before the handler runs. It keeps out whoever could do nothing there;
//! the command itself is judged inside `Engine::step`.

use axum::{
    extract::{RawPathParams, Request, State},
    http::header,
    middleware::Next,
    response::{IntoResponse, Response},
};
use mes_core::{
    access::{Action, Rejection},
    id::BatchId,
};

use super::{AppState, error::WebError, session::Visit};

/// What a person needs to reach an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Policy {
    /// Nothing: the way to a log-in, and what shows no record.
    Open,
    /// A log-in; what is shown is cut for the person.
    Person,
    /// A log-in whose policies permit one of these acts.
    Needs(&'static [Action]),
    /// A log-in, in a demo.
    Demo,
    /// The token of whoever watches over the process, from the configuration; no log-in.
    Monitor,
}

/// Lets a request through or answers it.
pub(crate) async fn check(
    State((state, policy)): State<(AppState, Policy)>,
    params: RawPathParams,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    for over in state.sessions.take_expired() {
        if let Err(rejection) = state.desk.note_logout(over, true).await {
            tracing::error!(%rejection, "the end of a session could not be entered");
        }
    }
    if policy == Policy::Monitor {
        let token = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = token.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
        if !state.desk.is_monitor(token) {
            // Whether there is anything to be watched is nobody else's business.
            return super::api::failed(&WebError::NotFound);
        }
        return next.run(Request::from_parts(parts, body)).await;
    }
    let background = parts.uri.path().starts_with("/live/");
    let visit = Visit::read(&parts, &state, !background);
    if let Err(error) = judge(&state, policy, &params, &visit) {
        let for_people = !parts.uri.path().starts_with("/api/") && !background;
        return if for_people { error.into_response() } else { super::api::failed(&error) };
    }
    parts.extensions.insert(visit);
    next.run(Request::from_parts(parts, body)).await
}

fn judge(state: &AppState, policy: Policy, params: &RawPathParams, visit: &Visit) -> Result<(), WebError> {
    if policy == Policy::Open {
        return Ok(());
    }
    let Some(scope) = &visit.scope else {
        return Err(WebError::LogIn { next: visit.path.clone(), partial: visit.partial });
    };
    let named = params.iter().find(|(name, _)| *name == "batch").map(|(_, value)| value);
    let batch: Option<BatchId> = named.map(str::parse).transpose().map_err(|_| WebError::NotFound)?;
    // What a person may not know exists is not there (TEN-01): the cut view says so before any policy speaks.
    if batch.as_ref().is_some_and(|batch| !state.desk.view().cut(scope).batches.contains_key(batch)) {
        return Err(WebError::NotFound);
    }
    match policy {
        Policy::Open | Policy::Person | Policy::Monitor => Ok(()),
        Policy::Demo if state.desk.demo().is_some() => Ok(()),
        Policy::Demo => Err(WebError::NotFound),
        Policy::Needs(actions) if actions.iter().any(|action| state.desk.may(scope, *action, batch.as_ref())) => Ok(()),
        Policy::Needs(_) => Err(WebError::Refused(Rejection::new(
            "access",
            "この操作の権限がありません。必要なら権限のある人に依頼してください。",
            "Your role does not allow this. Ask somebody whose role does.",
        ))),
    }
}
