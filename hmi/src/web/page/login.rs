//! Log in, log out, choose a language.

use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use axum_extra::extract::cookie::CookieJar;
use mes_core::{
    access::{Rejection, Scope},
    engine::{Act, Command},
    id::{PersonId, SessionId},
    quantity::Language,
};
use serde::Deserialize;

use crate::web::form::{Asked, Filled};
use crate::web::{
    AppState,
    error::{WebError, status_of},
    form::{self, own_path},
    frame::{Frame, page},
    locale::Words,
    session::{self, Visit},
};

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage {
    w: Words,
    frame: Frame,
    next: String,
    person: String,
    refusal: Option<String>,
}

/// Where to go after the log-in.
#[derive(Deserialize)]
pub(crate) struct Next {
    next: Option<String>,
}

fn show(
    state: &AppState,
    visit: &Visit,
    next: String,
    person: String,
    refusal: Option<Rejection>,
) -> Result<Response, WebError> {
    let w = Words(visit.language);
    let status = refusal.as_ref().map_or(StatusCode::OK, status_of);
    let refusal = refusal.map(|refusal| w.b(&refusal.said).to_owned());
    let frame = Frame::open(state, visit, w.t("login-title"));
    page(status, &LoginPage { w, frame, next, person, refusal })
}

/// The log-in page.
pub(crate) async fn form(
    State(state): State<AppState>,
    visit: Visit,
    Asked(query): Asked<Next>,
) -> Result<Response, WebError> {
    show(&state, &visit, own_path(query.next.as_deref()), String::new(), None)
}

/// What the log-in page sends.
#[derive(Deserialize)]
pub(crate) struct Credentials {
    person: String,
    password: String,
    next: Option<String>,
}

/// Logs in.
pub(crate) async fn log_in(
    State(state): State<AppState>,
    visit: Visit,
    jar: CookieJar,
    Filled(sent): Filled<Credentials>,
) -> Result<Response, WebError> {
    let next = own_path(sent.next.as_deref());
    let person: PersonId = match form::typed_id(&sent.person, "person") {
        Ok(person) => person,
        Err(refusal) => return show(&state, &visit, next, sent.person, Some(refusal)),
    };
    let checked = state.desk.check_credential(person.clone(), sent.password, visit.client.clone()).await;
    let auth = match checked {
        Ok(reauth) => reauth.method,
        Err(refusal) => return show(&state, &visit, next, sent.person, Some(refusal)),
    };
    if let Some(before) = visit.scope.as_ref().and_then(|scope| state.sessions.end(&scope.session)) {
        state.desk.note_logout(before, false).await?;
    }
    let view = state.desk.view();
    let settings = view.facility.people.get(&person);
    let chosen = view.languages.get(&person).copied();
    let session: SessionId = form::id(&state.desk.new_id("S"))?;
    let scope = Scope {
        tenant: settings.and_then(|settings| settings.employer.clone()),
        terminal: state.desk.terminal(&visit.client, &visit.host),
        language: chosen.or(settings.map(|settings| settings.language)).unwrap_or_default(),
        client: visit.client,
        person,
        session,
        auth,
    };
    state.desk.note_login(scope.clone()).await?;
    let token = state.desk.new_id("T");
    let jar = jar.add(session::cookie(token.clone(), state.secure)).add(session::language_cookie(scope.language));
    state.sessions.begin(&token, scope);
    Ok((jar, Redirect::to(&next)).into_response())
}

/// Logs out.
pub(crate) async fn log_out(State(state): State<AppState>, visit: Visit, jar: CookieJar) -> Result<Response, WebError> {
    if let Some(scope) = visit.scope.and_then(|scope| state.sessions.end(&scope.session)) {
        state.desk.note_logout(scope, false).await?;
    }
    Ok((jar.add(session::gone()), Redirect::to("/login")).into_response())
}

/// What the language switch sends.
#[derive(Deserialize)]
pub(crate) struct Choice {
    language: Language,
    back: Option<String>,
}

/// Chooses a language: for this browser, and for the person if somebody is logged in.
pub(crate) async fn speak(
    State(state): State<AppState>,
    visit: Visit,
    jar: CookieJar,
    Filled(sent): Filled<Choice>,
) -> Result<Response, WebError> {
    if let Some(scope) = visit.scope {
        state.sessions.speak(&scope.session, sent.language);
        let command = Command::ChooseLanguage { language: sent.language };
        state.desk.act(Act { scope, signer: None, command }).await?;
    }
    let back = own_path(sent.back.as_deref());
    Ok((jar.add(session::language_cookie(sent.language)), Redirect::to(&back)).into_response())
}
