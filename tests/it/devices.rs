//! Equipment that joins a running facility: a file and a second person's approval, and nothing else is disturbed; and goes on after a
//! restart where it stopped.

use std::collections::BTreeMap;

use equipment_drivers::{BioreactorSim, DeviceKind, IncubatorSim, Secret, SimDevice, SimHandle, TrustList};
use hmi::{
    admin::{Answer, Call, Login, answer},
    device_secrets::DeviceSecrets,
};
use mes_core::{
    clock::{Clock, Timestamp},
    engine::{Command, LinkState, LinkView},
    historian::Grade,
    id::{ChangeId, EquipmentId, TagId},
    store::samples_between,
    tenant::{DeviceCertificate, DeviceTemplate},
};
use tests::{
    DEADLINE,
    facility::{Facility, Place, story},
};

fn login(person: &str) -> Login {
    let person = person.parse().unwrap();
    Login { password: Facility::password(&person), person }
}

async fn incubator(facility: &Facility, name: &str) -> SimHandle {
    let clock = facility.app.clock.clone();
    IncubatorSim { name: name.to_owned(), port: 0, seed: 9, clock }.start().await.unwrap()
}

/// A file with a further device template, and an incubator that is spoken to by it.
fn file(template: &DeviceTemplate, address: &str) -> String {
    let text: String = template.yaml.lines().map(|line| format!("      {line}\n")).collect();
    format!(
        r#"
device_templates:
  - text: |
{text}
equipment:
  - id: INC-09
    name: {{ ja: "インキュベータ9", en: "Incubator 9" }}
    class: incubator
    suite: SU-1
    calibrated_until: 2035-03-31T15:00:00.000Z
    link: {{ template: {}, template_version: {}, address: "{address}" }}
    tags:
      - {{ name: temperature, title: {{ ja: "温度", en: "Temperature" }}, unit: Cel, decimals: 2, limits: {{ range: {{ low: "0", high: "80" }}, stale_after_s: 15 }} }}
"#,
        template.name, template.version,
    )
}

/// A further type of device: that of the incubators under another name.
fn further(facility: &Facility) -> DeviceTemplate {
    let view = facility.view();
    let known = view.facility.device_template("co2-incubator", 1).unwrap();
    let text = known.yaml.replacen("name: co2-incubator", "name: co2-incubator-b", 1);
    DeviceTemplate::read(&format!("{text}\n# as shown at the device\n")).unwrap()
}

fn others(facility: &Facility) -> BTreeMap<EquipmentId, LinkView> {
    let links = facility.view().links.clone();
    links.iter().filter(|(id, _)| id.as_str() != "INC-09").map(|(id, link)| (id.clone(), link.clone())).collect()
}

async fn said(facility: &Facility, call: Call) -> String {
    match answer(&facility.app, call).await {
        Answer::Said(said) => said,
        Answer::Refused(said) => panic!("{said}"),
    }
}

#[test]
fn mb_02_a_new_device_is_a_file_and_a_second_persons_approval_and_disturbs_no_other() {
    story(async |place| {
        let facility = Facility::start(place).await;
        let device = incubator(&facility, "INC-09").await;
        let before = others(&facility);
        assert!(before.len() >= 4 && before.values().all(|link| link.state == LinkState::Online), "{before:?}");
        let yaml = file(&further(&facility), device.address());
        let plan = said(&facility, Call::PlanFacility { yaml: yaml.clone(), file: "new.yaml".into() }).await;
        assert!(plan.contains("+ device_template co2-incubator-b v1") && plan.contains("+ equipment INC-09"), "{plan}");
        let propose = Call::ProposeFacility {
            yaml: yaml.clone(),
            file: "new.yaml".into(),
            by: login("nakamura"),
            approved_by: None,
            reason: Some("a further incubator".into()),
        };
        said(&facility, propose).await;
        let change: ChangeId = facility.view().changes.keys().next().unwrap().clone();
        let own = answer(&facility.app, Call::ApproveFacility { change: change.clone(), by: login("nakamura") }).await;
        assert!(matches!(&own, Answer::Refused(said) if said.contains("SOD-09")), "{own:?}");
        assert!(!facility.view().facility.equipment.contains_key(&"INC-09".parse::<EquipmentId>().unwrap()));
        said(&facility, Call::ApproveFacility { change, by: login("watanabe") }).await;

        let tag: TagId = "INC-09/temperature".parse().unwrap();
        let good = |view: &mes_core::engine::View| view.readings.get(&tag).is_some_and(|r| r.sample.quality.is_good());
        facility.until_true("a good value of the new device", good).await;
        assert_eq!(others(&facility), before, "every other link is as it was");
        // What came into force cannot be given out again with another text.
        let other = DeviceTemplate::read(&further(&facility).yaml.replace("# as shown", "# other than shown")).unwrap();
        let again = Call::PlanFacility { yaml: file(&other, device.address()), file: "again.yaml".into() };
        let again = answer(&facility.app, again).await;
        assert!(matches!(&again, Answer::Refused(said) if said.contains("version 1 already")), "{again:?}");
        let (_, plant) = facility.stop().await;
        drop(plant);
    });
}

/// A bioreactor of another maker: nobody has seen its certificate yet.
async fn stranger(facility: &Facility, place: &Place) -> SimHandle {
    let mut secrets = facility.plant.secrets.clone();
    secrets.insert("BR-09".parse().unwrap(), "device password".into());
    DeviceSecrets::write(&facility.app.config.data, &secrets).unwrap();
    let (clock, pki_dir) = (facility.app.clock.clone(), place.join("maker"));
    let (user, secret) = ("mes".to_owned(), Secret::new("device password"));
    BioreactorSim { name: "BR-09".into(), port: 0, seed: 9, clock, pki_dir, user, secret }.start().await.unwrap()
}

pub(crate) async fn in_force(facility: &Facility, yaml: String) {
    let (by, file) = (login("nakamura"), "new.yaml".to_owned());
    said(facility, Call::ProposeFacility { yaml, file, by, approved_by: None, reason: None }).await;
    let change: ChangeId = facility.view().changes.keys().next().unwrap().clone();
    said(facility, Call::ApproveFacility { change, by: login("watanabe") }).await;
}

#[test]
fn ua_03_an_unknown_device_is_spoken_to_once_a_person_accepts_its_certificate_on_record() {
    story(async |place| {
        let facility = Facility::start(place).await;
        let device = stranger(&facility, place).await;
        let yaml = format!(
            r#"
equipment:
  - id: BR-09
    name: {{ ja: "培養槽9", en: "Bioreactor 9" }}
    class: bioreactor
    suite: SU-1
    calibrated_until: 2035-03-31T15:00:00.000Z
    link: {{ template: lads-bioreactor, address: "{}", user: mes }}
    tags:
      - {{ name: temperature, title: {{ ja: "温度", en: "Temperature" }}, unit: Cel, decimals: 2, limits: {{ range: {{ low: "0", high: "60" }}, stale_after_s: 15 }} }}
"#,
            device.address()
        );
        in_force(&facility, yaml).await;
        let id: EquipmentId = "BR-09".parse().unwrap();
        let cause = |view: &mes_core::engine::View| {
            let link = view.links.get(&id).filter(|link| matches!(link.state, LinkState::Faulted(_)))?;
            Some(link.cause.clone())
        };
        let cause = facility.until("the link needs a person", cause).await;
        let waiting = TrustList::open(&facility.app.config.pki()).unwrap().rejected().unwrap();
        let shown = waiting.iter().find(|one| cause.contains(&one.thumbprint)).unwrap();
        let known = DeviceCertificate {
            thumbprint: shown.thumbprint.clone(),
            subject: shown.subject.clone(),
            issuer: shown.issuer.clone(),
            valid_from: shown.valid_from,
            valid_until: shown.valid_to,
            equipment: Some(id.clone()),
        };
        let judge = |certificate: &DeviceCertificate, accept| Command::JudgeCertificate {
            certificate: Box::new(certificate.clone()),
            accept,
            text: "compared with the plate of the device".into(),
        };
        let person = facility.person("nakamura");
        let check = async || person.enters(&Facility::password(person.id())).await.unwrap();
        for other in [
            DeviceCertificate { thumbprint: "00ff".into(), ..known.clone() },
            DeviceCertificate { issuer: "CN=Somebody".into(), ..known.clone() },
            DeviceCertificate { valid_until: Timestamp::from_ms(1), ..known.clone() },
        ] {
            let unknown = person.act_with(check().await, judge(&other, true)).await;
            assert_eq!(unknown.unwrap_err().rule, "not-found", "what no device has shown cannot be accepted");
        }
        person.act_with(check().await, judge(&known, true)).await.unwrap();
        let online = |view: &mes_core::engine::View| view.links.get(&id).is_some_and(|l| l.state == LinkState::Online);
        facility.until_true("the new device on line", online).await;
        assert!(facility.view().certificates[&shown.thumbprint].accepted);

        // The trust is withdrawn: the link ends, and the certificate does not wait again.
        person.act_with(check().await, judge(&known, false)).await.unwrap();
        let refused = |view: &mes_core::engine::View| {
            let link = &view.links[&id];
            matches!(link.state, LinkState::Faulted(_)) && link.cause.contains("was refused by a person")
        };
        facility.until_true("the link of a refused device at an end", refused).await;
        let trust = TrustList::open(&facility.app.config.pki()).unwrap();
        assert!(trust.refused().unwrap().iter().any(|one| one.thumbprint == shown.thumbprint));
        assert!(trust.rejected().unwrap().is_empty());
        let (_, plant) = facility.stop().await;
        drop(plant);
    });
}

/// A particle counter joins: it measures for a minute of its clock, again and again, and keeps a record of each.
pub(crate) async fn counter(facility: &Facility, place: &Place, clock: &Clock) -> SimHandle {
    let pki = place.join("maker");
    let device = SimDevice::new("PC-09", DeviceKind::ParticleCounter, 9).start(clock, &pki).await.unwrap();
    in_force(facility, counter_file(device.address(), 3_600)).await;
    device
}

fn counter_file(address: &str, stale_after_s: u32) -> String {
    format!(
        r#"
device_templates:
  - import: particle-counter
equipment:
  - id: PC-09
    name: {{ ja: "パーティクルカウンタ9", en: "Particle counter 9" }}
    class: incubator
    suite: SU-1
    calibrated_until: 2035-03-31T15:00:00.000Z
    link: {{ template: particle-counter, address: "{address}" }}
    tags:
      - {{ name: particles_0_5, title: {{ ja: "粒子 0.5 µm", en: "Particles 0.5 µm" }}, unit: "1", decimals: 0, limits: {{ range: {{ low: "0" }}, stale_after_s: {stale_after_s} }} }}
"#
    )
}

/// The times of its records that are kept, in the order in which they came.
async fn records(facility: &Facility) -> Vec<Timestamp> {
    let tag: TagId = "PC-09/particles_0_5".parse().unwrap();
    let all = Timestamp::from_ms(0)..facility.view().now.plus_s(366 * 86_400);
    let samples = samples_between(facility.app.store.as_ref(), &tag, all.start, all.end).await.unwrap();
    // (The clocks go apart while nobody serves: a record may be uncertain, but it is one.)
    let told = samples.iter().filter(|sample| sample.quality.grade != Grade::Bad);
    told.filter_map(|sample| sample.source_time).collect()
}

/// Awaits that so many records are kept.
pub(crate) async fn kept(facility: &Facility, count: usize) -> Vec<Timestamp> {
    let mut views = facility.app.writer.views();
    let look = async {
        loop {
            views.borrow_and_update();
            let found = records(facility).await;
            if found.len() >= count {
                return found;
            }
            views.changed().await.unwrap();
        }
    };
    tokio::time::timeout(DEADLINE, look).await.expect("no further record came")
}

#[test]
fn di_04_neither_a_new_link_nor_a_restart_fetches_a_record_twice_that_was_kept_or_one_too_few() {
    story(async |place| {
        let facility = Facility::start(place).await;
        let device = counter(&facility, place, &facility.app.clock).await;
        facility.rate(60).await;
        let first = kept(&facility, 3).await.len();
        // Its record changes: the link is started anew.
        in_force(&facility, counter_file(device.address(), 1_800)).await;
        let before = kept(&facility, first + 3).await;
        let (config, plant) = facility.stop().await;
        let facility = Facility::again(config, plant).await;
        let after = kept(&facility, before.len() + 3).await;
        let mut once = after.clone();
        once.sort();
        once.dedup();
        assert_eq!(once.len(), after.len(), "a record is there twice: {after:?}");
        assert!(once.starts_with(&before), "{before:?} {after:?}");
        let steps: Vec<i64> = once.windows(2).map(|pair| pair[1].since_ms(pair[0])).collect();
        assert!(steps.iter().all(|step| *step == 60_000), "a record of each minute: {steps:?}");
        let (_, plant) = facility.stop().await;
        drop((plant, device));
    });
}
