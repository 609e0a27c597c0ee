//! A schedule of faults, carried out in facility time.

use equipment_drivers::{DeviceKind, Fault, FaultKind, ScheduledFault, SimDevice, SimPlant};
use mes_core::clock::{Clock, Timestamp};

/// Ten facility minutes pass in a second.
const RATE: u32 = 600;

#[tokio::test]
async fn faults_begin_and_end_when_the_schedule_says_so() {
    let pki = tempfile::tempdir().unwrap();
    let start = Timestamp::from_ms(1_782_864_000_000);
    let clock = Clock::starting_at(start, RATE);
    let devices = ["INC-01", "INC-02"].map(|name| SimDevice::new(name, DeviceKind::Co2Incubator, 1));
    let plant = SimPlant::start(devices.into(), &clock, pki.path()).await.unwrap();
    let one = |device: &str, at_s, for_s, fault| ScheduledFault { device: device.into(), at_s, for_s, fault };
    let schedule = [
        one("INC-02", 600, None, Fault::Freeze),
        one("INC-01", 120, Some(180), Fault::BlackHole),
        one("INC-02", 60, Some(60), Fault::Drop),
    ];
    let kinds =
        |device: &str| -> Vec<FaultKind> { plant.device(device).unwrap().faults().iter().map(Fault::kind).collect() };
    plant.follow(&schedule, start, &clock).await.unwrap();
    assert!(clock.now() >= start.plus_s(600), "it ends when everything was done");
    assert_eq!((kinds("INC-01"), kinds("INC-02")), (vec![], vec![FaultKind::Freeze]));

    let now = clock.now();
    let watched = async {
        while kinds("INC-01").is_empty() {
            tokio::task::yield_now().await;
        }
        let began = clock.now();
        while !kinds("INC-01").is_empty() {
            tokio::task::yield_now().await;
        }
        (began, clock.now())
    };
    let again = [one("INC-01", 60, Some(300), Fault::BlackHole)];
    let (done, (began, ended)) = tokio::join!(plant.follow(&again, now, &clock), watched);
    done.unwrap();
    assert!(began >= now.plus_s(60) && ended >= now.plus_s(360) && began < ended, "{now} {began} {ended}");
    let unknown = [one("INC-09", 0, None, Fault::Drop)];
    assert!(plant.follow(&unknown, now, &clock).await.unwrap_err().to_string().contains("INC-09"));
}
