//! The harness: a fleet, its reports, and words to wait for them.

use std::{collections::BTreeMap, path::Path, time::Duration};

use equipment_drivers::{DeviceConfig, DriverReport, Fleet, FleetOptions, REPORTS_WAITING_MAX, Templates};
use mes_core::{
    clock::Clock,
    engine::{LinkReport, LinkState, WriteOutcome, WriteRequest, WriteResult},
    historian::{Sample, SampleValue},
};
use tokio::{sync::mpsc, time::timeout};

/// Longest wait for anything; generous, because nothing is timed.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

pub(crate) struct Rig {
    pub(crate) fleet: Fleet,
    reports: mpsc::Receiver<DriverReport>,
    effects: u64,
}

impl Rig {
    pub(crate) async fn start(devices: Vec<DeviceConfig>, clock: Clock, pki_dir: &Path) -> Self {
        Self::start_with(devices, &Templates::built_in().unwrap(), clock, pki_dir).await
    }

    pub(crate) async fn start_with(
        devices: Vec<DeviceConfig>,
        templates: &Templates,
        clock: Clock,
        pki_dir: &Path,
    ) -> Self {
        let (to_us, reports) = mpsc::channel(REPORTS_WAITING_MAX);
        let options = FleetOptions { pki_dir: pki_dir.to_owned(), jitter_seed: 7 };
        let fleet = Fleet::start(devices, templates, clock, to_us, options).await.unwrap();
        Self { fleet, reports, effects: 0 }
    }

    pub(crate) async fn next(&mut self) -> DriverReport {
        timeout(DEADLINE, self.reports.recv()).await.expect("no report in time").expect("the fleet has ended")
    }

    /// The next report, if one comes within this time.
    pub(crate) async fn next_within(&mut self, limit: Duration) -> Option<DriverReport> {
        timeout(limit, self.reports.recv()).await.ok().map(|report| report.expect("the fleet has ended"))
    }

    /// The first link report of a device from now on whose state and cause fit.
    pub(crate) async fn link_of(
        &mut self,
        equipment: &str,
        state: impl Fn(&LinkState) -> bool,
        cause: impl Fn(&str) -> bool,
    ) -> LinkReport {
        let find = async {
            loop {
                if let DriverReport::Link(report) = self.next().await
                    && report.equipment.as_str() == equipment
                    && state(&report.state)
                    && cause(&report.cause)
                {
                    return report;
                }
            }
        };
        timeout(DEADLINE, find).await.unwrap_or_else(|_| panic!("never seen: {equipment}"))
    }

    /// The first sample from now on that `fits`.
    pub(crate) async fn sample(&mut self, what: &str, mut fits: impl FnMut(&Sample) -> bool) -> Sample {
        let find = async {
            loop {
                if let DriverReport::Samples(samples) = self.next().await
                    && let Some(sample) = samples.into_iter().find(|sample| fits(sample))
                {
                    return sample;
                }
            }
        };
        timeout(DEADLINE, find).await.unwrap_or_else(|_| panic!("never seen: {what}"))
    }

    /// The first good value of every tag of a device, by name.
    pub(crate) async fn every_tag(&mut self, equipment: &str, template: &str) -> BTreeMap<String, Sample> {
        let template = Templates::built_in().unwrap().get(template).unwrap();
        let mut seen = BTreeMap::new();
        while seen.len() < template.tags.len() {
            if let DriverReport::Samples(samples) = self.next().await {
                let good = samples.into_iter().filter(|one| one.quality.is_good());
                for sample in good.filter(|one| one.tag.equipment.as_str() == equipment) {
                    seen.entry(sample.tag.name.to_string()).or_insert(sample);
                }
            }
        }
        seen
    }

    /// The first good value of a tag from now on.
    pub(crate) async fn good(&mut self, tag: &str) -> Sample {
        self.sample(tag, |sample| sample.tag.to_string() == tag && sample.quality.is_good()).await
    }

    /// The first sample of a tag from now on that is not good.
    pub(crate) async fn bad(&mut self, tag: &str) -> Sample {
        self.sample(tag, |sample| sample.tag.to_string() == tag && !sample.quality.is_good()).await
    }

    /// The first link report from now on whose state `fits`.
    pub(crate) async fn link(&mut self, what: &str, fits: impl Fn(&LinkState) -> bool) -> LinkReport {
        let find = async {
            loop {
                if let DriverReport::Link(report) = self.next().await
                    && fits(&report.state)
                {
                    return report;
                }
            }
        };
        timeout(DEADLINE, find).await.unwrap_or_else(|_| panic!("never seen: {what}"))
    }

    pub(crate) async fn online(&mut self) -> LinkReport {
        self.link("online", |state| *state == LinkState::Online).await
    }

    /// Online, or the reason why a person is needed.
    pub(crate) async fn settled(&mut self) -> Result<(), String> {
        let settles = |state: &LinkState| matches!(state, LinkState::Online | LinkState::Faulted(_));
        match self.link("online or faulted", settles).await.state {
            LinkState::Faulted(reason) => Err(reason),
            _ => Ok(()),
        }
    }

    /// The reason of the first fault from now on.
    pub(crate) async fn fault(&mut self) -> String {
        match self.link("faulted", |state| matches!(state, LinkState::Faulted(_))).await.state {
            LinkState::Faulted(reason) => reason,
            _ => unreachable!(),
        }
    }

    pub(crate) fn ask(&mut self, tag: &str, value: SampleValue, readback_max_s: u32) -> WriteRequest {
        self.effects += 1;
        let request = WriteRequest {
            effect: format!("facility#{}", self.effects).parse().unwrap(),
            tag: tag.parse().unwrap(),
            value,
            tolerance: "0.01".parse().unwrap(),
            readback_max_s,
        };
        self.fleet.write(request.clone()).unwrap();
        request
    }

    pub(crate) async fn outcome(&mut self, of: &WriteRequest) -> WriteOutcome {
        loop {
            if let DriverReport::Outcome(outcome) = self.next().await
                && outcome.effect == of.effect
            {
                return outcome;
            }
        }
    }

    /// Asks again, as a person would, until the link that was lost takes it.
    pub(crate) async fn write_until_confirmed(&mut self, tag: &str, value: SampleValue) {
        let again = async { while self.write(tag, value.clone()).await.result != WriteResult::Confirmed {} };
        timeout(DEADLINE, again).await.unwrap_or_else(|_| panic!("never confirmed: {tag}"));
    }

    pub(crate) async fn write(&mut self, tag: &str, value: SampleValue) -> WriteOutcome {
        let request = self.ask(tag, value, 5);
        self.outcome(&request).await
    }
}

/// The number of a sample.
pub(crate) fn number(sample: &Sample) -> f64 {
    sample.value.as_ref().and_then(SampleValue::to_f64).unwrap()
}
