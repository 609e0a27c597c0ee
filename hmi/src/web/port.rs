//! What the pages need of the running facility: one trait, implemented by the composition root.
//!
//! Pages parse, send and render; whatever decides stands behind [`Desk`]. Nothing here knows HTTP, and nothing here
//! is implemented: the running system does it in `app.rs`, the page tests over a hand-built [`View`].

use std::{future::Future, ops::Range, pin::Pin, sync::Arc};

use batch_records::export::samples::SamplesForm;
use mes_core::{
    access::{Action, Reauth, Rejection, Scope},
    booking::{Asked, Offer},
    clock::Timestamp,
    engine::{Act, View},
    historian::{Sample, Trend},
    id::{BatchId, BookingId, EquipmentId, PersonId, TagId, TerminalId},
    journal::{Entry, EntryId, Hash, StreamId},
    quantity::Bilingual,
};
use tokio::sync::watch;

use crate::{
    device_figures::AllFigures,
    device_trust::{Ending, Known},
    planner::Found,
    reasons::Reason,
    simulators::{FaultChange, SimulatorState},
};

/// An answer that is on its way: what was asked for, or the rule that said no.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, Rejection>> + Send + 'a>>;

/// What a tenant asks capacity for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuoteRequest {
    /// The id under which the quote, and a booking made of it, is recorded.
    pub booking: BookingId,
    /// What is asked for.
    pub asked: Asked,
}

/// A file that leaves the system; its hash is an entry by the time it is handed out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Download {
    /// File name, plain ASCII.
    pub name: String,
    /// Media type.
    pub media: &'static str,
    /// Content.
    pub bytes: Vec<u8>,
}

/// How far the making of a file is; each stage is real work, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExportStage {
    /// Entries, samples and proofs are read.
    Gathering,
    /// The record is put together and typeset.
    Typesetting,
    /// Proofs, data and record are packed.
    Packing,
    /// The finished package is verified before it leaves.
    Verifying,
}

/// Where a maker of files says how far it is.
pub type StageSender = watch::Sender<ExportStage>;

/// For whoever only waits for the file.
pub fn unwatched() -> StageSender {
    StageSender::new(ExportStage::Gathering)
}

/// Whose login is printed on the demo's first page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DemoLogin {
    /// Person.
    pub person: PersonId,
    /// Password.
    pub password: String,
    /// Which of the three addresses it is meant for, e.g. `http://operator.localhost:8080/`.
    pub address: String,
}

/// What the demo's own pages show. A journal of another purpose has none of this.
#[derive(Debug, Clone, PartialEq)]
pub struct DemoInfo {
    /// Scripted colleagues do what is left to them.
    pub colleagues_on: bool,
    /// Printed logins, in the order in which they are of use.
    pub logins: Vec<DemoLogin>,
    /// The batch that waits for the viewer, once there is one.
    pub waiting_batch: Option<BatchId>,
    /// The released batch, once there is one.
    pub released_batch: Option<BatchId>,
    /// Simulated devices with their faults in force.
    pub devices: Vec<SimulatorState>,
    /// How this program is called on the command line, e.g. `target/release/mes`.
    pub program: String,
    /// Where the facility's public key lies.
    pub key_file: String,
}

/// What the pages need of the running facility.
pub trait Desk: Send + Sync {
    /// The newest published view, whole. Pages see it only after `View::cut` for the person's scope.
    fn view(&self) -> Arc<View>;
    /// Ticks on each new view, and at least once a second while readings come in.
    fn subscribe(&self) -> watch::Receiver<u64>;
    /// Facility time now.
    fn now(&self) -> Timestamp;
    /// A new random id that begins with `prefix` and a hyphen; never the same twice.
    fn new_id(&self, prefix: &str) -> String;
    /// The next number of a tenant's bookings, e.g. `BKG-A-0012`; a person without a tenant gets one of the facility's.
    fn next_booking(&self, scope: &Scope) -> String;
    /// The known terminal at a client address or host name, if any.
    fn terminal(&self, client: &str, host: &str) -> Option<TerminalId>;
    /// Whether policies let a person do this at all, so that a page can leave away what cannot be done.
    /// The command itself is judged again inside `Engine::step`.
    fn may(&self, scope: &Scope, action: Action, batch: Option<&BatchId>) -> bool;
    /// Gives a command to the engine; its entries are durable when this returns.
    fn act(&self, act: Act) -> Answer<'_, Vec<EntryId>>;
    /// Checks a credential, for a log-in or for a signature. Counts failures, locks, and enters both.
    fn check_credential(&self, person: PersonId, secret: String, client: String) -> Answer<'_, Reauth>;
    /// Enters that a session began.
    fn note_login(&self, scope: Scope) -> Answer<'_, ()>;
    /// Enters that a session ended, by the person or by time.
    fn note_logout(&self, scope: Scope, timed_out: bool) -> Answer<'_, ()>;
    /// All entries of a stream in order, as far as they are disclosed to the person.
    fn history(&self, scope: Scope, stream: StreamId) -> Answer<'_, Vec<Entry>>;
    /// The trend of a tag in so many slices; a range that the person may not see does not exist.
    fn trend(&self, scope: Scope, tag: TagId, range: Range<Timestamp>, slices: usize) -> Answer<'_, Trend>;
    /// The newest sample of a tag that was kept, also from before a restart, as far as the person may see it.
    fn newest_sample(&self, scope: Scope, tag: TagId) -> Answer<'_, Option<Sample>>;
    /// Every sample of a range of a tag as a file.
    fn export_samples(
        &self,
        scope: Scope,
        tag: TagId,
        range: Range<Timestamp>,
        form: SamplesForm,
    ) -> Answer<'_, Download>;
    /// Asks the scheduler; question and answer are entered. The inner refusal is what the tenant may know of the reason.
    fn quote(&self, scope: Scope, request: QuoteRequest) -> Answer<'_, Result<Vec<Offer>, Bilingual>>;
    /// What came of the newest search for a plan, if it is still for the state in force. Only whoever may adopt sees it.
    fn proposal(&self, scope: &Scope) -> Option<Arc<Found>>;
    /// Searches for a plan now, off the writer.
    fn propose(&self, scope: Scope) -> Answer<'_, ()>;
    /// Why a booking is where it is, as far as the person may know.
    fn reasons(&self, scope: &Scope, booking: &BookingId) -> Vec<Reason>;
    /// The evidence package of a batch (zip).
    fn package(&self, scope: Scope, batch: BatchId, stage: StageSender) -> Answer<'_, Download>;
    /// The printed record of a batch (PDF).
    fn record_pdf(&self, scope: Scope, batch: BatchId, stage: StageSender) -> Answer<'_, Download>;
    /// A report of a closed device, as it was received with a batch.
    fn report(&self, scope: Scope, batch: BatchId, sha256: Hash) -> Answer<'_, Download>;
    /// A report of a closed device that was entered with no batch.
    fn facility_report(&self, scope: Scope, equipment: EquipmentId, sha256: Hash) -> Answer<'_, Download>;
    /// The certificates that are known here and where they stand, those that wait first.
    fn certificates(&self) -> Result<Vec<Known>, Rejection>;
    /// The certificates whose end a person is to be told of, the most urgent first.
    fn ending_certificates(&self) -> Result<Vec<Ending>, Rejection>;
    /// What was counted on the links, by device.
    fn figures(&self) -> Arc<AllFigures>;
    /// Whether this is the token of whoever watches over the process, as configured.
    fn is_monitor(&self, token: &str) -> bool;
    /// What the demo's own pages show; `None` outside a demo.
    fn demo(&self) -> Option<DemoInfo>;
    /// Demo only: lets the scripted colleagues work or rest.
    fn set_colleagues(&self, on: bool) -> Answer<'_, ()>;
    /// Demo only: begins or ends a fault of a simulated device.
    fn set_fault(&self, equipment: EquipmentId, change: FaultChange) -> Answer<'_, ()>;
}
