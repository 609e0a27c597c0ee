//! Review and disposition: exceptions first, then every phase with its signatures. What still stands in the way of a release
//! is said in words; the rules themselves stand in `mes-core` and speak again when somebody signs.

use askama::Template;
use axum::{extract::State, http::StatusCode, response::Response};
use mes_core::{
    access::{Action, Meaning, Subject},
    batch::{Batch, Lifecycle, PhaseStatus, Verdict},
    engine::View,
    id::BatchId,
    isa88::State as Procedural,
};

use super::{
    batch::{Band, band, find, stream},
    deviations::{self, Line},
    sign::subject_text,
    signed_record::item_name,
    work::{Signed, signed, status_class},
};
use crate::web::form::At;
use crate::web::{
    AppState,
    error::WebError,
    frame::{Frame, page},
    glance::{Alert, Level, alerts, name_of},
    locale::Words,
    session::Session,
    term,
};

/// A step of the batch's life.
struct Rung {
    name: String,
    class: &'static str,
}

/// Something a reviewer has to look at.
struct ExceptionLine {
    alert: Alert,
    place: String,
    href: String,
    detail: String,
}

/// One phase in the summary.
struct PhaseLine {
    id: String,
    name: String,
    status: String,
    status_class: &'static str,
    period: String,
    items: usize,
    signed: Vec<Signed>,
}

/// A way to a signature.
struct Way {
    label: String,
    href: String,
    danger: bool,
}

#[derive(Template)]
#[template(path = "review.html")]
struct ReviewPage {
    w: Words,
    frame: Frame,
    band: Band,
    batch: String,
    ladder: Vec<Rung>,
    exceptions: Vec<ExceptionLine>,
    deviations: Vec<Line>,
    blocking: Vec<String>,
    ways: Vec<Way>,
    trail: Option<String>,
    trail_reviewed: String,
    phases: Vec<PhaseLine>,
    whole: Vec<Signed>,
}

const LADDER: [Lifecycle; 5] = [
    Lifecycle::Issued,
    Lifecycle::InExecution,
    Lifecycle::ExecutionComplete,
    Lifecycle::ProductionReviewed,
    Lifecycle::QualityReviewed,
];

fn ladder(batch: &Batch, w: Words) -> Vec<Rung> {
    let last = if batch.lifecycle == Lifecycle::Rejected { Lifecycle::Rejected } else { Lifecycle::Released };
    let rung = |step: Lifecycle| Rung {
        name: w.t(term::lifecycle(step)),
        class: match (step == batch.lifecycle, step < batch.lifecycle) {
            (true, _) => "now",
            (false, true) => "done",
            (false, false) => "",
        },
    };
    LADDER.into_iter().chain([last]).map(rung).collect()
}

fn exceptions(batch: &Batch, view: &View, w: Words) -> Vec<ExceptionLine> {
    let id = &batch.issued.batch;
    let mut found = Vec::new();
    for phase in batch.issued.recipe.phases() {
        let Some(run) = batch.phases.get(&phase.id) else { continue };
        let mut add = |level, text, detail: String| {
            found.push(ExceptionLine {
                alert: Alert { level, text },
                place: w.b(&phase.name).to_owned(),
                href: format!("/batches/{id}?phase={}", phase.id),
                detail,
            });
        };
        for (item, recorded) in &run.items {
            let name = item_name(batch, Some(&phase.id), item, w);
            let value = format!("{name}: {}", recorded.value.shown());
            let reason = recorded.reason.clone().unwrap_or_default();
            match recorded.verdict {
                Verdict::Normal => {}
                verdict @ Verdict::OutOfNormal => {
                    add(Level::Warning, w.t(term::verdict(verdict)), format!("{value} · {reason}"))
                }
                verdict @ Verdict::OutOfAcceptable => {
                    add(Level::Alarm, w.t(term::verdict(verdict)), format!("{value} · {reason}"))
                }
            }
            for old in &recorded.corrected {
                let why = old.reason.clone().unwrap_or_else(|| w.t("withheld"));
                add(
                    Level::Notice,
                    w.t("exception-correction"),
                    format!("{name}: {} → {} · {why}", old.old.shown(), recorded.value.shown()),
                );
            }
        }
        if run.hold_exceeded {
            add(Level::Warning, w.t("exception-hold"), String::new());
        }
        if run.overdue {
            add(Level::Warning, w.t("exception-overdue"), String::new());
        }
        for remark in batch.remarks.iter().filter(|r| r.phase.as_ref() == Some(&phase.id)) {
            let text = remark.text.clone().unwrap_or_else(|| w.t("withheld"));
            let key = if remark.claimed.is_some() { "exception-late" } else { "exception-comment" };
            add(Level::Notice, w.t(key), text);
        }
    }
    found.sort_by_key(|line| std::cmp::Reverse(line.alert.level));
    let general = alerts(batch, view, w).into_iter().filter(|alert| alert.level == Level::Alarm);
    let general = general.map(|alert| ExceptionLine {
        alert,
        place: String::new(),
        href: format!("/batches/{id}"),
        detail: String::new(),
    });
    general.chain(found).collect()
}

/// What a release still lacks, as far as the batch itself shows it.
fn blocking(batch: &Batch, w: Words) -> Vec<String> {
    let mut reasons = Vec::new();
    let missing = match batch.lifecycle {
        Lifecycle::Issued | Lifecycle::InExecution => Some("block-execution"),
        Lifecycle::ExecutionComplete => Some("block-production-review"),
        Lifecycle::ProductionReviewed => Some("block-quality-review"),
        Lifecycle::QualityReviewed | Lifecycle::Released | Lifecycle::Rejected => None,
    };
    reasons.extend(missing.map(|key| w.t(key)));
    let open: Vec<&str> =
        batch.deviations.iter().filter(|(_, d)| d.closed.is_none()).map(|(id, _)| id.as_str()).collect();
    if !open.is_empty() {
        reasons.push(w.t1("block-deviations", "list", open.join(", ")));
    }
    for (phase, run) in batch.phases.iter().filter(|(_, run)| !run.unverified.is_empty()) {
        let items: Vec<String> = run.unverified.iter().map(|item| item_name(batch, Some(phase), item, w)).collect();
        let name =
            batch.issued.recipe.phase(phase).map_or_else(|| phase.to_string(), |known| w.b(&known.name).to_owned());
        reasons.push(w.t2("block-unverified", ("phase", name), ("items", items.join(w.t("list-comma").as_str()))));
    }
    let past_execution = batch.lifecycle >= Lifecycle::ExecutionComplete && batch.disposed_at.is_none();
    if past_execution && batch.audit_reviewed.as_ref().is_none_or(|(up_to, _)| *up_to < batch.last_act_seq) {
        reasons.push(w.t1("block-trail", "number", batch.last_act_seq));
    }
    reasons
}

fn ways(state: &AppState, session: &Session, batch: &Batch, w: Words) -> Vec<Way> {
    let id = &batch.issued.batch;
    let may = |action| state.desk.may(&session.scope, action, Some(id));
    let way = |key, subject: &Subject, meaning, danger| Way {
        label: w.t(key),
        href: format!("/batches/{id}/sign?{}", subject_text(subject, meaning)),
        danger,
    };
    let mut ways = Vec::new();
    match batch.lifecycle {
        Lifecycle::ExecutionComplete if may(Action::ReviewProduction) => {
            ways.push(way("review-production", &Subject::ProductionReview, Meaning::Reviewed, false));
        }
        Lifecycle::ProductionReviewed if may(Action::ReviewQuality) => {
            ways.push(way("review-quality", &Subject::QualityReview, Meaning::Reviewed, false));
        }
        Lifecycle::QualityReviewed if may(Action::Dispose) => {
            ways.push(way("dispose-release", &Subject::Disposition, Meaning::Released, false));
            ways.push(way("dispose-reject", &Subject::Disposition, Meaning::Rejected, true));
        }
        Lifecycle::InExecution if batch.state == Procedural::Held && may(Action::Dispose) => {
            ways.push(way("dispose-reject", &Subject::Disposition, Meaning::Rejected, true));
        }
        _ => {}
    }
    ways
}

fn phases(batch: &Batch, w: Words) -> Vec<PhaseLine> {
    let line = |phase: &mes_core::isa88::Phase| {
        let run = batch.phases.get(&phase.id)?;
        let status = run.status;
        let at = |at: Option<mes_core::clock::Timestamp>| at.map(mes_core::clock::Timestamp::shown).unwrap_or_default();
        Some(PhaseLine {
            id: phase.id.to_string(),
            name: w.b(&phase.name).to_owned(),
            status: w.t(term::phase(status)),
            status_class: status_class(status),
            period: if status == PhaseStatus::Waiting {
                String::new()
            } else {
                format!("{} – {}", at(run.started_at), at(run.completed_at))
            },
            items: run.items.len() + run.writes.len(),
            signed: signed(batch, w, |subject| match subject {
                Subject::Phase(id) | Subject::Corrections(id) | Subject::Items(id, _) => *id == phase.id,
                _ => false,
            }),
        })
    };
    batch.issued.recipe.phases().filter_map(line).collect()
}

/// The page.
pub(crate) async fn show(
    State(state): State<AppState>,
    session: Session,
    At(id): At<BatchId>,
) -> Result<Response, WebError> {
    let w = session.words();
    let view = session.view(&state);
    let batch = find(&view, &id)?;
    let see_trail = state.desk.may(&session.scope, Action::SeeAuditTrail, Some(&id));
    let reviewed = batch.audit_reviewed.as_ref().map(|(up_to, by)| {
        let name = name_of(&view, batch, by);
        w.t2("trail-reviewed-by", ("number", up_to), ("name", name))
    });
    let content = ReviewPage {
        w,
        frame: Frame::of(&state, &session, &view, w.t("tab-review")).live(stream(&id, "review")),
        band: band(&state, &session, &view, batch, "review"),
        batch: id.to_string(),
        ladder: ladder(batch, w),
        exceptions: exceptions(batch, &view, w),
        deviations: deviations::lines(batch, &view, w),
        blocking: blocking(batch, w),
        ways: ways(&state, &session, batch, w),
        trail: see_trail.then(|| format!("/batches/{id}/trail")),
        trail_reviewed: reviewed.unwrap_or_else(|| w.t("trail-not-reviewed")),
        phases: phases(batch, w),
        whole: signed(batch, w, |subject| {
            matches!(
                subject,
                Subject::Issue | Subject::ProductionReview | Subject::QualityReview | Subject::Disposition
            )
        }),
    };
    page(StatusCode::OK, &content)
}
