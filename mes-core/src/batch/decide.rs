//! What is refused, and what happens otherwise: the rules of one batch. A refusal names its rule and says what to do.
//!
//! Deciding is a pure function of the batch, the command and the [`Context`]. It changes nothing: `evolve` does, from the events.
//! Each group of commands has its own file (`decide_*.rs`); this one holds the table of commands and what the groups share.

use std::collections::BTreeMap;

use crate::{
    access::{Action, Rejection, Side, roles_for},
    batch::{
        Batch, BatchCommand, BatchEvent, Context, Deviation, DeviationCause, Lifecycle, PhaseRun, PhaseStatus,
        decide_deviation, decide_equipment, decide_issue, decide_item, decide_phase, decide_review, decide_sign,
    },
    id::{BatchId, DeviationId, ItemId, PersonId, PhaseId},
    isa88::{Command, Phase, State, auto, next},
    tenant::Role,
};

/// Decides a command: the events that follow, in order, or the rule that said no.
///
/// # Errors
/// A [`Rejection`] with the rule's id and a sentence in both languages that says what to do.
pub fn decide(batch: Option<&Batch>, command: &BatchCommand, ctx: &Context<'_>) -> Result<Vec<BatchEvent>, Rejection> {
    use BatchCommand as C;
    let batch = match (batch, command) {
        (None, C::Issue(order)) => return decide_issue::issue(order, ctx),
        (None, _) => return Err(Rejection::not_found()),
        (Some(_), C::Issue(_)) => return Err(decide_issue::already_issued(ctx.batch)),
        (Some(batch), _) => batch,
    };
    if batch.disposed_at.is_some() && !matches!(command, C::NoteExport { .. }) {
        return Err(disposed(batch));
    }
    match command {
        C::Issue(_) => Err(decide_issue::already_issued(ctx.batch)),
        C::StartPhase { phase } => decide_phase::start(batch, phase, ctx),
        C::CompletePhase { phase } => decide_phase::complete(batch, phase, ctx),
        C::Hold { reason } => decide_phase::hold(batch, reason, ctx),
        C::Restart { reason } => decide_phase::restart(batch, reason, ctx),
        C::CompleteExecution => decide_phase::complete_execution(batch, ctx),
        C::Record { phase, item, value, performer, reason } => {
            let entry = decide_item::NewItem { phase, item, value, performer: performer.as_ref(), reason };
            decide_item::record(batch, &entry, ctx)
        }
        C::Correct { phase, item, value, reason } => decide_item::correct(batch, phase, item, value, reason, ctx),
        C::ApplySetPoints { phase } => decide_equipment::apply_set_points(batch, phase, ctx),
        C::ResolveEffect { .. }
        | C::MeetCondition { .. }
        | C::NoticeOverdue { .. }
        | C::NoticeViolation { .. }
        | C::NoticeReturn { .. }
        | C::NoticeHoldExceeded { .. }
        | C::NoteLink { .. }
        | C::TakeReport { .. }
        | C::NoteDevice { .. } => decide_equipment::by_plant(batch, command, ctx),
        C::Sign { subject, meaning, statement, shown_at, language, signature, text } => {
            let dialog = decide_sign::Dialog {
                subject,
                meaning: *meaning,
                statement: *statement,
                shown_at: *shown_at,
                language: *language,
                signature,
                text,
            };
            decide_sign::sign(batch, &dialog, ctx)
        }
        C::RejectSignature { signature, reason } => decide_sign::reject(batch, signature, reason, ctx),
        C::Comment { .. } | C::LateEntry { .. } | C::OpenDeviation { .. } | C::ClassifyDeviation { .. } => {
            decide_deviation::decide(batch, command, ctx)
        }
        C::ReviewAuditTrail { up_to } => decide_review::audit_trail(batch, *up_to, ctx),
        C::Dispose { release, signature, text, seals } => {
            let decision = decide_review::Decision { release: *release, signature, text, seals };
            decide_review::dispose(batch, &decision, ctx)
        }
        C::NoteExport { files } => decide_review::note_export(batch, files, ctx),
    }
}

fn disposed(batch: &Batch) -> Rejection {
    let (ja, en) = match batch.lifecycle {
        Lifecycle::Rejected => ("出荷不可", "rejected"),
        _ => ("出荷可", "released"),
    };
    Rejection::new(
        "P11-09",
        format!("この製造記録は判定済み({ja})で、変更できません。証拠の出力だけができます。"),
        format!("This batch was {en}; its record is closed. It can only be exported."),
    )
}

/// The acting person, if the role in effect may do this act on this batch by the agreement.
pub(super) fn duty<'a>(batch: &Batch, action: Action, ctx: &Context<'a>) -> Result<(&'a PersonId, Role), Rejection> {
    let (id, role) = ctx.person()?;
    let agreement = &batch.issued.agreement;
    let side = ctx.facility.people.get(id).map(Side::of);
    let fits = |(needed, of): &(Role, Side)| *needed == role && Some(of) == side.as_ref();
    if roles_for(action, agreement).iter().any(fits) {
        Ok((id, role))
    } else {
        Err(crate::access::needed(action, agreement))
    }
}

/// A phase of the recipe and its execution.
pub(super) fn phase_of<'a>(batch: &'a Batch, id: &PhaseId) -> Result<(&'a Phase, &'a PhaseRun), Rejection> {
    batch.issued.recipe.phase(id).zip(batch.phases.get(id)).ok_or_else(|| {
        Rejection::new(
            "S88-04",
            format!("工程 {id} はこの製造指図のレシピにありません。工程番号を確認してください。"),
            format!("The recipe of this batch has no phase {id}. Check the phase."),
        )
        .about("phase")
    })
}

/// Refuses unless the batch's procedure is running.
pub(super) fn procedure_runs(batch: &Batch) -> Result<(), Rejection> {
    match (batch.lifecycle, batch.state) {
        (Lifecycle::InExecution, State::Running) => Ok(()),
        (Lifecycle::InExecution, State::Held) => Err(Rejection::new(
            "S88-01",
            "バッチは保留中です。原因を確かめ、権限のある人が「再始動」してから続けてください。",
            "The batch is held. Settle the cause and have it restarted before going on.",
        )),
        (Lifecycle::Issued, _) => Err(Rejection::new(
            "S88-01",
            "バッチはまだ開始されていません。最初の工程を開始してください。",
            "The batch has not started. Start its first phase.",
        )),
        _ => Err(Rejection::new(
            "S88-01",
            "バッチは製造中ではありません。この操作は製造中だけできます。訂正か後日記入を使ってください。",
            "The batch is not in execution. Use a correction or a late entry instead.",
        )),
    }
}

/// Refuses unless the phase runs in a running procedure.
pub(super) fn running<'a>(batch: &'a Batch, id: &PhaseId) -> Result<(&'a Phase, &'a PhaseRun), Rejection> {
    let (phase, run) = phase_of(batch, id)?;
    procedure_runs(batch)?;
    match run.status {
        PhaseStatus::Running => Ok((phase, run)),
        PhaseStatus::Waiting | PhaseStatus::Ready => Err(Rejection::new(
            "P11-10",
            format!("工程 {id} はまだ開始されていません。先に開始してください。"),
            format!("Phase {id} has not started. Start it first."),
        )
        .about("phase")),
        PhaseStatus::AwaitingVerification => Err(Rejection::new(
            "P11-10",
            format!("工程 {id} は実施署名済みです。直すには訂正するか、確認者が署名を却下してください。"),
            format!("Phase {id} is signed by its performer. Correct the item, or have the second person reject the signature."),
        )
        .about("phase")),
        PhaseStatus::Complete => Err(Rejection::new(
            "P11-10",
            format!("工程 {id} は完了しています。直すには訂正、書き忘れは後日記入を使ってください。"),
            format!("Phase {id} is complete. Use a correction, or a late entry for what was not recorded."),
        )
        .about("phase")),
    }
}

/// A reason or other words that must not be empty.
pub(super) fn words<'a>(text: &'a str, field: &str) -> Result<&'a str, Rejection> {
    let text = text.trim();
    if text.is_empty() {
        Err(Rejection::new(
            "A11-14",
            "理由または内容を記入してください。",
            "Write the reason or the words; they are required.",
        )
        .about(field))
    } else {
        Ok(text)
    }
}

/// The events of one decision, with what several of its steps share.
pub(super) struct Outcome<'a> {
    batch: &'a Batch,
    id: &'a BatchId,
    pub(super) events: Vec<BatchEvent>,
    state: State,
    opened: Vec<DeviationId>,
}

impl<'a> Outcome<'a> {
    pub(super) fn new(batch: &'a Batch, ctx: &Context<'a>) -> Self {
        Self { batch, id: ctx.batch, events: Vec::new(), state: batch.state, opened: Vec::new() }
    }

    pub(super) fn push(&mut self, event: BatchEvent) {
        self.events.push(event);
    }

    /// Opens a deviation under an id derived from the batch and a running number, so that replay would derive the same.
    pub(super) fn open(
        &mut self,
        place: (Option<&PhaseId>, Option<&ItemId>),
        cause: DeviationCause,
        text: Option<String>,
    ) {
        let taken = |id: &DeviationId| self.batch.deviations.contains_key(id) || self.opened.contains(id);
        let known = self.batch.deviations.len() + self.opened.len();
        let deviation = free_deviation(self.id, known, taken);
        self.open_as(deviation, place, cause, text);
    }

    /// Opens a deviation under a given id.
    pub(super) fn open_as(
        &mut self,
        deviation: DeviationId,
        (phase, item): (Option<&PhaseId>, Option<&ItemId>),
        cause: DeviationCause,
        text: Option<String>,
    ) {
        self.opened.push(deviation.clone());
        self.push(BatchEvent::DeviationOpened { deviation, phase: phase.cloned(), item: item.cloned(), cause, text });
    }

    /// Gives an ISA-88 command, and takes the automatic transition that follows it.
    pub(super) fn command(&mut self, command: Command, text: Option<String>) -> Result<(), Rejection> {
        let step = next(self.state, command).map_err(|no| {
            let said = no.sentence();
            Rejection::new("S88-01", said.ja, said.en)
        })?;
        self.change(Some(command), step.to, step.row, text);
        let follows = (self.state != State::Running).then(|| auto(self.state)).flatten();
        if let Some(step) = follows {
            self.change(None, step.to, step.row, None);
        }
        Ok(())
    }

    /// Running becomes Complete by itself, when all is done.
    pub(super) fn run_to_completion(&mut self) {
        if let Some(step) = auto(self.state) {
            self.change(None, step.to, step.row, None);
        }
    }

    /// Holds a running batch; one that is held already stays so.
    pub(super) fn hold(&mut self, text: Option<String>) -> Result<(), Rejection> {
        if self.state == State::Running { self.command(Command::Hold, text) } else { Ok(()) }
    }

    fn change(&mut self, command: Option<Command>, to: State, row: u8, text: Option<String>) {
        let from = std::mem::replace(&mut self.state, to);
        self.push(BatchEvent::StateChanged { command, from, to, row, text });
    }
}

/// The first id of a deviation of a batch that is not taken: short, and the same in replay.
fn free_deviation(batch: &BatchId, known: usize, taken: impl Fn(&DeviationId) -> bool) -> DeviationId {
    let short: String = batch.as_str().chars().take(48).collect();
    let mut number = known.saturating_add(1);
    loop {
        match DeviationId::parse(format!("DEV-{short}-{number}")) {
            Ok(id) if !taken(&id) => return id,
            _ => number = number.wrapping_add(1),
        }
    }
}

/// The id of the next deviation of a batch, for whoever has to name it before it is decided.
pub fn next_deviation(batch: &BatchId, known: Option<&BTreeMap<DeviationId, Deviation>>) -> DeviationId {
    let taken = |id: &DeviationId| known.is_some_and(|known| known.contains_key(id));
    free_deviation(batch, known.map_or(0, BTreeMap::len), taken)
}
