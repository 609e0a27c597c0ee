//! What follows from what happened: the fold of a batch's events. Total: it never fails and never evaluates a rule.
//!
//! The engine, a page and an offline record use this one fold. An event that does not fit (a phase that the recipe does not
//! have) changes nothing: whether it may happen was judged before it became an entry, and is not judged again.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    access::{Actor, Meaning, Signature, SignatureStatus, Subject, Who},
    batch::{
        Batch, BatchEvent, Correction, Deviation, DeviationCause, Held, IssuedBatch, Lifecycle, PhaseRun, PhaseStatus,
        RecordedItem, Remark, ReviewKind, Source, WriteStatus,
    },
    clock::Timestamp,
    engine::LinkView,
    id::{ItemId, PersonId, PhaseId},
    isa88::{Command, SignOff, State},
    journal::EntryId,
    tenant::Role,
};

/// What an entry says beside its event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventMeta<'a> {
    /// Who acted.
    pub who: &'a Who,
    /// Facility time of the entry.
    pub at: Timestamp,
    /// The entry.
    pub entry: EntryId,
    /// Its number in the batch's stream.
    pub stream_seq: u64,
}

impl EventMeta<'_> {
    fn person(&self) -> Option<PersonId> {
        self.who.actor.person().cloned()
    }
    /// Whether the actor's role in effect is one of the production department's.
    fn in_production(&self) -> bool {
        match &self.who.actor {
            Actor::Person { role, .. } => matches!(role, Some(Role::Op | Role::Chk | Role::Sup | Role::Mm)),
            Actor::System { .. } => false,
        }
    }
}

fn note(people: &mut Vec<PersonId>, person: Option<PersonId>) {
    if let Some(person) = person.filter(|person| !people.contains(person)) {
        people.push(person);
    }
}

impl PhaseRun {
    fn waiting() -> Self {
        Self {
            status: PhaseStatus::Waiting,
            started_at: None,
            started_by: None,
            completed_at: None,
            items: BTreeMap::new(),
            writes: BTreeMap::new(),
            violated: BTreeMap::new(),
            condition_met: false,
            overdue: false,
            hold_exceeded: false,
            unverified: Vec::new(),
            performers: Vec::new(),
        }
    }
}

impl Batch {
    /// A batch as it is issued: the first phase ready, all others waiting.
    #[must_use]
    pub fn issue(issued: Box<IssuedBatch>, meta: &EventMeta<'_>) -> Self {
        let mut phases: BTreeMap<PhaseId, PhaseRun> =
            issued.recipe.phases().map(|phase| (phase.id.clone(), PhaseRun::waiting())).collect();
        if let Some(run) = issued.recipe.phases().next().and_then(|first| phases.get_mut(&first.id)) {
            run.status = PhaseStatus::Ready;
        }
        let issuer = meta.person();
        Self {
            issued,
            issued_by: issuer.clone(),
            issued_at: meta.at,
            lifecycle: Lifecycle::Issued,
            state: State::Idle,
            held: None,
            phases,
            signatures: Vec::new(),
            deviations: BTreeMap::new(),
            remarks: Vec::new(),
            links: BTreeMap::new(),
            reports: BTreeSet::new(),
            sampling: BTreeMap::new(),
            production: issuer.iter().cloned().collect(),
            actors: issuer.into_iter().collect(),
            audit_reviewed: None,
            last_seq: meta.stream_seq,
            last_act_seq: meta.stream_seq,
            seals: Vec::new(),
            execution_completed_at: None,
            disposed_at: None,
        }
    }

    /// The fold over a whole stream: what `batch` becomes by `event`. Anything before the issue changes nothing.
    #[must_use]
    pub fn fold(batch: Option<Self>, event: &BatchEvent, meta: &EventMeta<'_>) -> Option<Self> {
        match (batch, event) {
            (None, BatchEvent::Issued { issued }) => Some(Self::issue(issued.clone(), meta)),
            (None, _) => None,
            (Some(mut batch), event) => {
                batch.evolve(event, meta);
                Some(batch)
            }
        }
    }

    /// Applies one event.
    pub fn evolve(&mut self, event: &BatchEvent, meta: &EventMeta<'_>) {
        self.last_seq = meta.stream_seq;
        self.note_actor(event, meta);
        match event {
            BatchEvent::Issued { .. } | BatchEvent::Exported { .. } => {}
            BatchEvent::ReportReceived { report, .. } => {
                self.reports.insert((report.equipment.clone(), report.sha256));
                self.reviews_fall();
            }
            BatchEvent::PhaseStarted { phase } => self.phase_started(phase, meta),
            BatchEvent::ItemRecorded { phase, .. } => self.with_phase(phase, |run| item_recorded(run, event, meta)),
            BatchEvent::ItemCorrected { phase, item, .. } => {
                self.with_phase(phase, |run| item_corrected(run, event, meta));
                self.supersede(phase, item);
            }
            BatchEvent::WriteRequested { .. }
            | BatchEvent::WriteResolved { .. }
            | BatchEvent::ConditionMet { .. }
            | BatchEvent::LimitReturned { .. } => self.equipment_event(event, meta),
            BatchEvent::LinkChanged { equipment, state, cause, at, .. } => {
                let link = LinkView::after(self.links.get(equipment), state, cause, *at);
                self.links.insert(equipment.clone(), link);
            }
            BatchEvent::SamplingAgreed { equipment, tags, .. } => {
                let known = self.sampling.entry(equipment.clone()).or_default();
                known.extend(tags.iter().map(|one| (one.tag.clone(), one.clone())));
            }
            BatchEvent::DeviceEventReported { .. } | BatchEvent::MessagesLeftOut { .. } => {}
            BatchEvent::Signed { signature, .. } => self.signed(signature, meta),
            BatchEvent::SignatureRejected { signature, phase, .. } => {
                self.set_standing(|known, _| known.id == *signature, &SignatureStatus::Rejected);
                self.with_phase(phase, |run| run.status = PhaseStatus::Running);
            }
            BatchEvent::PhaseCompleted { phase } => self.phase_completed(phase, meta.at),
            BatchEvent::StateChanged { command, to, text, .. } => {
                self.state_changed(*command, *to, text.as_ref(), meta)
            }
            BatchEvent::Commented { phase, text } => self.remark(phase.clone(), text.clone(), None, meta),
            BatchEvent::LateEntered { phase, claimed, text } => {
                self.remark(Some(phase.clone()), text.clone(), Some(*claimed), meta);
                self.reviews_fall();
            }
            BatchEvent::DeviationOpened { .. }
            | BatchEvent::DeviationClassified { .. }
            | BatchEvent::DeviationClosed { .. } => self.deviation_event(event, meta),
            BatchEvent::ExecutionCompleted => {
                self.lifecycle = Lifecycle::ExecutionComplete;
                self.execution_completed_at = Some(meta.at);
            }
            BatchEvent::AuditTrailReviewed { up_to } => {
                self.audit_reviewed = meta.person().map(|person| (*up_to, person));
            }
            BatchEvent::Reviewed { kind: ReviewKind::Production, .. } => self.lifecycle = Lifecycle::ProductionReviewed,
            BatchEvent::Reviewed { kind: ReviewKind::Quality, .. } => self.lifecycle = Lifecycle::QualityReviewed,
            BatchEvent::Released { seals, .. } => self.disposed(Lifecycle::Released, seals.clone(), meta.at),
            BatchEvent::Rejected { seals, .. } => self.disposed(Lifecycle::Rejected, seals.clone(), meta.at),
        }
    }

    fn state_changed(&mut self, command: Option<Command>, to: State, text: Option<&String>, meta: &EventMeta<'_>) {
        self.state = to;
        match command {
            Some(Command::Start) => self.lifecycle = Lifecycle::InExecution,
            // The system holds in the decision that opens the deviation: the last one, at the same moment.
            Some(Command::Hold) => {
                let mut opened =
                    self.deviations.iter().filter(|(_, known)| text.is_none() && known.opened_at == meta.at);
                let deviation = opened.next_back().map(|(id, _)| id.clone());
                let by = meta.person().filter(|_| deviation.is_none());
                self.held = Some(Held { since: meta.at, by, reason: text.cloned(), deviation });
            }
            _ => {}
        }
        if !matches!(to, State::Holding | State::Held) {
            self.held = None;
        }
    }

    fn with_phase(&mut self, phase: &PhaseId, change: impl FnOnce(&mut PhaseRun)) {
        if let Some(run) = self.phases.get_mut(phase) {
            change(run);
        }
    }

    fn disposed(&mut self, lifecycle: Lifecycle, seals: Vec<crate::batch::StreamSeal>, at: Timestamp) {
        self.lifecycle = lifecycle;
        self.seals = seals;
        self.disposed_at = Some(at);
    }

    fn remark(
        &mut self,
        phase: Option<PhaseId>,
        text: Option<String>,
        claimed: Option<Timestamp>,
        meta: &EventMeta<'_>,
    ) {
        self.remarks.push(Remark { phase, text, by: meta.person(), at: meta.at, claimed });
    }

    fn phase_started(&mut self, phase: &PhaseId, meta: &EventMeta<'_>) {
        self.with_phase(phase, |run| {
            run.status = PhaseStatus::Running;
            run.started_at = Some(meta.at);
            run.started_by = meta.person();
            note(&mut run.performers, meta.person());
        });
    }

    fn phase_completed(&mut self, phase: &PhaseId, at: Timestamp) {
        self.with_phase(phase, |run| {
            run.status = PhaseStatus::Complete;
            run.completed_at = Some(at);
        });
        let next = self.issued.recipe.phases().skip_while(|p| p.id != *phase).nth(1).map(|p| p.id.clone());
        let waiting = next.and_then(|next| self.phases.get_mut(&next)).filter(|run| run.status == PhaseStatus::Waiting);
        if let Some(run) = waiting {
            run.status = PhaseStatus::Ready;
        }
    }

    fn equipment_event(&mut self, event: &BatchEvent, meta: &EventMeta<'_>) {
        match event {
            BatchEvent::WriteRequested { phase, item, .. } => self.with_phase(phase, |run| {
                run.writes.insert(item.clone(), WriteStatus { effect: meta.entry.clone(), outcome: None });
                note(&mut run.performers, meta.person());
            }),
            BatchEvent::WriteResolved { phase, item, effect, outcome } => self.with_phase(phase, |run| {
                if let Some(write) = run.writes.get_mut(item).filter(|write| write.effect == *effect) {
                    write.outcome = Some(outcome.clone());
                }
            }),
            BatchEvent::ConditionMet { phase, .. } => self.with_phase(phase, |run| run.condition_met = true),
            BatchEvent::LimitReturned { phase, item, .. } => self.with_phase(phase, |run| {
                run.violated.remove(item);
            }),
            _ => {}
        }
    }

    fn deviation_event(&mut self, event: &BatchEvent, meta: &EventMeta<'_>) {
        match event {
            BatchEvent::DeviationOpened { deviation, phase, item, cause, text } => {
                self.deviation_marks(deviation, phase.as_ref(), item.as_ref(), cause);
                let opened = Deviation {
                    phase: phase.clone(),
                    item: item.clone(),
                    cause: cause.clone(),
                    text: text.clone(),
                    opened_by: meta.person(),
                    opened_at: meta.at,
                    class: None,
                    impact: None,
                    closed: None,
                };
                self.deviations.insert(deviation.clone(), opened);
                self.reviews_fall();
            }
            BatchEvent::DeviationClassified { deviation, class, text } => {
                if let Some(open) = self.deviations.get_mut(deviation) {
                    open.class = Some(*class);
                    open.impact = text.clone();
                }
            }
            BatchEvent::DeviationClosed { deviation, signature, text } => {
                if let Some(open) = self.deviations.get_mut(deviation) {
                    open.closed = Some((meta.at, signature.clone(), text.clone()));
                }
            }
            _ => {}
        }
    }

    fn deviation_marks(
        &mut self,
        deviation: &crate::id::DeviationId,
        phase: Option<&PhaseId>,
        item: Option<&ItemId>,
        cause: &DeviationCause,
    ) {
        let Some(run) = phase.and_then(|phase| self.phases.get_mut(phase)) else { return };
        match (cause, item) {
            (DeviationCause::Watch { .. }, Some(item)) => {
                run.violated.insert(item.clone(), deviation.clone());
            }
            (DeviationCause::HoldTime { .. }, _) => run.hold_exceeded = true,
            (DeviationCause::Overdue { .. }, _) => run.overdue = true,
            _ => {}
        }
    }

    fn signed(&mut self, signature: &Signature, meta: &EventMeta<'_>) {
        self.signatures.push((signature.clone(), SignatureStatus::Valid));
        let signer = &signature.statement.signer;
        match (&signature.subject, signature.statement.meaning) {
            (Subject::Phase(phase), Meaning::Verified) | (Subject::Corrections(phase), _) => {
                self.with_phase(phase, |run| run.unverified.clear());
            }
            (Subject::Phase(phase), _) => {
                let verified = self.issued.recipe.phase(phase).is_some_and(|p| p.sign == SignOff::Verified);
                self.with_phase(phase, |run| {
                    note(&mut run.performers, Some(signer.clone()));
                    let own = run.items.values_mut().filter(|item| item.performer.as_ref() == Some(signer));
                    own.for_each(|item| item.countersign_due = false);
                    if verified && run.status == PhaseStatus::Running {
                        run.status = PhaseStatus::AwaitingVerification;
                    }
                });
            }
            (Subject::Items(phase, items), _) => self.with_phase(phase, |run| {
                run.items.iter_mut().filter(|(id, _)| items.contains(id)).for_each(|(_, i)| i.countersign_due = false);
            }),
            (
                Subject::Deviation(_)
                | Subject::Issue
                | Subject::ProductionReview
                | Subject::QualityReview
                | Subject::Disposition
                | Subject::Recipe(..)
                | Subject::Booking(..),
                _,
            ) => {}
        }
        if matches!(signature.subject, Subject::ProductionReview) {
            note(&mut self.production, meta.person());
        }
    }

    fn set_standing(&mut self, of: impl Fn(&Signature, &SignatureStatus) -> bool, to: &SignatureStatus) {
        for (signature, standing) in &mut self.signatures {
            if of(signature, standing) {
                *standing = to.clone();
            }
        }
    }

    /// Review and release cover the whole batch: they fall when what they covered changes.
    fn reviews_fall(&mut self) {
        let whole = |s: &Signature| {
            matches!(s.subject, Subject::ProductionReview | Subject::QualityReview | Subject::Disposition)
        };
        self.set_standing(
            |known, standing| whole(known) && *standing == SignatureStatus::Valid,
            &SignatureStatus::Superseded,
        );
        if matches!(self.lifecycle, Lifecycle::ProductionReviewed | Lifecycle::QualityReviewed) {
            self.lifecycle = Lifecycle::ExecutionComplete;
        }
    }

    /// A correction supersedes one item of each signature that covers it; the signature stays valid for its other items.
    fn supersede(&mut self, phase: &PhaseId, item: &ItemId) {
        let covers = |subject: &Subject| match subject {
            Subject::Phase(signed) | Subject::Corrections(signed) => signed == phase,
            Subject::Items(signed, items) => signed == phase && items.contains(item),
            _ => false,
        };
        let mut was_signed = matches!(self.lifecycle, Lifecycle::ProductionReviewed | Lifecycle::QualityReviewed);
        for (_, standing) in self.signatures.iter_mut().filter(|(signature, _)| covers(&signature.subject)) {
            match standing {
                SignatureStatus::Valid => *standing = SignatureStatus::SupersededFor(vec![item.clone()]),
                SignatureStatus::SupersededFor(items) if !items.contains(item) => items.push(item.clone()),
                SignatureStatus::SupersededFor(_) => {}
                SignatureStatus::Superseded | SignatureStatus::Rejected => continue,
            }
            was_signed = true;
        }
        if was_signed {
            self.with_phase(phase, |run| {
                if !run.unverified.contains(item) {
                    run.unverified.push(item.clone());
                }
            });
        }
        self.reviews_fall();
    }

    /// Notes who acted: in production (SOD-03), and at all as far as an audit-trail review looks at it (SOD-05).
    fn note_actor(&mut self, event: &BatchEvent, meta: &EventMeta<'_>) {
        let reviewing = |subject: &Subject| {
            matches!(subject, Subject::ProductionReview | Subject::QualityReview | Subject::Disposition)
        };
        let (act, production) = match event {
            BatchEvent::PhaseStarted { .. }
            | BatchEvent::ItemRecorded { .. }
            | BatchEvent::ItemCorrected { .. }
            | BatchEvent::WriteRequested { .. }
            | BatchEvent::SignatureRejected { .. }
            | BatchEvent::PhaseCompleted { .. }
            | BatchEvent::ExecutionCompleted => (true, true),
            BatchEvent::StateChanged { .. } | BatchEvent::DeviationOpened { .. } | BatchEvent::LateEntered { .. } => {
                (true, meta.in_production())
            }
            BatchEvent::Signed { signature, .. } => {
                let phase = matches!(
                    signature.subject,
                    Subject::Phase(_) | Subject::Corrections(_) | Subject::Items(..) | Subject::ProductionReview
                );
                (!reviewing(&signature.subject), phase && meta.in_production())
            }
            BatchEvent::DeviationClassified { .. } | BatchEvent::DeviationClosed { .. } => (true, false),
            BatchEvent::WriteResolved { .. }
            | BatchEvent::ConditionMet { .. }
            | BatchEvent::LimitReturned { .. }
            | BatchEvent::LinkChanged { .. }
            | BatchEvent::ReportReceived { .. }
            | BatchEvent::SamplingAgreed { .. }
            | BatchEvent::DeviceEventReported { .. }
            | BatchEvent::MessagesLeftOut { .. } => (true, false),
            BatchEvent::Issued { .. }
            | BatchEvent::Commented { .. }
            | BatchEvent::AuditTrailReviewed { .. }
            | BatchEvent::Reviewed { .. }
            | BatchEvent::Released { .. }
            | BatchEvent::Rejected { .. }
            | BatchEvent::Exported { .. } => (false, false),
        };
        if act {
            self.last_act_seq = meta.stream_seq;
            note(&mut self.actors, meta.person());
        }

        if production {
            note(&mut self.production, meta.person());
        }
        if let BatchEvent::ItemRecorded { performer, .. } = event {
            note(&mut self.production, performer.clone());
            note(&mut self.actors, performer.clone());
        }
    }
}

fn item_recorded(run: &mut PhaseRun, event: &BatchEvent, meta: &EventMeta<'_>) {
    let BatchEvent::ItemRecorded { item, value, source, verdict, performer, text, .. } = event else { return };
    let calculated = matches!(source, Source::Calculated { .. });
    let recorder = if calculated { None } else { meta.person() };
    let performer = performer.clone().or_else(|| recorder.clone());
    let recorded = RecordedItem {
        value: value.clone(),
        version: 1,
        source: source.clone(),
        verdict: *verdict,
        countersign_due: performer != recorder,
        performer: performer.clone(),
        recorder: recorder.clone(),
        at: meta.at,
        reason: text.clone(),
        corrected: Vec::new(),
        entry: meta.entry.clone(),
    };
    run.items.insert(item.clone(), recorded);
    note(&mut run.performers, recorder);
    note(&mut run.performers, performer);
}

fn item_corrected(run: &mut PhaseRun, event: &BatchEvent, meta: &EventMeta<'_>) {
    let BatchEvent::ItemCorrected { item, version, value, source, verdict, text, .. } = event else { return };
    note(&mut run.performers, meta.person());
    let Some(known) = run.items.get_mut(item) else { return };
    known.corrected.push(Correction {
        old: std::mem::replace(&mut known.value, value.clone()),
        version: std::mem::replace(&mut known.version, *version),
        by: meta.person(),
        at: meta.at,
        reason: text.clone(),
    });
    known.source = source.clone();
    known.verdict = *verdict;
    known.reason = text.clone();
    known.at = meta.at;
    known.entry = meta.entry.clone();
}
