//! Proposed changes of the facility: old beside new, and the second person's approval with a credential.

use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use mes_core::{
    access::Rejection,
    engine::{Act, Command},
    id::ChangeId,
    tenant::FacilityItem,
};
use serde::Deserialize;

use crate::web::form::{At, Filled};
use crate::web::{
    AppState,
    error::{WebError, status_of},
    frame::{Frame, page},
    locale::Words,
    session::Session,
};

/// One item of a change.
struct ItemLine {
    key: String,
    rows: Vec<(String, String, String)>,
}

/// One proposed change.
struct Line {
    id: String,
    by: String,
    text: String,
    items: Vec<ItemLine>,
    refusal: Option<String>,
}

#[derive(Template)]
#[template(path = "changes.html")]
struct ChangesPage {
    w: Words,
    frame: Frame,
    person: String,
    lines: Vec<Line>,
}

/// Every leaf of a JSON value with its path.
fn leaves(path: &str, value: &serde_json::Value, found: &mut Vec<(String, String)>) {
    let join = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match value {
        serde_json::Value::Object(map) => map.iter().for_each(|(name, value)| leaves(&join(name), value, found)),
        serde_json::Value::Array(list) => {
            list.iter().enumerate().for_each(|(index, value)| leaves(&join(&(index + 1).to_string()), value, found));
        }
        serde_json::Value::Null => {}
        serde_json::Value::String(text) => found.push((path.to_owned(), text.clone())),
        other => found.push((path.to_owned(), other.to_string())),
    }
}

/// Which fields differ, as (field, old, new).
fn differences(old: Option<&FacilityItem>, new: &FacilityItem) -> Vec<(String, String, String)> {
    let flat = |item: Option<&FacilityItem>| {
        let mut found = Vec::new();
        let value = item.and_then(|item| serde_json::to_value(item).ok()).unwrap_or_default();
        leaves("", &value, &mut found);
        found
    };
    let (before, after) = (flat(old), flat(Some(new)));
    let of = |list: &[(String, String)], path: &str| {
        list.iter().find(|(known, _)| known == path).map(|(_, value)| value.clone()).unwrap_or_default()
    };
    let gone = before.iter().filter(|(path, _)| !after.iter().any(|(known, _)| known == path));
    let paths = after.iter().chain(gone).map(|(path, _)| path);
    let rows = paths.map(|path| (path.clone(), of(&before, path), of(&after, path)));
    rows.filter(|(_, old, new)| old != new).collect()
}

fn changes_page(
    state: &AppState,
    session: &Session,
    refused: Option<(&ChangeId, Rejection)>,
) -> Result<Response, WebError> {
    let w = session.words();
    let view = session.view(state);
    let status = refused.as_ref().map_or(StatusCode::OK, |(_, refusal)| status_of(refusal));
    let lines = view.changes.iter().map(|(id, change)| Line {
        id: id.to_string(),
        by: view.facility.people.get(&change.by).map_or_else(|| change.by.to_string(), |p| p.name.full()),
        text: change.text.clone().unwrap_or_default(),
        items: change
            .items
            .iter()
            .map(|item| {
                let key = item.new.key();
                ItemLine { key: format!("{} {}", key.kind, key.id), rows: differences(item.old.as_ref(), &item.new) }
            })
            .collect(),
        refusal: refused
            .as_ref()
            .filter(|(about, _)| *about == id)
            .map(|(_, refusal)| format!("{} ({})", w.b(&refusal.said), refusal.rule)),
    });
    let content = ChangesPage {
        w,
        lines: lines.collect(),
        person: session.scope.person.to_string(),
        frame: Frame::of(state, session, &view, w.t("nav-changes")),
    };
    page(status, &content)
}

/// The page.
pub(crate) async fn show(State(state): State<AppState>, session: Session) -> Result<Response, WebError> {
    changes_page(&state, &session, None)
}

/// The approver's credential.
#[derive(Deserialize)]
pub(crate) struct Sent {
    password: String,
}

/// Approves a change.
pub(crate) async fn approve(
    State(state): State<AppState>,
    session: Session,
    At(id): At<ChangeId>,
    Filled(sent): Filled<Sent>,
) -> Result<Response, WebError> {
    let (person, client) = (session.scope.person.clone(), session.visit.client.clone());
    let outcome = match state.desk.check_credential(person, sent.password, client).await {
        Ok(reauth) => {
            let command = Command::ApproveChange { change: id.clone() };
            state.desk.act(Act { scope: session.scope.clone(), signer: Some(reauth), command }).await
        }
        Err(refusal) => Err(refusal),
    };
    match outcome {
        Ok(_) => Ok(Redirect::to("/changes").into_response()),
        Err(refusal) => changes_page(&state, &session, Some((&id, refusal))),
    }
}
