//! Certificates of devices: those that wait for a person, with what is to be compared at the device; those that are trusted and
//! how long they hold; and what was decided, by whom and why. Whether a certificate may be judged is not decided here.

use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use mes_core::{
    access::{Action, Rejection},
    engine::{Act, Command, View},
};
use serde::Deserialize;

use crate::{
    device_trust::{Ending, Known, Standing},
    web::{
        AppState,
        error::{WebError, status_of},
        form::{At, Filled},
        frame::{Frame, page},
        locale::Words,
        session::Session,
        term,
    },
};

/// What ends soon, or has ended, in words.
pub(crate) struct Expiry {
    pub(crate) said: String,
    pub(crate) urgent: bool,
}

/// What a person is to be told of the ends of certificates, the most urgent first (UA-03).
pub(crate) fn expiries(state: &AppState, w: Words) -> Vec<Expiry> {
    match state.desk.ending_certificates() {
        Ok(all) => all.iter().map(|one| expiry(one, w)).collect(),
        // The page that carries the warnings is still of use without them.
        Err(refusal) => vec![Expiry { said: w.b(&refusal.said).to_owned(), urgent: true }],
    }
}

fn expiry(one: &Ending, w: Words) -> Expiry {
    let (subject, time) = (("subject", one.subject.as_str()), ("time", one.until.shown()));
    if one.days_left < 0 {
        return Expiry { said: w.t2("certificate-ended", subject, time), urgent: true };
    }
    let left = w.t2("certificate-left", ("days", one.days_left), ("step", one.warned_at));
    Expiry { said: format!("{} {left}", w.t2("certificate-ends", subject, time)), urgent: one.warned_at <= 7 }
}

/// One certificate.
struct Line {
    standing: String,
    waits: bool,
    trusted: bool,
    thumbprint: String,
    subject: String,
    issuer: String,
    valid_from: String,
    valid_until: String,
    first_shown: Option<String>,
    equipment: Option<String>,
    may_accept: bool,
    may_refuse: bool,
    refusal: Option<String>,
    text: String,
}

/// What was decided.
struct Decision {
    accepted: bool,
    thumbprint: String,
    subject: String,
    equipment: String,
    by: String,
    at: String,
    text: String,
}

#[derive(Template)]
#[template(path = "certificates.html")]
struct CertificatesPage {
    w: Words,
    frame: Frame,
    person: String,
    expiries: Vec<Expiry>,
    lines: Vec<Line>,
    decisions: Vec<Decision>,
}

/// A decision that was not taken.
struct Refused {
    thumbprint: String,
    text: String,
    rejection: Rejection,
}

fn line(known: &Known, may: bool, refused: Option<&Refused>, w: Words) -> Line {
    let (standing, one) = (known.standing, &known.certificate);
    let refused = refused.filter(|refused| refused.thumbprint == one.thumbprint);
    Line {
        standing: w.t(term::standing(standing)),
        waits: standing == Standing::Waiting,
        trusted: standing == Standing::Trusted,
        thumbprint: one.thumbprint.clone(),
        subject: one.subject.clone(),
        issuer: one.issuer.clone(),
        valid_from: one.valid_from.shown(),
        valid_until: one.valid_until.shown(),
        first_shown: known.since.filter(|_| standing == Standing::Waiting).map(|since| since.shown()),
        equipment: one.equipment.as_ref().map(ToString::to_string),
        may_accept: may && matches!(standing, Standing::Waiting | Standing::Refused),
        may_refuse: may && matches!(standing, Standing::Waiting | Standing::Trusted),
        refusal: refused.map(|refused| format!("{} ({})", w.b(&refused.rejection.said), refused.rejection.rule)),
        text: refused.map(|refused| refused.text.clone()).unwrap_or_default(),
    }
}

/// What was decided, the newest first.
fn decisions(view: &View) -> Vec<Decision> {
    let mut all: Vec<_> = view.certificates.values().collect();
    all.sort_by_key(|judged| std::cmp::Reverse(judged.at));
    let decision = |judged: &mes_core::engine::JudgedCertificate| Decision {
        accepted: judged.accepted,
        thumbprint: judged.certificate.thumbprint.clone(),
        subject: judged.certificate.subject.clone(),
        equipment: judged.certificate.equipment.as_ref().map(ToString::to_string).unwrap_or_default(),
        by: view.facility.people.get(&judged.by).map_or_else(|| judged.by.to_string(), |p| p.name.full()),
        at: judged.at.shown(),
        text: judged.text.clone().unwrap_or_default(),
    };
    all.into_iter().map(decision).collect()
}

fn certificates_page(state: &AppState, session: &Session, refused: Option<&Refused>) -> Result<Response, WebError> {
    let w = session.words();
    let view = session.view(state);
    let may = state.desk.may(&session.scope, Action::JudgeCertificate, None);
    let content = CertificatesPage {
        w,
        person: session.scope.person.to_string(),
        expiries: expiries(state, w),
        lines: state.desk.certificates()?.iter().map(|known| line(known, may, refused, w)).collect(),
        decisions: decisions(&view),
        frame: Frame::of(state, session, &view, w.t("certificates-title")),
    };
    page(refused.map_or(StatusCode::OK, |refused| status_of(&refused.rejection)), &content)
}

/// The page.
pub(crate) async fn show(State(state): State<AppState>, session: Session) -> Result<Response, WebError> {
    certificates_page(&state, &session, None)
}

/// The decision, its reason and the credential.
#[derive(Deserialize)]
pub(crate) struct Sent {
    accept: bool,
    #[serde(default)]
    text: String,
    password: String,
}

/// Accepts or refuses a certificate, as it is known here: of what it says, nothing is taken as sent.
pub(crate) async fn judge(
    State(state): State<AppState>,
    session: Session,
    At(thumbprint): At<String>,
    Filled(Sent { accept, text, password }): Filled<Sent>,
) -> Result<Response, WebError> {
    let all = state.desk.certificates()?;
    let mut others = all.into_iter().filter(|known| known.standing != Standing::Own);
    let known = others.find(|known| known.certificate.thumbprint == thumbprint).ok_or(WebError::NotFound)?;
    let (person, client) = (session.scope.person.clone(), session.visit.client.clone());
    let outcome = match state.desk.check_credential(person, password, client).await {
        Ok(reauth) => {
            let certificate = Box::new(known.certificate);
            let command = Command::JudgeCertificate { certificate, accept, text: text.clone() };
            state.desk.act(Act { scope: session.scope.clone(), signer: Some(reauth), command }).await
        }
        Err(refusal) => Err(refusal),
    };
    match outcome {
        Ok(_) => Ok(Redirect::to("/certificates").into_response()),
        Err(rejection) => certificates_page(&state, &session, Some(&Refused { thumbprint, text, rejection })),
    }
}
