//! The work on a batch of TEST-3, step by step, as its two people do it. Other tests stop where they have something else to show.

use mes_core::{
    access::{Meaning, Subject},
    batch::{BatchCommand, Entered, Lifecycle, PhaseStatus},
    id::BatchId,
};

use crate::{facility::Facility, team::Team};

/// Fast, for waiting; slow where links and their values are looked at.
pub const RATE_WAITING: u32 = 3_600;

impl Facility {
    /// The people of a batch.
    pub fn team(&self, batch: &BatchId) -> Team {
        Team::of(&self.view().batches[batch].issued.tenant.id)
    }

    /// The instruction: performed and signed by the operator.
    pub async fn instruction_done(&self, batch: &BatchId) {
        let operator = self.person(self.team(batch).operator);
        operator.starts(batch, "P010").await.unwrap();
        operator.signs_phase(batch, "P010", Meaning::Performed).await.unwrap();
    }

    /// The value of the incubator, taken over from the instrument: recorded by one person, verified by another at the same terminal.
    pub async fn temperature_recorded(&self, batch: &BatchId) {
        let team = self.team(batch);
        let operator = self.person(team.operator);
        operator.starts(batch, "P020").await.unwrap();
        operator.records(batch, "P020", "incubator_temperature", Entered::FromTag).await.unwrap();
        operator.signs_phase(batch, "P020", Meaning::Performed).await.unwrap();
        let checker = self.person(team.checker).at_session_of(team.operator);
        checker.signs_phase(batch, "P020", Meaning::Verified).await.unwrap();
    }

    /// The set-point of the bioreactor: written, read back, signed.
    pub async fn set_point_written(&self, batch: &BatchId) {
        let operator = self.person(self.team(batch).operator);
        operator.starts(batch, "P030").await.unwrap();
        operator.does(batch, BatchCommand::ApplySetPoints { phase: "P030".parse().unwrap() }).await.unwrap();
        self.until_true("the outcome of the write", |view| {
            let run = &view.batches[batch].phases[&"P030".parse().unwrap()];
            !run.writes.is_empty() && run.writes.values().all(|write| write.outcome.is_some())
        })
        .await;
        operator.signs_phase(batch, "P030", Meaning::Performed).await.unwrap();
    }

    /// All phases done, execution declared complete by the supervisor.
    pub async fn executed(&self, batch: &BatchId) {
        self.instruction_done(batch).await;
        self.temperature_recorded(batch).await;
        self.set_point_written(batch).await;
        let supervisor = self.person(self.team(batch).supervisor);
        supervisor.does(batch, BatchCommand::CompleteExecution).await.unwrap();
    }

    /// Reviewed for production and for quality, then released.
    pub async fn released(&self, batch: &BatchId) {
        let team = self.team(batch);
        self.person(team.supervisor).signs(batch, Subject::ProductionReview, Meaning::Reviewed).await.unwrap();
        self.person(team.reviewer).reviews(batch).await.unwrap();
        self.until_released(batch).await;
    }

    /// Releases a batch once its samples are sealed to the end of its execution. The rule itself says when: it is asked again with
    /// every new view.
    async fn until_released(&self, batch: &BatchId) {
        let releaser = self.person(self.team(batch).releaser);
        let mut views = self.app.writer.views();
        let ask = async {
            loop {
                match releaser.releases(batch).await {
                    Ok(_) => return,
                    Err(rejection) if rejection.said.en.contains("not sealed yet") => {}
                    Err(rejection) => panic!("the release was refused: {rejection}"),
                }
                views.changed().await.unwrap();
            }
        };
        tokio::time::timeout(crate::facility::DEADLINE, ask).await.expect("the samples were not sealed");
    }

    /// Whether every phase of a batch is complete.
    pub fn complete(&self, batch: &BatchId) -> bool {
        let view = self.view();
        let batch = &view.batches[batch];
        batch.lifecycle != Lifecycle::Issued && batch.phases.values().all(|run| run.status == PhaseStatus::Complete)
    }
}
