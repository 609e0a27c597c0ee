//! From an input to its entries: who acts, may they, what does the group's own rule say, and what follows.

use crate::{
    access::{Action, Actor, AuthMethod, Meaning, Rejection, Resource, Scope, Subject, Who, action_of},
    batch::{Batch, BatchCommand},
    engine::{Act, Command, Engine, Input, Note, SamplesExport, WriteOutcome, step::SOFTWARE},
    historian::{FacilitySamples, SealedSamples},
    id::{BatchId, PersonId},
    journal::{EntryId, Event, JournalEvent, Owner, SamplesEvent, StreamId, StreamKind},
    tenant::{self, DeviceCertificate, EquipmentEvent, FacilityEvent, PersonEvent, Role},
};

/// Fastest rate of facility time: at a sampling interval of half a second one interval spans one facility hour.
pub const RATE_MAX: u32 = 7_200;

/// Entries, or the rule that said no.
pub(super) type Decision = Result<Vec<EntryId>, Rejection>;

impl Engine {
    pub(super) fn decide(&mut self, input: Input) -> Decision {
        if self.books.purpose.is_none() && !matches!(input, Input::Note(Note::Opened { .. })) {
            return Err(Rejection::new(
                "journal-first",
                "ジャーナルがまだ開かれていません。",
                "The journal has not been opened yet.",
            ));
        }
        match input {
            Input::Act(act) => self.act(*act),
            Input::Readings(_) | Input::Tick => Ok(Vec::new()),
            Input::Link(report) => Ok(self.link(&report)),
            Input::Sampling(report) => Ok(self.sampling(&report)),
            Input::Happened(events) => Ok(self.happened(events)),
            Input::Outcome(outcome) => Ok(self.outcome(&outcome)),
            Input::Report(report) => self.report(*report),
            Input::Note(note) => self.note(note),
        }
    }

    /// A person's command: permitted on the state it finds, decided, entered; or refused, and the refusal entered.
    fn act(&mut self, act: Act) -> Decision {
        let actor = match &act.signer {
            Some(signer) => signer.person.clone(),
            None => act.scope.person.clone(),
        };
        let (command, object) = described(&act.command);
        let decision = self.judged(&act, &actor);
        if let Err(rejection) = &decision {
            self.note_refusal(&act.scope, actor, (command, object), rejection);
        }
        decision
    }

    /// Enters that a known person was refused something.
    pub(super) fn note_refusal(
        &mut self,
        scope: &Scope,
        actor: PersonId,
        (command, object): (String, String),
        rejection: &Rejection,
    ) {
        if !self.books.facility.people.contains_key(&actor) {
            return;
        }
        let key = (actor, command, object, rejection.rule.clone());
        let who = self.who(scope, &key.0, None, None);
        if self.count_refusal(&key, &who) {
            self.enter_refusal(key, 1, &who);
        }
    }

    fn judged(&mut self, act: &Act, actor: &PersonId) -> Decision {
        self.in_use(&act.scope.person)?;
        self.in_use(actor)?;
        let action = action_of(&act.command);
        let resource = self.resource(&act.command)?;
        let facility = std::sync::Arc::clone(&self.books.facility);
        let role = match action {
            // Everybody may choose the own language; there is no thing to ask about.
            Action::ChooseLanguage => None,
            _ => Some(self.policies.may(&facility, actor, action, &resource, self.now())?),
        };
        let who = self.who(&act.scope, actor, role, act.signer.as_ref().map(|signer| signer.method));
        match &act.command {
            Command::Batch { batch, command } => self.person_batch(batch, command, &who, act.signer.as_ref()),
            Command::Booking { booking, command } => self.booking(booking, command, &who, act.signer.as_ref()),
            Command::AdoptPlan { plan, adopted } => self.adopt_plan(plan, adopted, &who, act.signer.as_ref()),
            Command::ProposeMoves { adopted, asks } => self.propose_moves(adopted, asks, &who),
            Command::SubmitRecipe { body } => self.submit_recipe(body, &who),
            Command::ApproveRecipe { .. } => self.approve_recipe(&act.command, &who, act.signer.as_ref()),
            Command::ProposeChange { change, items, text } => {
                let known = self.books.changes.get(change);
                let event = tenant::decide::propose(&facility, known, change, items, (actor, text.clone()))?;
                Ok(self.enter_facility(&event, &who))
            }
            Command::ApproveChange { change } => self.approve_change(change, &who, act.signer.as_ref()),
            Command::JudgeCertificate { certificate, accept, text } => {
                fresh(act.signer.as_ref(), actor)?;
                let event = tenant::judge_certificate(&facility, certificate, *accept, text, actor)?;
                Ok(self.enter_equipment(event, &who))
            }
            Command::ConnectAgain { equipment } => self.connect_again(equipment, &who),
            Command::ChooseLanguage { language } => {
                let event = PersonEvent::LanguageChosen { person: actor.clone(), language: *language };
                Ok(self.enter_person(actor, &event, &who))
            }
            Command::SetRate { rate } => self.set_rate(*rate, &who),
        }
    }

    /// Refuses a person who has no account in use: a session may outlive its person.
    pub(super) fn in_use(&self, person: &PersonId) -> Result<(), Rejection> {
        if self.books.facility.people.get(person).is_some_and(|known| known.active) {
            return Ok(());
        }
        Err(Rejection::new(
            "P11-20",
            "このアカウントは使用できません。システム管理者に連絡してください。",
            "This account is not in use. Ask the system administrator.",
        ))
    }

    /// The thing that a command is about; what does not exist is not found.
    fn resource(&self, command: &Command) -> Result<Resource, Rejection> {
        let books = &self.books;
        Ok(match command {
            Command::Batch { command: BatchCommand::Issue(order), .. } => {
                let booking = books.bookings.get(&order.booking).ok_or_else(Rejection::not_found)?;
                let agreement = books.facility.agreement_for(&booking.tenant, &booking.product);
                Resource::issue(&order.booking, agreement.ok_or_else(Rejection::not_found)?)
            }
            Command::Batch { batch, command } => {
                Resource::batch(books.batches.get(batch).ok_or_else(Rejection::not_found)?, command)
            }
            Command::Booking { booking, command } => self.booking_resource(booking, command)?,
            Command::SubmitRecipe { body } => Resource::new_recipe(&body.header.tenant),
            Command::ApproveRecipe { recipe, version, .. } => {
                let master = books.recipes.get(&(recipe.clone(), *version));
                Resource::recipe(master.ok_or_else(Rejection::not_found)?)
            }
            Command::ApproveChange { change } => {
                Resource::change(books.changes.get(change).ok_or_else(Rejection::not_found)?)
            }
            Command::ProposeChange { .. }
            | Command::AdoptPlan { .. }
            | Command::ProposeMoves { .. }
            | Command::JudgeCertificate { .. }
            | Command::ConnectAgain { .. }
            | Command::ChooseLanguage { .. }
            | Command::SetRate { .. } => Resource::facility(),
        })
    }

    /// Who acts, with name and role frozen.
    pub(super) fn who(&self, scope: &Scope, actor: &PersonId, role: Option<Role>, method: Option<AuthMethod>) -> Who {
        let facility = &self.books.facility;
        let name = facility.people.get(actor).map_or_else(|| actor.to_string(), |person| person.name.full());
        let suite = scope.terminal.as_ref().and_then(|id| facility.terminals.get(id)?.suite.clone());
        Who {
            actor: Actor::Person { id: actor.clone(), name, role },
            session_of: (scope.person != *actor).then(|| scope.person.clone()),
            terminal: scope.terminal.clone(),
            suite,
            client: Some(scope.client.clone()),
            session: Some(scope.session.clone()),
            auth: method.unwrap_or(scope.auth),
            language: Some(scope.language),
            software: SOFTWARE.to_owned(),
        }
    }

    pub(super) fn enter_facility(&mut self, event: &FacilityEvent, who: &Who) -> Vec<EntryId> {
        let stream = StreamId::new(StreamKind::Facility, "facility");
        self.enter(Owner::Facility, stream, &Event::Facility(event.clone()), who).into_iter().collect()
    }

    fn enter_person(&mut self, person: &PersonId, event: &PersonEvent, who: &Who) -> Vec<EntryId> {
        let stream = StreamId::new(StreamKind::Person, person);
        self.enter(Owner::Facility, stream, &Event::Person(event.clone()), who).into_iter().collect()
    }

    fn enter_journal(&mut self, event: &JournalEvent, who: &Who) -> Vec<EntryId> {
        let stream = StreamId::new(StreamKind::Journal, "journal");
        self.enter(Owner::Facility, stream, &Event::Journal(event.clone()), who).into_iter().collect()
    }

    fn approve_change(
        &mut self,
        change: &crate::id::ChangeId,
        who: &Who,
        signer: Option<&crate::access::Reauth>,
    ) -> Decision {
        let Some(person) = who.actor.person().cloned() else { return Err(Rejection::not_found()) };
        fresh(signer, &person)?;
        let event = tenant::decide::approve(&self.books.facility, self.books.changes.get(change), change, &person)?;
        Ok(self.enter_facility(&event, who))
    }

    fn set_rate(&mut self, rate: u32, who: &Who) -> Decision {
        if self.books.purpose.is_none_or(crate::journal::Purpose::is_production) {
            return Err(Rejection::new(
                "DI-13",
                "製造記録では時間倍率を変更できません。",
                "The rate of facility time cannot be changed in a production journal.",
            ));
        }
        if !(1..=RATE_MAX).contains(&rate) {
            return Err(Rejection::new(
                "DI-13",
                format!("倍率は1〜{RATE_MAX}にしてください。"),
                format!("The rate must be 1 to {RATE_MAX}."),
            )
            .about("rate"));
        }
        Ok(self.enter_journal(&JournalEvent::RateChanged { rate }, who))
    }

    pub(super) fn outcome(&mut self, outcome: &WriteOutcome) -> Vec<EntryId> {
        let Some(outstanding) = self.books.outstanding.get(&outcome.effect).cloned() else {
            tracing::warn!(effect = %outcome.effect, "an outcome without an effect is not entered");
            return Vec::new();
        };
        let command =
            BatchCommand::ResolveEffect { phase: outstanding.phase, item: outstanding.item, outcome: outcome.clone() };
        self.system_batch("driver", &outstanding.batch, &command)
    }

    fn note(&mut self, note: Note) -> Decision {
        let system = self.system("process");
        match note {
            Note::Opened { purpose, wall_time, key } => {
                if self.books.purpose.is_some() {
                    return Err(Rejection::new(
                        "journal-first",
                        "既に開かれています。",
                        "The journal is open already.",
                    ));
                }
                let event = JournalEvent::Opened { purpose, facility_time: self.now(), wall_time, key };
                Ok(self.enter_journal(&event, &system))
            }
            Note::Started { wall_time } => {
                let event = JournalEvent::Started { software: SOFTWARE.to_owned(), wall_time };
                let entries = self.enter_journal(&event, &system);
                self.links_are_down();
                self.settle_unknown();
                Ok(entries)
            }
            Note::FirstFacility { items, change, proposed_by, approved_by } => {
                self.first_facility(items, change, proposed_by, approved_by)
            }
            Note::LoggedIn(scope) => {
                self.in_use(&scope.person)?;
                let who = self.who(&scope, &scope.person, None, None);
                Ok(self.enter_person(&scope.person, &PersonEvent::LoggedIn { person: scope.person.clone() }, &who))
            }
            Note::LoggedOut { scope, timed_out } => {
                let who = self.who(&scope, &scope.person, None, None);
                let event = PersonEvent::LoggedOut { person: scope.person.clone(), timed_out };
                Ok(self.enter_person(&scope.person, &event, &who))
            }
            Note::CredentialRefused { person, client, failures, locked } => {
                let who = Who { client: Some(client), ..system };
                let event = PersonEvent::CredentialRefused { person: person.clone(), failures, locked };
                Ok(self.enter_person(&person, &event, &who))
            }
            Note::CredentialSet { person, by, method } => {
                let by = by.map(|by| {
                    let name = self.books.facility.people.get(&by).map(|p| p.name.full()).unwrap_or_default();
                    Actor::Person { id: by, name, role: None }
                });
                let who = Who { actor: by.unwrap_or(system.actor.clone()), auth: method, ..system };
                Ok(self.enter_person(&person, &PersonEvent::CredentialSet { person: person.clone() }, &who))
            }
            Note::Sealed(sealed) => self.sealed(sealed),
            Note::FacilitySealed(sealed) => self.facility_sealed(sealed),
            Note::Quoted(quoted) => self.quoted(&quoted),
            Note::CertificateEnds { certificate, within_days } => Ok(self.certificate_ends(*certificate, within_days)),
            Note::SamplesExported(export) => self.samples_exported(*export),
            Note::ReportExported { scope, equipment, file } => self.report_exported(&scope, equipment, file),
        }
    }

    /// Entered when a threshold is first passed; a nearer one has passed those before it.
    fn certificate_ends(&mut self, certificate: DeviceCertificate, within_days: u32) -> Vec<EntryId> {
        if self.books.ending.get(&certificate.thumbprint).is_some_and(|known| *known <= within_days) {
            return Vec::new();
        }
        let event = EquipmentEvent::CertificateEnds { certificate, within_days };
        self.enter_equipment(event, &self.system("process"))
    }

    fn samples_exported(&mut self, export: SamplesExport) -> Decision {
        let SamplesExport { scope, tag, from, until, file } = export;
        self.in_use(&scope.person)?;
        if self.books.facility.tag(&tag).is_none() {
            return Err(Rejection::not_found());
        }
        let who = self.who(&scope, &scope.person, None, None);
        Ok(self.enter_equipment(EquipmentEvent::SamplesExported { tag, from, until, file, by: scope.person }, &who))
    }

    fn first_facility(
        &mut self,
        items: Vec<crate::tenant::ItemChange>,
        change: crate::id::ChangeId,
        proposed_by: PersonId,
        approved_by: PersonId,
    ) -> Decision {
        let [proposed, approved] =
            tenant::decide::first(&self.books.facility, &change, &items, &proposed_by, &approved_by)?;
        let person = |id: &PersonId| {
            let known = items.iter().find_map(|item| match &item.new {
                crate::tenant::FacilityItem::Person(person) if person.id == *id => Some(person.name.full()),
                _ => None,
            });
            Actor::Person { id: id.clone(), name: known.unwrap_or_default(), role: None }
        };
        let system = self.system("process");
        let proposer = Who { actor: person(&proposed_by), auth: AuthMethod::CommandLine, ..system.clone() };
        let approver = Who { actor: person(&approved_by), auth: AuthMethod::CommandLine, ..system };
        let mut entries = self.enter_facility(&proposed, &proposer);
        entries.extend(self.enter_facility(&approved, &approver));
        Ok(entries)
    }

    fn sealed(&mut self, sealed: SealedSamples) -> Decision {
        let Some(batch) = self.books.batches.get(&sealed.batch) else { return Err(Rejection::not_found()) };
        let ours = batch.issued.equipment.values().any(|unit| unit.id == sealed.equipment);
        if !ours || sealed.until <= sealed.from {
            return Err(Rejection::new(
                "DI-04",
                "封印する期間または機器がこのバッチのものではありません。",
                "The period or the equipment to be sealed is not this batch's.",
            ));
        }
        let owner = Owner::Tenant(batch.issued.owner().clone());
        let stream = samples_stream(&sealed.batch, &sealed.equipment);
        let who = self.system("historian");
        let event = Event::Samples(SamplesEvent::Sealed { sealed });
        Ok(self.enter(owner, stream, &event, &who).into_iter().collect())
    }

    /// What a batch has occupied is sealed with the batch; only what came after its disposition is the facility's.
    fn facility_sealed(&mut self, sealed: FacilitySamples) -> Decision {
        let overlaps = |batch: &Batch| {
            let ours = batch.issued.equipment.values().any(|unit| unit.id == sealed.equipment);
            let ended = batch.execution_completed_at.is_some_and(|end| end < sealed.from);
            ours && batch.disposed_at.is_none() && batch.issued_at < sealed.until && !ended
        };
        if self.books.batches.values().any(|batch| overlaps(batch)) || sealed.until <= sealed.from {
            return Err(Rejection::new(
                "DI-04",
                "封印する期間に機器を占有していたバッチがあります。",
                "A batch occupied the equipment in the period to be sealed.",
            ));
        }
        let stream = facility_samples_stream(&sealed.equipment);
        let who = self.system("historian");
        let event = Event::Samples(SamplesEvent::FacilitySealed { sealed });
        Ok(self.enter(Owner::Facility, stream, &event, &who).into_iter().collect())
    }
}

/// The stream of the sealed samples of equipment while no batch occupies it.
fn facility_samples_stream(equipment: &crate::id::EquipmentId) -> StreamId {
    StreamId::new(StreamKind::Samples, equipment)
}

/// The stream of the sealed samples of an occupancy.
pub fn samples_stream(batch: &BatchId, equipment: &crate::id::EquipmentId) -> StreamId {
    StreamId::new(StreamKind::Samples, format!("{batch}.{equipment}"))
}

/// A credential check that is the person's own and not older than the limit.
pub(super) fn fresh(signer: Option<&crate::access::Reauth>, person: &PersonId) -> Result<(), Rejection> {
    let good = signer.is_some_and(|check| check.person == *person && check.age_ms <= crate::access::REAUTH_MAX_MS);
    if good {
        return Ok(());
    }
    Err(Rejection::new(
        "P11-23",
        "本人の認証(60秒以内)が必要です。IDとパスワードを入力してください。",
        "The person's own credential, not older than 60 s, is needed. Enter user id and password.",
    ))
}

/// Name and object of a command, as a refusal is recorded.
fn described(command: &Command) -> (String, String) {
    let name = action_of(command).name().to_owned();
    let object = match command {
        Command::Batch { batch, command } => match command {
            BatchCommand::Sign { subject, meaning, .. } => format!("{batch} {}", signed(subject, *meaning)),
            _ => batch.to_string(),
        },
        Command::Booking { booking, .. } => booking.to_string(),
        Command::AdoptPlan { plan, .. } => plan.to_string(),
        Command::ProposeMoves { asks, .. } => {
            asks.iter().map(|ask| ask.booking.as_str()).collect::<Vec<_>>().join(", ")
        }
        Command::SubmitRecipe { body } => format!("{} v{}", body.header.id, body.header.version),
        Command::ApproveRecipe { recipe, version, .. } => format!("{recipe} v{version}"),
        Command::ProposeChange { change, .. } | Command::ApproveChange { change } => change.to_string(),
        Command::JudgeCertificate { certificate, .. } => certificate.thumbprint.clone(),
        Command::ConnectAgain { equipment } => equipment.to_string(),
        Command::ChooseLanguage { .. } | Command::SetRate { .. } => String::new(),
    };
    (name, object)
}

fn signed(subject: &Subject, meaning: Meaning) -> String {
    match subject {
        Subject::Phase(phase) | Subject::Corrections(phase) | Subject::Items(phase, _) => {
            format!("{phase} {meaning:?}").to_lowercase()
        }
        Subject::Deviation(deviation) => deviation.to_string(),
        other => format!("{other:?}").to_lowercase(),
    }
}
