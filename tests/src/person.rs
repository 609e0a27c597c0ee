//! A person at the desk: commands, and signatures over the statement that a page would show.

use hmi::web::port::{Desk, unwatched};
use mes_core::{
    access::{AuthMethod, Meaning, Reauth, Rejection, Scope, SignatureStatus, Subject},
    batch::{Batch, BatchCommand, Entered},
    booking::{Booking, BookingCommand, BookingSignature, BookingStep, RiskAssessment, booking_statement},
    engine::{Act, Command},
    id::{BatchId, BookingId, DeviationId, PersonId, SignatureId},
    journal::EntryId,
    quantity::Language,
};
use std::sync::Arc;

use crate::{browser::Browser, facility::Facility};

/// What an act gave: its entries, durable, or the rule that said no.
pub type Outcome = Result<Vec<EntryId>, Rejection>;

/// A person.
#[derive(Clone)]
pub struct Person<'f> {
    facility: &'f Facility,
    id: PersonId,
    /// Whose session it is; another one's when the person signs as second at the same terminal.
    session_of: PersonId,
}

impl<'f> Person<'f> {
    pub(crate) fn new(facility: &'f Facility, id: PersonId) -> Self {
        Self { facility, session_of: id.clone(), id }
    }
    /// The same person at the terminal where another one is logged in.
    #[must_use]
    pub fn at_session_of(self, other: &str) -> Self {
        Self { session_of: other.parse().unwrap(), ..self }
    }
    /// The person's id.
    pub fn id(&self) -> &PersonId {
        &self.id
    }
    /// The scope of the session.
    pub fn scope(&self) -> Scope {
        let view = self.facility.view();
        let known = view.facility.people.get(&self.session_of);
        Scope {
            person: self.session_of.clone(),
            tenant: known.and_then(|known| known.employer.clone()),
            terminal: None,
            session: format!("S-{}", self.session_of).parse().unwrap(),
            auth: AuthMethod::Password,
            client: "127.0.0.1".to_owned(),
            language: known.map_or(Language::Ja, |known| known.language),
        }
    }
    fn desk(&self) -> &dyn Desk {
        self.facility.desk.as_ref()
    }
    /// The state of a batch.
    pub fn sees(&self, batch: &BatchId) -> Arc<Batch> {
        self.facility.view().batches.get(batch).cloned().unwrap_or_else(|| panic!("there is no batch {batch}"))
    }

    /// A command without a signature.
    pub async fn act(&self, command: Command) -> Outcome {
        self.desk().act(Act { scope: self.scope(), signer: None, command }).await
    }
    /// A command about a batch.
    pub async fn does(&self, batch: &BatchId, command: BatchCommand) -> Outcome {
        self.act(Command::Batch { batch: batch.clone(), command }).await
    }
    /// A command about a booking.
    pub async fn books(&self, booking: &BookingId, command: BookingCommand) -> Outcome {
        self.act(Command::Booking { booking: booking.clone(), command }).await
    }
    /// Signs a step of a booking, as the page would show it now.
    pub async fn signs_booking(
        &self,
        request: &BookingId,
        step: BookingStep,
        risk: Option<&RiskAssessment>,
    ) -> Outcome {
        let view = self.facility.view();
        let text = "closed systems only".to_owned();
        let open: Vec<(&BookingId, &Booking)> =
            view.bookings.iter().filter(|(id, booking)| booking.of_request(id, request)).collect();
        let drafted = risk.map(|risk| (risk, Some(text.as_str())));
        let (shown_at, language) = (view.now, self.scope().language);
        let statement = booking_statement(step, &open, drafted, &self.id, (shown_at, language))?;
        let signature = hmi::random::id("SIG").parse().unwrap();
        let sign = BookingSignature { statement: statement.hash()?, shown_at, language, signature };
        let command = match (step, risk) {
            (BookingStep::RiskAssessment, Some(risk)) => {
                BookingCommand::AssessRisk { assessment: risk.clone(), text: Some(text), sign }
            }
            (BookingStep::Approval, _) => BookingCommand::Approve { sign },
            (BookingStep::Consent, _) => BookingCommand::AcceptMove { sign },
            _ => BookingCommand::Confirm { sign },
        };
        let signer = self.enters(&Facility::password(&self.id)).await?;
        self.act_with(signer, Command::Booking { booking: request.clone(), command }).await
    }
    /// A command with a credential that was checked before.
    pub async fn act_with(&self, signer: Reauth, command: Command) -> Outcome {
        self.desk().act(Act { scope: self.scope(), signer: Some(signer), command }).await
    }

    /// Starts a phase.
    pub async fn starts(&self, batch: &BatchId, phase: &str) -> Outcome {
        self.does(batch, BatchCommand::StartPhase { phase: phase.parse().unwrap() }).await
    }
    /// Records a value.
    pub async fn records(&self, batch: &BatchId, phase: &str, item: &str, value: Entered) -> Outcome {
        let (phase, item) = (phase.parse().unwrap(), item.parse().unwrap());
        self.does(batch, BatchCommand::Record { phase, item, value, performer: None, reason: None }).await
    }
    /// Comments.
    pub async fn comments(&self, batch: &BatchId, text: &str) -> Outcome {
        self.does(batch, BatchCommand::Comment { phase: None, text: text.to_owned() }).await
    }

    /// Enters a password.
    pub async fn enters(&self, password: &str) -> Result<Reauth, Rejection> {
        self.desk().check_credential(self.id.clone(), password.to_owned(), "127.0.0.1".to_owned()).await
    }
    /// The signature that the dialog would post now.
    pub fn dialog(&self, batch: &BatchId, subject: &Subject, meaning: Meaning) -> Result<BatchCommand, Rejection> {
        let (language, shown_at) = (self.scope().language, self.facility.view().now);
        let statement = self.sees(batch).statement(subject, meaning, &self.id, shown_at, language)?;
        Ok(BatchCommand::Sign {
            subject: subject.clone(),
            meaning,
            statement: statement.hash()?,
            shown_at,
            language,
            signature: hmi::random::id("SIG").parse().unwrap(),
            text: match subject {
                Subject::Deviation(_) => Some("影響なし / no impact".to_owned()),
                _ => None,
            },
        })
    }
    /// Signs with the right password; gives the signature.
    pub async fn signs(&self, batch: &BatchId, subject: Subject, meaning: Meaning) -> Result<SignatureId, Rejection> {
        let command = self.dialog(batch, &subject, meaning)?;
        let BatchCommand::Sign { signature, .. } = &command else { panic!("a dialog posts a signature") };
        let signature = signature.clone();
        let signer = self.enters(&Facility::password(&self.id)).await?;
        self.act_with(signer, Command::Batch { batch: batch.clone(), command }).await?;
        Ok(signature)
    }
    /// Signs a phase.
    pub async fn signs_phase(&self, batch: &BatchId, phase: &str, meaning: Meaning) -> Result<SignatureId, Rejection> {
        self.signs(batch, Subject::Phase(phase.parse().unwrap()), meaning).await
    }
    /// Classifies and closes a deviation.
    pub async fn closes(&self, batch: &BatchId, deviation: &DeviationId) -> Result<(), Rejection> {
        let class = mes_core::batch::DeviationClass::Minor;
        let text = "一時的な逸脱 / transient".to_owned();
        self.does(batch, BatchCommand::ClassifyDeviation { deviation: deviation.clone(), class, text }).await?;
        self.signs(batch, Subject::Deviation(deviation.clone()), Meaning::Approved).await.map(drop)
    }
    /// Reviews the audit trail, then the batch for quality.
    pub async fn reviews(&self, batch: &BatchId) -> Result<(), Rejection> {
        let up_to = self.sees(batch).last_seq;
        self.does(batch, BatchCommand::ReviewAuditTrail { up_to }).await?;
        self.signs(batch, Subject::QualityReview, Meaning::Reviewed).await.map(drop)
    }
    /// Releases a batch. Its samples must be sealed first; until they are, the rule that says so is awaited, not overruled.
    pub async fn releases(&self, batch: &BatchId) -> Outcome {
        let signed = self.sees(batch).signatures.iter().find_map(|(signature, standing)| {
            (signature.subject == Subject::Disposition && *standing == SignatureStatus::Valid)
                .then(|| signature.id.clone())
        });
        let signature = match signed {
            Some(signature) => signature,
            None => self.signs(batch, Subject::Disposition, Meaning::Released).await?,
        };
        self.does(batch, BatchCommand::Dispose { release: true, signature, text: None, seals: Vec::new() }).await
    }
    /// The evidence package of a batch.
    pub async fn exports(&self, batch: &BatchId) -> Result<Vec<u8>, Rejection> {
        self.desk().package(self.scope(), batch.clone(), unwatched()).await.map(|download| download.bytes)
    }

    /// The person's browser, logged in.
    pub async fn browser(&self) -> Browser {
        let mut browser = Browser::new(self.facility.web);
        browser.log_in(self.id.as_str(), &Facility::password(&self.id)).await;
        browser
    }
}
