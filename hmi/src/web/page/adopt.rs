//! What whoever assigns suites does with a proposed plan: adopts it with a password, or asks the tenants whose moves it needs (SCH-10).

use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use mes_core::{
    access::Rejection,
    engine::{Act, Command},
    id::PlanId,
};
use serde::Deserialize;

use super::plan::{Look, plan_page};
use crate::web::form::{At, Filled};
use crate::web::{AppState, error::WebError, session::Session};
use crate::{planner::Found, planning::Proposal};

/// Asks the tenants for the moves of the proposal that was shown.
pub(crate) async fn ask(
    State(state): State<AppState>,
    session: Session,
    Filled(sent): Filled<Asking>,
) -> Result<Response, WebError> {
    let found = state.desk.proposal(&session.scope);
    let outcome = match shown(found.as_deref(), &sent.inputs) {
        Ok(Proposal { adopted, asks, .. }) => {
            let command = Command::ProposeMoves { adopted: Box::new(adopted.clone()), asks: asks.clone() };
            state.desk.act(Act { scope: session.scope.clone(), signer: None, command }).await
        }
        Err(refusal) => Err(refusal),
    };
    match outcome {
        Ok(_) => Ok(Redirect::to("/plan#proposal").into_response()),
        Err(refusal) => plan_page(&state, &session, &Look::default(), Some(refusal)),
    }
}

/// The proposal that was shown, unless things changed since.
fn shown<'f>(found: Option<&'f Found>, inputs: &str) -> Result<&'f Proposal, Rejection> {
    let proposal = found.and_then(|it| it.as_ref().ok());
    proposal.filter(|it| it.adopted.inputs.short() == inputs).ok_or_else(|| {
        Rejection::new(
            "SCH-10",
            "表示後に状況が変わり、この案は使えません。新しい案を確認してください。",
            "Things changed since this was shown. Look at the new proposal.",
        )
    })
}

/// Which proposal was shown.
#[derive(Deserialize)]
pub(crate) struct Asking {
    inputs: String,
}

/// The planner's credential.
#[derive(Deserialize)]
pub(crate) struct Sent {
    inputs: String,
    password: String,
}

/// Adopts the proposal that was shown.
pub(crate) async fn adopt(
    State(state): State<AppState>,
    session: Session,
    At(plan): At<PlanId>,
    Filled(sent): Filled<Sent>,
) -> Result<Response, WebError> {
    let found = state.desk.proposal(&session.scope);
    let outcome = match shown(found.as_deref(), &sent.inputs) {
        Err(refusal) => Err(refusal),
        Ok(proposal) => {
            let (person, client) = (session.scope.person.clone(), session.visit.client.clone());
            match state.desk.check_credential(person, sent.password, client).await {
                Ok(reauth) => {
                    let command = Command::AdoptPlan { plan, adopted: Box::new(proposal.adopted.clone()) };
                    state.desk.act(Act { scope: session.scope.clone(), signer: Some(reauth), command }).await
                }
                Err(refusal) => Err(refusal),
            }
        }
    };
    match outcome {
        Ok(_) => Ok(Redirect::to("/plan").into_response()),
        Err(refusal) => plan_page(&state, &session, &Look::default(), Some(refusal)),
    }
}
