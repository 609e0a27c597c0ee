//! What the step screen sends: each form becomes one command. On success the working area shows the new state; a refusal
//! comes back on the same form with everything that was entered.

use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use mes_core::{
    access::Rejection,
    batch::{BatchCommand, Entered},
    engine::{Act, Command},
    id::{BatchId, DeviationId, ItemId, PersonId, PhaseId, SignatureId},
};
use serde::Deserialize;

use super::{batch, work::Draft};
use crate::web::form::{At, Filled};
use crate::web::{
    AppState,
    error::WebError,
    form::{self, filled},
    session::Session,
};

/// Everything that a form of the step screen may send.
#[derive(Deserialize, Default)]
pub(crate) struct Sent {
    /// The phase that the page shows because a person chose it; missing when it follows the batch.
    shown: Option<String>,
    phase: Option<String>,
    item: Option<String>,
    /// How a value is meant: `number`, `tag`, `confirmed`, `code`.
    kind: Option<String>,
    value: Option<String>,
    performer: Option<String>,
    reason: Option<String>,
    text: Option<String>,
    claimed: Option<String>,
    signature: Option<String>,
}

impl Sent {
    fn phase(&self) -> Result<PhaseId, WebError> {
        form::id(self.phase.as_deref().unwrap_or_default())
    }
    fn item(&self) -> Result<ItemId, WebError> {
        form::id(self.item.as_deref().unwrap_or_default())
    }
    fn reason(&self) -> String {
        self.reason.clone().unwrap_or_default().trim().to_owned()
    }
    fn entered(&self) -> Result<Entered, WebError> {
        let value = self.value.clone().unwrap_or_default().trim().to_owned();
        match self.kind.as_deref() {
            Some("number") => Ok(Entered::Number(value)),
            Some("tag") => Ok(Entered::FromTag),
            Some("confirmed") => Ok(Entered::Confirmed),
            Some("code") => Ok(Entered::Code(value)),
            _ => Err(WebError::Form("kind".to_owned())),
        }
    }
    fn draft(&self, form: String, rejection: Rejection) -> Draft {
        let fields = [
            ("kind", &self.kind),
            ("value", &self.value),
            ("performer", &self.performer),
            ("reason", &self.reason),
            ("text", &self.text),
            ("claimed", &self.claimed),
        ];
        let fields = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.clone()?)));
        Draft { form, fields: fields.collect(), rejection }
    }
}

async fn perform(
    state: &AppState,
    session: &Session,
    id: BatchId,
    sent: &Sent,
    form: String,
    command: Result<BatchCommand, Rejection>,
) -> Result<Response, WebError> {
    let shown: Option<PhaseId> = filled(sent.shown.as_ref()).map(|text| form::id(&text)).transpose()?;
    let outcome = match command {
        Ok(command) => {
            let command = Command::Batch { batch: id.clone(), command };
            state.desk.act(Act { scope: session.scope.clone(), signer: None, command }).await
        }
        Err(rejection) => Err(rejection),
    };
    let draft = match outcome {
        Ok(_) => None,
        Err(rejection) if rejection.rule == "not-found" => return Err(WebError::NotFound),
        Err(rejection) => Some(sent.draft(form, rejection)),
    };
    match (session.visit.partial, draft) {
        (true, draft) => batch::part(state, session, &id, shown.as_ref(), draft),
        (false, Some(draft)) => batch::whole(state, session, &id, shown.as_ref(), Some(draft)),
        (false, None) => {
            let phase = shown.map(|phase| format!("?phase={phase}")).unwrap_or_default();
            Ok(Redirect::to(&format!("/batches/{id}{phase}")).into_response())
        }
    }
}

/// Handlers differ only in the command that they make of the form.
macro_rules! acts {
    ($($(#[$doc:meta])* $name:ident($sent:ident, $state:ident) as $form:expr => $command:expr;)*) => {$(
        $(#[$doc])*
        pub(crate) async fn $name(
            State($state): State<AppState>,
            session: Session,
            At(id): At<BatchId>,
            Filled($sent): Filled<Sent>,
        ) -> Result<Response, WebError> {
            let command = $command;
            let form: String = $form;
            perform(&$state, &session, id, &$sent, form, command).await
        }
    )*};
}

acts! {
    /// Starts a phase.
    start(sent, state) as "start".to_owned() => Ok(BatchCommand::StartPhase { phase: sent.phase()? });
    /// Records an item.
    record(sent, state) as format!("record-{}", sent.item()?) => match performer(&sent) {
        Ok(performer) => Ok(BatchCommand::Record {
            phase: sent.phase()?,
            item: sent.item()?,
            value: sent.entered()?,
            performer,
            reason: filled(sent.reason.as_ref()),
        }),
        Err(rejection) => Err(rejection),
    };
    /// Corrects an item.
    correct(sent, state) as format!("more-correct-{}", sent.item()?) => Ok(BatchCommand::Correct {
        phase: sent.phase()?,
        item: sent.item()?,
        value: sent.entered()?,
        reason: sent.reason(),
    });
    /// Writes the set-points of a phase.
    apply(sent, state) as "apply".to_owned() => Ok(BatchCommand::ApplySetPoints { phase: sent.phase()? });
    /// Completes a phase that nobody has to sign.
    complete(sent, state) as "complete".to_owned() => Ok(BatchCommand::CompletePhase { phase: sent.phase()? });
    /// Declares the execution complete.
    finish(sent, state) as "finish".to_owned() => Ok(BatchCommand::CompleteExecution);
    /// Holds the batch.
    hold(sent, state) as "more-hold".to_owned() => Ok(BatchCommand::Hold { reason: sent.reason() });
    /// Restarts the batch.
    restart(sent, state) as "more-restart".to_owned() => Ok(BatchCommand::Restart { reason: sent.reason() });
    /// Comments.
    comment(sent, state) as "more-comment".to_owned() => Ok(BatchCommand::Comment {
        phase: Some(sent.phase()?),
        text: sent.text.clone().unwrap_or_default().trim().to_owned(),
    });
    /// Enters something late.
    late(sent, state) as "more-late".to_owned() => {
        let phase = sent.phase()?;
        form::local_time(sent.claimed.as_deref().unwrap_or_default(), "claimed").map(|claimed| BatchCommand::LateEntry {
            phase,
            claimed,
            text: sent.text.clone().unwrap_or_default().trim().to_owned(),
            reason: sent.reason(),
        })
    };
    /// Opens a deviation.
    deviate(sent, state) as "more-deviation".to_owned() => Ok(BatchCommand::OpenDeviation {
        deviation: form::id::<DeviationId>(&state.desk.new_id("DEV"))?,
        phase: Some(sent.phase()?),
        text: sent.text.clone().unwrap_or_default().trim().to_owned(),
    });
    /// Rejects a performer's signature as second person.
    reject(sent, state) as "more-reject".to_owned() => Ok(BatchCommand::RejectSignature {
        signature: form::id::<SignatureId>(sent.signature.as_deref().unwrap_or_default())?,
        reason: sent.reason(),
    });
}

fn performer(sent: &Sent) -> Result<Option<PersonId>, Rejection> {
    filled(sent.performer.as_ref()).map(|text| form::typed_id(&text, "performer")).transpose()
}
