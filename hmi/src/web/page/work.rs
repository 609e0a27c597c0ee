//! The working area of a batch's page: one phase with all that a person needs to do it, and what was recorded already.
//!
//! It is a picture of the batch; which acts are possible is only hinted at, the rules stand in `mes-core`.

use askama::Template;
use mes_core::{
    access::{Action, Meaning, Rejection, SignatureStatus, Subject},
    batch::{Batch, ItemValue, Lifecycle, PhaseRun, PhaseStatus, RecordedItem, Source, Verdict},
    clock::Timestamp,
    engine::View,
    id::{ItemId, PhaseId},
    isa88::{Phase, PhaseKind, RecordItem, SetPoint, SignOff, State},
    tenant::Role,
};

use super::{
    held::{HeldView, held},
    signed_record::item_name,
    work_equipment::{Hold, Point, Wait, WatchRow, unsettled},
};
use crate::web::{
    AppState,
    error::WebError,
    form,
    glance::{current, name_of},
    locale::Words,
    page::sign::subject_text,
    reading::{LiveValue, live, tag_of},
    session::Session,
    term,
};

/// What was entered and refused: shown again, with the sentence.
#[derive(Clone)]
pub(crate) struct Draft {
    /// Which form, e.g. `record-viability`.
    pub(crate) form: String,
    /// What was entered, by field.
    pub(crate) fields: Vec<(String, String)>,
    /// Why it was refused.
    pub(crate) rejection: Rejection,
}

impl Draft {
    fn field(&self, name: &str) -> String {
        self.fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.clone()).unwrap_or_default()
    }
}

/// A recorded item.
pub(crate) struct Recorded {
    value: String,
    verdict: String,
    verdict_class: &'static str,
    source: String,
    who: String,
    recorder: Option<String>,
    at: String,
    reason: String,
    version: u32,
    old: Vec<String>,
    countersign: Option<String>,
}

/// One row: something to record, confirm or write.
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) unit: String,
    pub(crate) target: String,
    pub(crate) normal: String,
    pub(crate) acceptable: String,
    pub(crate) expression: Option<String>,
    pub(crate) live: Option<LiveValue>,
    pub(crate) recorded: Option<Recorded>,
    pub(crate) open: bool,
    pub(crate) refused: bool,
    pub(crate) ask_reason: bool,
    pub(crate) by_hand: bool,
    pub(crate) value: String,
    pub(crate) reason: String,
    pub(crate) performer: String,
    pub(crate) said: String,
}

/// A signature that stands on the phase.
pub(crate) struct Signed {
    pub(crate) id: String,
    pub(crate) meaning: String,
    pub(crate) name: String,
    pub(crate) person: String,
    pub(crate) role: String,
    pub(crate) at: String,
    pub(crate) status: String,
    pub(crate) valid: bool,
    pub(crate) hash: String,
}

/// A way to the dialog of a signature.
pub(crate) struct SignLink {
    label: String,
    href: String,
    primary: bool,
}

/// One phase, as the working area shows it.
pub(crate) struct PhaseView {
    id: String,
    name: String,
    path: String,
    number: String,
    status: String,
    status_class: &'static str,
    instruction: String,
    started: String,
    completed: String,
    ready: bool,
    rows: Vec<Row>,
    checklist: bool,
    identity: bool,
    points: Vec<Point>,
    apply: bool,
    wait: Option<Wait>,
    watches: Vec<WatchRow>,
    hold: Option<Hold>,
    signed: Vec<Signed>,
    sign_links: Vec<SignLink>,
    rejectable: Option<String>,
    complete: bool,
    remaining: Option<usize>,
    needs: String,
    next: String,
    correctable: bool,
    remarks: Vec<Remark>,
}

/// A comment or late entry.
pub(crate) struct Remark {
    at: String,
    who: String,
    text: String,
    claimed: Option<String>,
}

/// Somebody who may have performed what another person enters.
pub(crate) struct Candidate {
    id: String,
    name: String,
}

/// The working area.
#[derive(Template)]
#[template(path = "batch_work.html")]
pub(crate) struct Work {
    pub(crate) w: Words,
    batch: String,
    follow: bool,
    /// The phase that a person chose to see; empty when the page follows the batch.
    shown: String,
    phase: Option<PhaseView>,
    notice: Option<(String, String)>,
    candidates: Vec<Candidate>,
    held: Option<HeldView>,
    running: bool,
    finish: bool,
    issue_sign: Option<SignLink>,
    can: Can,
    draft: Option<Draft>,
    now_field: String,
}

/// Which buttons are of use to the person at all.
#[derive(Clone, Copy)]
struct Can {
    execute: bool,
    verify: bool,
    correct: bool,
    hold: bool,
    restart: bool,
    remark: bool,
    deviate: bool,
}

/// Whether the awaited condition is true at this moment.
#[derive(Template)]
#[template(path = "batch_wait.html")]
struct WaitNow<'a> {
    w: Words,
    wait: &'a Wait,
}

impl Work {
    /// The truth of the awaited condition in words, and as the page shows it; nothing when the phase awaits none.
    pub(crate) fn wait_now(&self) -> Result<Option<(String, String)>, WebError> {
        let Some(wait) = self.phase.as_ref().and_then(|phase| phase.wait.as_ref()) else { return Ok(None) };
        Ok(Some((wait.key(), WaitNow { w: self.w, wait }.render()?)))
    }
    fn draft_field(&self, form: &str, field: &str) -> String {
        self.draft.as_ref().filter(|draft| draft.form == form).map(|draft| draft.field(field)).unwrap_or_default()
    }
    fn said(&self, form: &str) -> Option<String> {
        let draft = self.draft.as_ref().filter(|draft| draft.form == form)?;
        Some(format!("{} ({})", self.w.b(&draft.rejection.said), draft.rejection.rule))
    }
}

pub(crate) struct Builder<'a> {
    pub(crate) w: Words,
    pub(crate) view: &'a View,
    pub(crate) batch: &'a Batch,
    pub(crate) now: Timestamp,
    draft: Option<&'a Draft>,
    can: Can,
}

/// Builds the working area for a phase, or for the one at which the batch stands.
pub(crate) fn work(
    state: &AppState,
    session: &Session,
    view: &View,
    batch: &Batch,
    shown: Option<&PhaseId>,
    draft: Option<Draft>,
) -> Work {
    let w = session.words();
    let id = &batch.issued.batch;
    let may = |action| batch.disposed_at.is_none() && state.desk.may(&session.scope, action, Some(id));
    let can = Can {
        execute: may(Action::Execute),
        verify: may(Action::Verify),
        correct: may(Action::Correct),
        hold: may(Action::Hold),
        restart: may(Action::Restart),
        remark: may(Action::Remark),
        deviate: may(Action::OpenDeviation),
    };
    let chosen = shown.and_then(|id| batch.issued.recipe.phase(id));
    let phase = chosen.or_else(|| current(batch)).or_else(|| batch.issued.recipe.phases().last());
    let now = state.desk.now();
    let builder = Builder { w, view, batch, now, draft: draft.as_ref(), can };
    let phase = phase.and_then(|phase| batch.phases.get(&phase.id).map(|run| builder.phase(phase, run)));
    let all_done = batch.phases.values().all(|run| run.status == PhaseStatus::Complete);
    let in_execution = batch.lifecycle == Lifecycle::InExecution;
    let unsigned_issue = batch.lifecycle == Lifecycle::Issued
        && !batch.signatures.iter().any(|(signature, _)| signature.subject == Subject::Issue);
    let issue_sign = (unsigned_issue && may(Action::IssueBatch))
        .then(|| link(w.t("sign-issue"), id.as_str(), &Subject::Issue, Meaning::Approved, true));
    let general = draft.as_ref().filter(|draft| !draft.form.starts_with("record-") && !draft.form.starts_with("more-"));
    Work {
        w,
        batch: id.to_string(),
        follow: chosen.is_none(),
        shown: chosen.map(|phase| phase.id.to_string()).unwrap_or_default(),
        phase,
        notice: general.map(|draft| (w.b(&draft.rejection.said).to_owned(), draft.rejection.rule.clone())),
        candidates: candidates(session, view, w),
        held: held(batch, view, now, w),
        running: in_execution && batch.state == State::Running,
        finish: in_execution && all_done && may(Action::CompleteExecution),
        issue_sign,
        can,
        draft,
        now_field: form::local_field(now),
    }
}

/// People of the same staff who execute steps: for them somebody else may enter what their hands did.
fn candidates(session: &Session, view: &View, _w: Words) -> Vec<Candidate> {
    let executes = |role: Role| matches!(role, Role::Op | Role::Chk | Role::Sup);
    let people = view.facility.people.values().filter(|person| {
        person.active
            && person.employer == session.scope.tenant
            && person.id != session.scope.person
            && person.roles.iter().any(|grant| executes(grant.role))
    });
    people.map(|person| Candidate { id: person.id.to_string(), name: person.name.full() }).collect()
}

fn link(label: String, batch: &str, subject: &Subject, meaning: Meaning, primary: bool) -> SignLink {
    SignLink { label, href: format!("/batches/{batch}/sign?{}", subject_text(subject, meaning)), primary }
}

/// The class of a standing, from which shape and colour follow.
pub(crate) fn status_class(status: PhaseStatus) -> &'static str {
    match status {
        PhaseStatus::Waiting => "waiting",
        PhaseStatus::Ready => "ready",
        PhaseStatus::Running => "running",
        PhaseStatus::AwaitingVerification => "awaiting",
        PhaseStatus::Complete => "complete",
    }
}

fn verdict_class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Normal => "normal",
        Verdict::OutOfNormal => "warning",
        Verdict::OutOfAcceptable => "alarm",
    }
}

/// Signatures on a subject, as the screens print them (P11-17, P11-18).
pub(crate) fn signed(batch: &Batch, w: Words, about: impl Fn(&Subject) -> bool) -> Vec<Signed> {
    let those = batch.signatures.iter().filter(|(signature, _)| about(&signature.subject));
    those
        .map(|(signature, status)| Signed {
            id: signature.id.to_string(),
            meaning: w.t(term::meaning(signature.statement.meaning)),
            name: signature.name.clone(),
            person: signature.statement.signer.to_string(),
            role: w.t(term::role(signature.role)),
            at: signature.at.shown_signed(),
            status: match status {
                SignatureStatus::SupersededFor(items) => {
                    let phase = match &signature.subject {
                        Subject::Phase(id) | Subject::Corrections(id) | Subject::Items(id, _) => Some(id),
                        _ => None,
                    };
                    let items: Vec<String> = items.iter().map(|item| item_name(batch, phase, item, w)).collect();
                    w.t1("signature-superseded-for", "items", items.join(w.t("list-comma").as_str()))
                }
                other => w.t(term::signature(other)),
            },
            valid: *status == SignatureStatus::Valid,
            hash: signature.statement_hash.short(),
        })
        .collect()
}

impl Builder<'_> {
    fn phase(&self, phase: &Phase, run: &PhaseRun) -> PhaseView {
        let w = self.w;
        let position = self.batch.issued.recipe.phases().position(|other| other.id == phase.id).unwrap_or_default();
        let next = self.batch.issued.recipe.phases().nth(position + 1);
        let (mut rows, mut points, mut wait) = (Vec::new(), Vec::new(), None);
        match &phase.kind {
            PhaseKind::Instruction => {}
            PhaseKind::Record { items } => rows = items.iter().map(|item| self.record_row(item, run)).collect(),
            PhaseKind::Calculate { items } => rows = items.iter().map(|item| self.row(item, None, run)).collect(),
            PhaseKind::Yield { items, calculate } => {
                rows = items.iter().map(|item| self.record_row(item, run)).collect();
                rows.extend(calculate.iter().map(|item| self.row(item, None, run)));
            }
            PhaseKind::LineClearance { lines } => {
                let line = |id: &ItemId, text: &str| Row { name: text.to_owned(), ..self.row(id, None, run) };
                rows = lines.iter().map(|line_| line(&line_.item, w.b(&line_.text))).collect();
            }
            PhaseKind::IdentityCheck => rows = self.identity_row(run).into_iter().collect(),
            PhaseKind::Set { points: wanted } => points = wanted.iter().map(|point| self.point(point, run)).collect(),
            PhaseKind::Wait { condition, for_s, max_s } => wait = Some(self.wait(condition, *for_s, *max_s, run)),
        }
        let at_work = run.status == PhaseStatus::Running && self.batch.state == State::Running;
        let unsent = match &phase.kind {
            PhaseKind::Set { points } => points.iter().filter(|point| unsettled(run, point)).count(),
            _ => 0,
        };
        let unmet = usize::from(matches!(phase.kind, PhaseKind::Wait { .. }) && !run.condition_met);
        // A set-point that failed is settled by its deviation, which only the rules know; what is not yet answered remains.
        let answered = |point: &SetPoint| run.writes.get(&point.item).is_some_and(|write| write.outcome.is_some());
        let unwritten = match &phase.kind {
            PhaseKind::Set { points } => points.iter().filter(|point| !answered(point)).count(),
            _ => 0,
        };
        let remaining = rows.iter().filter(|row| row.recorded.is_none()).count() + unwritten + unmet;
        PhaseView {
            id: phase.id.to_string(),
            name: w.b(&phase.name).to_owned(),
            path: self.path(&phase.id),
            number: format!("{}/{}", position + 1, self.batch.issued.recipe.phases().count()),
            status: w.t(term::phase(run.status)),
            status_class: status_class(run.status),
            instruction: w.b(&phase.instruction).to_owned(),
            started: run.started_at.map(|at| self.who_when(run.started_by.as_ref(), at)).unwrap_or_default(),
            completed: run.completed_at.map(Timestamp::shown).unwrap_or_default(),
            ready: run.status == PhaseStatus::Ready && self.batch.state != State::Held && self.can.execute,
            checklist: matches!(phase.kind, PhaseKind::LineClearance { .. }),
            identity: matches!(phase.kind, PhaseKind::IdentityCheck),
            rows,
            points,
            apply: at_work && unsent > 0 && self.can.execute,
            wait,
            watches: phase.watch.iter().map(|watch| self.watch(watch, run)).collect(),
            hold: self.hold(phase, run),
            signed: signed(self.batch, w, |subject| concerns(subject, &phase.id)),
            sign_links: self.sign_links(phase, run, at_work && remaining == 0),
            rejectable: self.rejectable(phase, run),
            complete: at_work && remaining == 0 && phase.sign == SignOff::None && self.can.execute,
            remaining: Some(remaining).filter(|count| at_work && *count > 0),
            needs: w.t(match phase.sign {
                SignOff::None => "needs-nobody",
                SignOff::Performed => "needs-performer",
                SignOff::Verified => "needs-two",
            }),
            next: next.map(|next| w.b(&next.name).to_owned()).unwrap_or_default(),
            correctable: self.can.correct && run.status != PhaseStatus::Waiting && self.batch.disposed_at.is_none(),
            remarks: self.remarks(&phase.id),
        }
    }

    fn path(&self, id: &PhaseId) -> String {
        for unit in &self.batch.issued.recipe.procedure {
            for operation in &unit.operations {
                if operation.phases.iter().any(|phase| phase.id == *id) {
                    return format!("{} › {}", self.w.b(&unit.name), self.w.b(&operation.name));
                }
            }
        }
        String::new()
    }

    fn name_of(&self, person: &mes_core::id::PersonId) -> String {
        name_of(self.view, self.batch, person)
    }

    fn who_when(&self, person: Option<&mes_core::id::PersonId>, at: Timestamp) -> String {
        match person {
            Some(person) => format!("{} · {}", at.shown(), self.name_of(person)),
            None => at.shown(),
        }
    }

    fn record_row(&self, item: &RecordItem, run: &PhaseRun) -> Row {
        self.row(&item.parameter, item.from.as_ref(), run)
    }

    fn row(&self, id: &ItemId, from: Option<&mes_core::isa88::TagRef>, run: &PhaseRun) -> Row {
        let w = self.w;
        let parameter = self.batch.issued.recipe.parameter(id);
        let tag = from.and_then(|from| tag_of(self.batch, &from.role, &from.tag));
        let draft = self.draft.filter(|draft| draft.form == format!("record-{id}"));
        let field = |name: &str| draft.map(|draft| draft.field(name)).unwrap_or_default();
        let about_reason = draft.is_some_and(|draft| draft.rejection.field.as_deref() == Some("reason"));
        let normal = parameter.map(|p| &p.normal);
        let unit = parameter.map(|p| p.unit.shown().to_owned()).unwrap_or_default();
        let ranged = |range: &mes_core::quantity::Range| {
            if range.low.is_none() && range.high.is_none() { String::new() } else { range.shown() }
        };
        Row {
            id: id.to_string(),
            name: parameter.map_or_else(|| id.to_string(), |p| w.b(&p.name).to_owned()),
            unit,
            target: parameter.and_then(|p| p.target).map(|target| target.to_string()).unwrap_or_default(),
            normal: normal.map(ranged).unwrap_or_default(),
            acceptable: parameter.map(|p| ranged(&p.acceptable)).unwrap_or_default(),
            expression: parameter.and_then(|p| p.expression.clone()),
            live: tag.map(|tag| live(self.view, &tag, normal, self.now, w)),
            recorded: run.items.get(id).map(|item| self.recorded(item)),
            open: run.status == PhaseStatus::Running && self.batch.state == State::Running && self.can.execute,
            refused: draft.is_some(),
            ask_reason: about_reason || !field("reason").is_empty(),
            by_hand: field("kind") == "number",
            value: field("value"),
            reason: field("reason"),
            performer: field("performer"),
            said: draft.map(|d| format!("{} ({})", w.b(&d.rejection.said), d.rejection.rule)).unwrap_or_default(),
        }
    }

    fn identity_row(&self, run: &PhaseRun) -> Option<Row> {
        let known = run.items.keys().next().cloned();
        let id = known.or_else(|| mes_core::batch::IDENTITY_ITEM.parse().ok())?;
        Some(Row { name: self.w.t("identity-code"), ..self.row(&id, None, run) })
    }

    fn recorded(&self, item: &RecordedItem) -> Recorded {
        let w = self.w;
        let by = |person: &Option<mes_core::id::PersonId>| {
            person.as_ref().map_or_else(|| w.t("the-system"), |person| self.name_of(person))
        };
        let source = match &item.source {
            Source::Manual => w.t("source-manual"),
            Source::Scanned => w.t("source-scanned"),
            Source::Tag(evidence) => w.t1("source-tag", "tag", &evidence.tag),
            Source::Calculated { .. } => w.t("source-calculated"),
        };
        let old = item.corrected.iter().map(|old| {
            let reason = old.reason.clone().unwrap_or_else(|| w.t("withheld"));
            format!("v{} {} → {} · {} · {reason}", old.version, old.old.shown(), old.at.shown(), by(&old.by))
        });
        Recorded {
            value: match &item.value {
                ItemValue::Confirmed => w.t("confirmed"),
                ItemValue::ConditionMet => w.t("condition-met"),
                other => other.shown(),
            },
            verdict: match &item.value {
                // A confirmation is not judged against a range.
                ItemValue::Confirmed | ItemValue::ConditionMet => String::new(),
                ItemValue::Quantity(_) | ItemValue::Code(_) => w.t(term::verdict(item.verdict)),
            },
            verdict_class: verdict_class(item.verdict),
            source,
            who: by(&item.performer),
            recorder: item.recorder.as_ref().filter(|r| Some(*r) != item.performer.as_ref()).map(|r| self.name_of(r)),
            at: item.at.shown(),
            reason: item.reason.clone().unwrap_or_default(),
            version: item.version,
            old: old.collect(),
            countersign: item.countersign_due.then(|| by(&item.performer)),
        }
    }

    fn sign_links(&self, phase: &Phase, run: &PhaseRun, at_work: bool) -> Vec<SignLink> {
        let (w, batch) = (self.w, self.batch.issued.batch.as_str());
        let mut links = Vec::new();
        let mut add =
            |key, subject: Subject, meaning, primary| links.push(link(w.t(key), batch, &subject, meaning, primary));
        let due = run.items.iter().filter(|(_, item)| item.countersign_due);
        let due: Vec<ItemId> = due.map(|(id, _)| id.clone()).collect();
        if !due.is_empty() && self.can.execute {
            add("sign-countersign", Subject::Items(phase.id.clone(), due), Meaning::Performed, false);
        }
        if at_work && phase.sign != SignOff::None && self.can.execute {
            add("sign-performed", Subject::Phase(phase.id.clone()), Meaning::Performed, true);
        }
        // A second person verifies at the same terminal, so the button is there for whoever is logged in.
        if run.status == PhaseStatus::AwaitingVerification && (self.can.execute || self.can.verify) {
            add("sign-verified", Subject::Phase(phase.id.clone()), Meaning::Verified, true);
        }
        if !run.unverified.is_empty() && (self.can.execute || self.can.correct) {
            add("sign-corrections", Subject::Corrections(phase.id.clone()), Meaning::Verified, true);
        }
        links
    }

    fn rejectable(&self, phase: &Phase, run: &PhaseRun) -> Option<String> {
        if run.status != PhaseStatus::AwaitingVerification || !self.can.verify {
            return None;
        }
        let performed = self.batch.signatures.iter().rev().find(|(signature, status)| {
            signature.subject == Subject::Phase(phase.id.clone())
                && signature.statement.meaning == Meaning::Performed
                && *status != SignatureStatus::Rejected
        });
        performed.map(|(signature, _)| signature.id.to_string())
    }

    fn remarks(&self, id: &PhaseId) -> Vec<Remark> {
        let those = self.batch.remarks.iter().filter(|remark| remark.phase.as_ref() == Some(id));
        those
            .map(|remark| Remark {
                at: remark.at.shown(),
                who: remark.by.as_ref().map(|by| self.name_of(by)).unwrap_or_default(),
                text: remark.text.clone().unwrap_or_else(|| self.w.t("withheld")),
                claimed: remark.claimed.map(Timestamp::shown),
            })
            .collect()
    }
}

fn concerns(subject: &Subject, phase: &PhaseId) -> bool {
    match subject {
        Subject::Phase(id) | Subject::Corrections(id) | Subject::Items(id, _) => id == phase,
        _ => false,
    }
}
