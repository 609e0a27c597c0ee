//! The scripted colleagues at work: each act through the desk, each signature over the statement that a page would show.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use mes_core::{
    access::{AuthMethod, Meaning, Rejection, Scope, SignatureStatus, Subject},
    batch::{Batch, BatchCommand},
    booking::{
        Booking, BookingCommand, BookingSignature, BookingStep, Infection, Offer, Regime, RiskAnswer, RiskAssessment,
        RiskQuestion, Stated, booking_statement,
    },
    clock::Clock,
    engine::{Act, Command, View},
    id::{BatchId, BookingId, PersonId, RecipeId},
    isa88::Approval,
    quantity::Language,
};

use super::{
    Demo, RATE_FAST, RATE_VIEWER,
    colleagues::{NextAct, Script, merely_incubates, next_act, reached_viewer, team},
};
use crate::{
    app::App,
    desk::FacilityDesk,
    web::port::{Desk, QuoteRequest},
};

/// How long a colleague waits before trying again what was refused.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// Why a scripted person could not act.
#[derive(Debug, thiserror::Error)]
pub enum CastError {
    /// The script asks for something that is not there.
    #[error("the demo's script: {0}")]
    Script(String),
    /// An act was refused.
    #[error("{person} was refused: {rejection}")]
    Refused {
        /// Who.
        person: PersonId,
        /// Why.
        rejection: Box<Rejection>,
    },
}

/// The scripted people, with their passwords, at the ordinary desk.
pub struct Cast {
    app: Arc<App>,
    desk: FacilityDesk,
    passwords: BTreeMap<PersonId, String>,
}

impl Cast {
    /// People at a facility.
    pub fn new(app: Arc<App>, passwords: BTreeMap<PersonId, String>) -> Self {
        Self { desk: FacilityDesk::new(Arc::clone(&app), None), app, passwords }
    }
    /// The people's passwords.
    pub fn passwords(&self) -> &BTreeMap<PersonId, String> {
        &self.passwords
    }
    /// The newest view.
    pub fn view(&self) -> Arc<View> {
        self.app.writer.view()
    }

    fn scope(&self, person: &PersonId) -> Result<Scope, CastError> {
        let view = self.view();
        let known = view.facility.people.get(person);
        let session =
            format!("DEMO-{person}").parse().map_err(|_| CastError::Script(format!("session of {person}")))?;
        Ok(Scope {
            person: person.clone(),
            tenant: known.and_then(|known| known.employer.clone()),
            terminal: None,
            session,
            auth: AuthMethod::Password,
            client: "台本どおりの同僚 / scripted colleague".to_owned(),
            language: known.map_or(Language::Ja, |known| known.language),
        })
    }

    /// A command without a signature.
    pub async fn act(&self, person: &PersonId, command: Command) -> Result<(), CastError> {
        let act = Act { scope: self.scope(person)?, signer: None, command };
        self.desk.act(act).await.map(drop).map_err(|rejection| refused(person, rejection))
    }

    /// A command with the person's credential.
    pub async fn signed(&self, person: &PersonId, command: Command) -> Result<(), CastError> {
        let secret = self.passwords.get(person).cloned().unwrap_or_default();
        let reauth = self
            .desk
            .check_credential(person.clone(), secret, "scripted colleague".to_owned())
            .await
            .map_err(|rejection| refused(person, rejection))?;
        let act = Act { scope: self.scope(person)?, signer: Some(reauth), command };
        self.desk.act(act).await.map(drop).map_err(|rejection| refused(person, rejection))
    }

    /// Signs about a batch, over the statement that a page would show; gives the signature's id.
    pub async fn sign(
        &self,
        person: &PersonId,
        (id, batch): (&BatchId, &Batch),
        subject: Subject,
        meaning: Meaning,
        text: Option<String>,
    ) -> Result<mes_core::id::SignatureId, CastError> {
        let language = self.scope(person)?.language;
        let shown_at = self.view().now;
        let statement = batch
            .statement(&subject, meaning, person, shown_at, language)
            .map_err(|rejection| refused(person, rejection))?;
        let hash = statement.hash().map_err(|rejection| refused(person, rejection))?;
        let signature = new_signature()?;
        let command = BatchCommand::Sign {
            subject,
            meaning,
            statement: hash,
            shown_at,
            language,
            signature: signature.clone(),
            text,
        };
        self.signed(person, Command::Batch { batch: id.clone(), command }).await?;
        Ok(signature)
    }

    /// Approves a recipe for one department.
    pub async fn approve_recipe(
        &self,
        person: &PersonId,
        recipe: &RecipeId,
        version: u32,
        approval: Approval,
    ) -> Result<(), CastError> {
        let view = self.view();
        let Some(master) = view.recipes.get(&(recipe.clone(), version)) else {
            return Err(CastError::Script(format!("recipe {recipe} is not there")));
        };
        let language = self.scope(person)?.language;
        let statement = mes_core::engine::recipe_statement(master, person, view.now, language);
        let command = Command::ApproveRecipe {
            recipe: recipe.clone(),
            version,
            approval,
            statement: statement.hash().map_err(|rejection| refused(person, rejection))?,
            shown_at: view.now,
            language,
            signature: new_signature()?,
        };
        self.signed(person, command).await
    }

    /// Asks for a quote.
    pub async fn quote(&self, person: &PersonId, request: QuoteRequest) -> Result<Vec<Offer>, CastError> {
        let answer =
            self.desk.quote(self.scope(person)?, request).await.map_err(|rejection| refused(person, rejection))?;
        answer.map_err(|reason| CastError::Script(format!("no capacity: {}", reason.en)))
    }

    /// Requests the first offer of a quote, and brings it to its confirmation: assessed, approved, confirmed, each with a signature.
    pub async fn reserve(&self, planner: &PersonId, booking: &BookingId) -> Result<(), CastError> {
        let name = |name: &str| PersonId::parse(name).map_err(|error| CastError::Script(error.to_string()));
        let stated =
            Stated { regime: Regime::Gctp, open_handling: false, infection: Infection::Negative, patient_date: None };
        let ask = |command| Command::Booking { booking: booking.clone(), command };
        self.act(planner, ask(BookingCommand::Request { offer: 0, stated, text: None })).await?;
        let answers = RiskQuestion::ALL.map(|question| (question, RiskAnswer::Satisfied));
        let assessment = RiskAssessment { answers: answers.into(), acceptable: true };
        let text = "閉鎖系のみ。同室に他のバッチなし。 Closed systems only; no other batch in the room.".to_owned();
        let assessor = name("tanaka")?;
        let sign =
            self.booking_signature(&assessor, booking, BookingStep::RiskAssessment, Some((&assessment, &text)))?;
        self.signed(&assessor, ask(BookingCommand::AssessRisk { assessment, text: Some(text), sign })).await?;
        let approver = name("watanabe")?;
        let sign = self.booking_signature(&approver, booking, BookingStep::Approval, None)?;
        self.signed(&approver, ask(BookingCommand::Approve { sign })).await?;
        let administrator = name("nakamura")?;
        let sign = self.booking_signature(&administrator, booking, BookingStep::Confirmation, None)?;
        self.signed(&administrator, ask(BookingCommand::Confirm { sign })).await
    }

    /// What a person signs at a step of a booking, as the page would show it now.
    fn booking_signature(
        &self,
        person: &PersonId,
        request: &BookingId,
        step: BookingStep,
        drafted: Option<(&RiskAssessment, &String)>,
    ) -> Result<BookingSignature, CastError> {
        let view = self.view();
        let language = self.scope(person)?.language;
        let open: Vec<(&BookingId, &Booking)> =
            view.bookings.iter().filter(|(id, booking)| booking.of_request(id, request)).collect();
        let drafted = drafted.map(|(assessment, text)| (assessment, Some(text.as_str())));
        let statement = booking_statement(step, &open, drafted, person, (view.now, language));
        let hash = statement.and_then(|it| it.hash()).map_err(|rejection| refused(person, rejection))?;
        Ok(BookingSignature { statement: hash, shown_at: view.now, language, signature: new_signature()? })
    }

    /// Changes the rate of facility time, if it is another one.
    pub async fn set_rate(&self, rate: u32) -> Result<(), CastError> {
        if self.view().rate == rate {
            return Ok(());
        }
        let administrator = "kobayashi".parse().map_err(|_| CastError::Script("administrator".to_owned()))?;
        self.act(&administrator, Command::SetRate { rate }).await
    }

    /// What the colleagues do next about a batch. True when somebody acted.
    async fn work_on(&self, id: &BatchId, batch: &Batch, script: &Script) -> Result<bool, CastError> {
        let team = team(batch.issued.agreement.manufacturer).map_err(|error| CastError::Script(error.to_string()))?;
        match next_act(batch, &team, script, self.view().now) {
            None => Ok(false),
            Some(NextAct::Command(person, command)) => {
                self.act(&person, Command::Batch { batch: id.clone(), command }).await.map(|()| true)
            }
            Some(NextAct::Sign(person, subject, meaning, text)) => {
                self.sign(&person, (id, batch), subject, meaning, text).await.map(|_| true)
            }
            Some(NextAct::Dispose(person)) => self.release(&person, id, batch).await,
        }
    }

    async fn release(&self, person: &PersonId, id: &BatchId, batch: &Batch) -> Result<bool, CastError> {
        let signed = batch.signatures.iter().find(|(signature, standing)| {
            signature.subject == Subject::Disposition && *standing == SignatureStatus::Valid
        });
        let signature = match signed {
            Some((signature, _)) => signature.id.clone(),
            None => self.sign(person, (id, batch), Subject::Disposition, Meaning::Released, None).await?,
        };
        let command = BatchCommand::Dispose { release: true, signature, text: None, seals: Vec::new() };
        self.act(person, Command::Batch { batch: id.clone(), command }).await.map(|()| true)
    }
}

fn refused(person: &PersonId, rejection: Rejection) -> CastError {
    CastError::Refused { person: person.clone(), rejection: Box::new(rejection) }
}

fn new_signature() -> Result<mes_core::id::SignatureId, CastError> {
    crate::random::id("SIG").parse().map_err(|_| CastError::Script("signature id".to_owned()))
}

/// Lets the colleagues work until the facility stops. A refused act is tried again when its batch has changed, or after a while:
/// what was refused is in the record.
pub(crate) async fn run(demo: Arc<Demo>, app: Arc<App>) {
    let cast = Cast::new(Arc::clone(&app), demo.passwords.clone());
    let mut views = app.writer.views();
    let mut refused: BTreeMap<BatchId, (u64, Instant)> = BTreeMap::new();
    loop {
        let view = Arc::clone(&views.borrow_and_update());
        let mut acted = false;
        if demo.colleagues_on.load(Ordering::Relaxed) {
            for (id, script) in &demo.scripts {
                let Some(batch) = view.batches.get(id) else { continue };
                let waits = |(seq, since): &(u64, Instant)| *seq == batch.last_seq && since.elapsed() < RETRY_AFTER;
                if refused.get(id).is_some_and(waits) {
                    continue;
                }
                match cast.work_on(id, batch, script).await {
                    Ok(did) => acted |= did,
                    Err(error) => {
                        tracing::debug!("a colleague could not act: {error}");
                        refused.insert(id.clone(), (batch.last_seq, Clock::wall()));
                    }
                }
            }
        }
        if let Err(error) = cast.set_rate(pace(&demo, &view)).await {
            tracing::warn!("the rate of facility time could not be set: {error}");
        }
        if acted {
            continue;
        }
        tokio::select! {
            changed = views.changed() => if changed.is_err() { return },
            () = demo.switched.notified() => {}
        }
    }
}

/// Fast while batches merely incubate or scripted people work; slow once the viewer is expected.
fn pace(demo: &Demo, view: &View) -> u32 {
    let scripted = demo.colleagues_on.load(Ordering::Relaxed);
    let open: Vec<(&Script, &Arc<Batch>)> = demo
        .scripts
        .iter()
        .filter_map(|(id, script)| Some((script, view.batches.get(id)?)))
        .filter(|(_, batch)| batch.disposed_at.is_none())
        .collect();
    // From the phase that is left to the viewer on, the batch goes at a pace at which one can look and unplug.
    let viewer =
        open.iter().any(|(script, batch)| reached_viewer(batch, script) || (!scripted && !merely_incubates(batch)));
    let others = open.iter().any(|(script, batch)| !reached_viewer(batch, script));
    match (viewer, others) {
        // The viewer's batch waits; the other batches go on at the scripted pace until they are done.
        (true, true) if scripted => RATE_FAST,
        (true, _) => RATE_VIEWER,
        (false, true) => RATE_FAST,
        (false, false) => 1,
    }
}
