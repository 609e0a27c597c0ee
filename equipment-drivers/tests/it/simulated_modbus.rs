//! The simulated Modbus devices as a stranger sees them: a raw client reads their maps, meets their quirks, and every fault of
//! theirs on the wire.

use std::{net::SocketAddr, path::Path, time::Duration};

use equipment_drivers::{DeviceConfig, DeviceKind, Fault, FaultKind, SimDevice, SimHandle, physics::Realism};
use mes_core::clock::Clock;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_modbus::{ExceptionCode, Slave, client::Context, client::tcp, prelude::*};

use crate::rig::{DEADLINE, Rig};

/// Within this nothing comes from a device that is meant to be silent. It is a lower bound of the silence shown, no wait for
/// something to be ready.
const SILENCE: Duration = Duration::from_millis(300);

async fn started(kind: DeviceKind, rate: u32) -> SimHandle {
    let clock = Clock::starting_at(Clock::system_now().plus_s(-60 * 86_400), rate);
    let device = SimDevice { realism: Realism::Calm, ..SimDevice::new("DEV-01", kind, 4) };
    device.start(&clock, Path::new("/nowhere")).await.unwrap()
}

async fn client(sim: &SimHandle) -> Context {
    let stream = TcpStream::connect(sim.address()).await.unwrap();
    tcp::attach_slave(stream, Slave(1))
}

async fn input(context: &mut Context, start: u16, count: u16) -> Result<Vec<u16>, ExceptionCode> {
    timeout(DEADLINE, context.read_input_registers(start, count)).await.unwrap().unwrap()
}

async fn holding(context: &mut Context, start: u16, count: u16) -> Result<Vec<u16>, ExceptionCode> {
    timeout(DEADLINE, context.read_holding_registers(start, count)).await.unwrap().unwrap()
}

async fn write(context: &mut Context, start: u16, words: &[u16]) -> Result<(), ExceptionCode> {
    timeout(DEADLINE, context.write_multiple_registers(start, words)).await.unwrap().unwrap()
}

fn single(words: &[u16]) -> f32 {
    f32::from_bits(u32::from(words[0]) << 16 | u32::from(words[1]))
}

fn pair(value: f32) -> [u16; 2] {
    let [a, b, c, d] = value.to_be_bytes();
    [u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])]
}

/// The request "read holding registers" with this transaction number, as bytes.
fn request(transaction: u16, start: u16, count: u16) -> Vec<u8> {
    let ([t1, t2], [s1, s2], [c1, c2]) = (transaction.to_be_bytes(), start.to_be_bytes(), count.to_be_bytes());
    vec![t1, t2, 0, 0, 0, 6, 1, 3, s1, s2, c1, c2]
}

/// What comes within the silence; empty when nothing does or the connection has ended.
async fn heard(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = [0; 300];
    match timeout(SILENCE, stream.read(&mut bytes)).await {
        Ok(Ok(count)) => bytes[..count].to_vec(),
        Ok(Err(_)) | Err(_) => Vec::new(),
    }
}

async fn wire(sim: &SimHandle) -> TcpStream {
    TcpStream::connect(sim.address().parse::<SocketAddr>().unwrap()).await.unwrap()
}

#[tokio::test]
async fn the_bioreactor_has_its_map_its_hole_and_its_mirror() {
    let sim = started(DeviceKind::ModbusBioreactor, 1).await;
    let mut c = client(&sim).await;
    assert_eq!(input(&mut c, 0, 1).await, Ok(vec![100]));
    let values = input(&mut c, 10, 20).await.unwrap();
    assert!((single(&values[0..2]) - 25.0).abs() < 1.0 && (single(&values[16..18]) - 1.5).abs() < 0.1, "{values:?}");
    let mirror = input(&mut c, 2000, 20).await.unwrap();
    assert!((single(&[mirror[17], mirror[16]]) - 1.5).abs() < 0.1, "the low word comes first: {mirror:?}");
    for (start, count) in [(40, 1), (49, 1), (38, 4), (54, 1)] {
        assert_eq!(input(&mut c, start, count).await, Err(ExceptionCode::IllegalDataAddress), "{start}");
    }
    assert_eq!(holding(&mut c, 10, 61).await, Err(ExceptionCode::IllegalDataValue));
    let coil = timeout(DEADLINE, c.read_coils(0, 1)).await.unwrap().unwrap();
    assert_eq!(coil, Err(ExceptionCode::IllegalFunction));
}

#[tokio::test]
async fn the_bioreactor_takes_whole_set_points_and_answers_commands_with_a_result() {
    let sim = started(DeviceKind::ModbusBioreactor, 60).await;
    let mut c = client(&sim).await;
    write(&mut c, 10, &pair(36.5)).await.unwrap();
    assert_eq!(holding(&mut c, 10, 2).await.unwrap(), pair(36.5));
    assert_eq!(write(&mut c, 10, &pair(99.0)).await, Err(ExceptionCode::IllegalDataValue));
    let half = timeout(DEADLINE, c.write_single_register(10, 0x4214)).await.unwrap().unwrap();
    assert_eq!(half, Err(ExceptionCode::IllegalDataValue), "half a float is no set-point");
    assert_eq!(write(&mut c, 11, &pair(36.0)).await, Err(ExceptionCode::IllegalDataValue));
    for (order, result, running) in [(3, 1, 0), (1, 0, 1), (3, 0, 1), (2, 0, 0), (9, 1, 0)] {
        write(&mut c, 0, &[order]).await.unwrap();
        assert_eq!(holding(&mut c, 0, 2).await.unwrap(), [0, result], "command {order}");
        assert_eq!(input(&mut c, 2, 1).await.unwrap()[0] & 1, running, "command {order}");
    }
    write(&mut c, 0, &[1]).await.unwrap();
    let warm = async { while single(&input(&mut c, 10, 2).await.unwrap()) < 26.0 {} };
    timeout(DEADLINE, warm).await.expect("it warms up");
    assert!(single(&input(&mut c, 36, 2).await.unwrap()) > 0.0, "the heater works");
}

#[tokio::test]
async fn a_failed_probe_is_nan_and_an_alarm_and_a_calibrating_device_is_busy() {
    let sim = started(DeviceKind::ModbusBioreactor, 1).await;
    let mut c = client(&sim).await;
    sim.set_fault(Fault::SensorFault { tag: "ph".parse().unwrap() }).await.unwrap();
    assert_eq!(input(&mut c, 14, 2).await.unwrap(), [0x7FC0, 0]);
    assert_eq!(input(&mut c, 3, 1).await.unwrap()[0] & (1 << 6 | 1 << 15), 1 << 6 | 1 << 15);
    write(&mut c, 0, &[4]).await.unwrap();
    assert_eq!(input(&mut c, 3, 1).await.unwrap()[0], 1 << 6, "acknowledged, but it stands");
    sim.clear().await.unwrap();
    assert_eq!(input(&mut c, 3, 1).await.unwrap(), [0]);
    sim.set_fault(Fault::Busy).await.unwrap();
    assert_eq!(input(&mut c, 10, 2).await, Err(ExceptionCode::ServerDeviceBusy));
    assert_eq!(input(&mut c, 2, 1).await.unwrap()[0] & 1 << 3, 1 << 3, "the status says: calibrating");
    assert_eq!(write(&mut c, 10, &pair(36.0)).await, Err(ExceptionCode::ServerDeviceBusy));
}

#[tokio::test]
async fn the_counter_keeps_records_with_an_index_and_clears_new_data_by_reading() {
    let sim = started(DeviceKind::ParticleCounter, 600).await;
    let mut c = client(&sim).await;
    let new = async { while holding(&mut c, 2, 1).await.unwrap()[0] & 1 << 2 == 0 {} };
    timeout(DEADLINE, new).await.expect("a record comes");
    // Samples are stopped, so that reading is the last thing that happens.
    write(&mut c, 1, &[10]).await.unwrap();
    let record = input(&mut c, 0, 76).await.unwrap();
    assert_eq!((holding(&mut c, 2, 1).await.unwrap()[0] & 0b111, record[3]), (0, 60));
    let counts: Vec<u32> = record[8..20].chunks(2).map(|two| u32::from(two[0]) << 16 | u32::from(two[1])).collect();
    assert!(counts.is_sorted_by(|one, other| one >= other) && record[73] == 0b11_1111, "{record:?}");
    let count = holding(&mut c, 23, 1).await.unwrap()[0];
    assert!(count >= 1);
    for index in [0, count - 1] {
        write(&mut c, 24, &[index]).await.unwrap();
        assert_eq!(input(&mut c, 2, 2).await.unwrap(), [0, 60], "record {index}");
    }
    assert_eq!(input(&mut c, 0, 76).await.unwrap(), record, "the last by number is the last");
    assert_eq!(write(&mut c, 24, &[count + 1]).await, Err(ExceptionCode::IllegalDataValue));
    assert_eq!(write(&mut c, 25, &[201]).await, Err(ExceptionCode::IllegalDataValue));
    write(&mut c, 1, &[3]).await.unwrap();
    assert_eq!(holding(&mut c, 23, 1).await.unwrap(), [0]);
}

#[tokio::test]
async fn a_counter_whose_flow_and_laser_fail_says_so_and_its_clock_can_fall_back_to_2000() {
    let sim = started(DeviceKind::ParticleCounter, 600).await;
    let mut c = client(&sim).await;
    sim.set_fault(Fault::SensorFault { tag: "flow".parse().unwrap() }).await.unwrap();
    sim.set_fault(Fault::SensorFault { tag: "device_error".parse().unwrap() }).await.unwrap();
    assert_eq!(holding(&mut c, 2, 1).await.unwrap()[0] & (1 << 3 | 1 << 12), 1 << 3 | 1 << 12);
    input(&mut c, 0, 8).await.unwrap();
    let marked = async {
        loop {
            let record = input(&mut c, 0, 20).await.unwrap();
            if record[7] == 2 {
                break record;
            }
        }
    };
    let record = timeout(DEADLINE, marked).await.expect("a record with the flow alert comes");
    assert_eq!(record[8..20], [0; 12], "without a laser nothing is counted");
    let seconds = |words: Vec<u16>| u32::from(words[0]) << 16 | u32::from(words[1]);
    assert!(seconds(holding(&mut c, 26, 2).await.unwrap()) > 1_600_000_000);
    sim.set_fault(Fault::ClockReset).await.unwrap();
    // It has restarted.
    let mut c = client(&sim).await;
    let year_2000 = 946_684_800..978_307_200;
    assert!(year_2000.contains(&seconds(holding(&mut c, 26, 2).await.unwrap())));
    assert!(year_2000.contains(&seconds(input(&mut c, 0, 2).await.unwrap())));
}

#[tokio::test]
async fn transmitters_show_tenths_and_a_sentinel_where_a_sensor_has_failed() {
    let sim = started(DeviceKind::PressureTransmitter, 1).await;
    let mut c = client(&sim).await;
    // Seed 4: the changing room, 30 Pa.
    let words = input(&mut c, 3, 2).await.unwrap();
    assert!((280..320).contains(&words[0]) && words[1].abs_diff(30) <= 2, "{words:?}");
    assert_eq!(holding(&mut c, 3, 1).await, Err(ExceptionCode::IllegalFunction));
    sim.set_fault(Fault::SensorFault { tag: "pressure".parse().unwrap() }).await.unwrap();
    assert_eq!(input(&mut c, 3, 2).await.unwrap(), [0x8000, 0x8000]);
    assert_ne!(input(&mut c, 26, 1).await.unwrap(), [0]);

    let sim = started(DeviceKind::CometLogger, 1).await;
    let mut c = client(&sim).await;
    let words = holding(&mut c, 0x30, 2).await.unwrap();
    assert!((200..220).contains(&words[0]) && (400..500).contains(&words[1]), "{words:?}");

    let sim = started(DeviceKind::HettichIncubator, 1).await;
    let mut c = client(&sim).await;
    assert!((365..375).contains(&input(&mut c, 0, 1).await.unwrap()[0]));
    sim.open_door(600).await.unwrap();
    let open = async { while input(&mut c, 3, 2).await.unwrap() != [1, 1] {} };
    timeout(DEADLINE, open).await.expect("the door and its alarm are seen");
}

#[tokio::test]
async fn the_same_device_speaks_rtu_over_tcp_and_on_a_serial_line() {
    let clock = Clock::real();
    let device = SimDevice { unit: 17, rtu: true, ..SimDevice::new("DP-01", DeviceKind::PressureTransmitter, 1) };
    let mut sim = device.start(&clock, Path::new("/nowhere")).await.unwrap();
    let stream = TcpStream::connect(sim.address()).await.unwrap();
    let mut c = rtu::attach_slave(stream, Slave(17));
    assert!((250..350).contains(&input(&mut c, 3, 1).await.unwrap()[0]));
    c.set_slave(Slave(18));
    assert!(timeout(SILENCE, c.read_input_registers(3, 1)).await.is_err(), "another unit is not answered");
    drop(c);

    let (near, far) = tokio_serial::SerialStream::pair().unwrap();
    let path = tokio_serial::SerialPort::name(&far).unwrap();
    // The device takes the far end for itself.
    drop(far);
    sim.answer_on(&path, 19_200).unwrap();
    let mut c = rtu::attach_slave(near, Slave(17));
    // The one connection that it takes was just ended; until the device has noticed, what is sent on the line is lost.
    let answered = async {
        loop {
            if let Ok(Ok(Ok(words))) = timeout(SILENCE, c.read_input_registers(3, 1)).await {
                break words;
            }
        }
    };
    let words = timeout(DEADLINE, answered).await.expect("the line is answered");
    assert!((250..350).contains(&words[0]), "{words:?}");
}

#[tokio::test]
async fn a_reset_a_restart_and_a_pulled_cable_end_connections() {
    let sim = started(DeviceKind::ModbusBioreactor, 1).await;
    let mut one = wire(&sim).await;
    one.write_all(&request(1, 10, 2)).await.unwrap();
    assert_eq!(heard(&mut one).await.len(), 13);
    sim.set_fault(Fault::Reset).await.unwrap();
    let mut byte = [0];
    let ended = timeout(DEADLINE, one.read(&mut byte)).await.unwrap().unwrap_err();
    assert_eq!(ended.kind(), std::io::ErrorKind::ConnectionReset);
    let mut again = wire(&sim).await;
    again.write_all(&request(2, 10, 2)).await.unwrap();
    assert_eq!(heard(&mut again).await.len(), 13, "a reset is over at once");

    sim.set_fault(Fault::Restart { seconds: 0 }).await.unwrap();
    assert!(!matches!(timeout(DEADLINE, again.read(&mut byte)).await.unwrap(), Ok(1..)));
    let back = async {
        loop {
            if let Ok(stream) = TcpStream::connect(sim.address()).await {
                break stream;
            }
        }
    };
    let mut back = timeout(DEADLINE, back).await.expect("it comes back");
    back.write_all(&request(3, 10, 2)).await.unwrap();
    assert_eq!(timeout(DEADLINE, back.read(&mut [0; 13])).await.unwrap().unwrap(), 13);
    sim.set_fault(Fault::Drop).await.unwrap();
    assert!(TcpStream::connect(sim.address()).await.is_err());
    sim.clear_fault(FaultKind::Drop).await.unwrap();
    wire(&sim).await;
}

#[tokio::test]
async fn a_black_hole_accepts_and_swallows_and_gives_back_when_it_ends() {
    let sim = started(DeviceKind::Co2Incubator, 1).await;
    let mut one = wire(&sim).await;
    sim.set_fault(Fault::BlackHole).await.unwrap();
    one.write_all(&request(7, 0x11A9, 2)).await.unwrap();
    let mut other = wire(&sim).await;
    other.write_all(&request(8, 0x11A9, 2)).await.unwrap();
    assert_eq!((heard(&mut one).await, heard(&mut other).await), (vec![], vec![]));
    sim.clear_fault(FaultKind::BlackHole).await.unwrap();
    let mut answer = [0; 13];
    timeout(DEADLINE, one.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(answer[..2], [0, 7], "what waited in the network arrives");
}

#[tokio::test]
async fn half_frames_foreign_numbers_lost_late_and_delayed_answers_are_seen_as_such() {
    let sim = started(DeviceKind::ModbusBioreactor, 1).await;
    let mut one = wire(&sim).await;
    let ask = |number: u16| request(number, 10, 2);
    sim.set_fault(Fault::HalfFrame).await.unwrap();
    one.write_all(&ask(1)).await.unwrap();
    assert_eq!(heard(&mut one).await.len(), 6);
    assert_eq!(heard(&mut one).await.len(), 0, "the other half never comes");
    sim.clear().await.unwrap();

    sim.set_fault(Fault::ForeignTransaction).await.unwrap();
    one.write_all(&ask(2)).await.unwrap();
    let answer = heard(&mut one).await;
    assert!(answer.len() == 13 && answer[..2] != [0, 2], "{answer:?}");
    sim.clear().await.unwrap();

    sim.set_fault(Fault::LoseEvery { n: 2 }).await.unwrap();
    let mut lost = 0;
    for number in 3..7 {
        one.write_all(&ask(number)).await.unwrap();
        lost += u32::from(heard(&mut one).await.is_empty());
    }
    assert_eq!(lost, 2);
    sim.clear().await.unwrap();

    for (fault, late) in [(Fault::LateReply { ms: 700 }, [true, false]), (Fault::Delay { ms: 700 }, [true, true])] {
        sim.set_fault(fault).await.unwrap();
        for (number, late) in (10..).zip(late) {
            one.write_all(&ask(number)).await.unwrap();
            assert_eq!(heard(&mut one).await.is_empty(), late);
            if late {
                timeout(DEADLINE, one.read_exact(&mut [0; 13])).await.unwrap().unwrap();
            }
        }
        sim.clear().await.unwrap();
    }
}

#[tokio::test]
async fn a_second_connection_is_refused_while_the_fault_lasts() {
    let sim = started(DeviceKind::ModbusBioreactor, 1).await;
    let mut one = wire(&sim).await;
    one.write_all(&request(1, 10, 2)).await.unwrap();
    assert_eq!(heard(&mut one).await.len(), 13);
    sim.set_fault(Fault::OneConnection).await.unwrap();
    let mut two = wire(&sim).await;
    assert!(!matches!(timeout(DEADLINE, two.read(&mut [0])).await.unwrap(), Ok(1..)), "ended at once");
    sim.clear_fault(FaultKind::OneConnection).await.unwrap();
    let mut three = wire(&sim).await;
    three.write_all(&request(2, 10, 2)).await.unwrap();
    assert_eq!(timeout(DEADLINE, three.read(&mut [0; 13])).await.unwrap().unwrap(), 13);
}

#[tokio::test]
async fn values_freeze_or_stick_lie_or_fail_and_writes_are_refused_or_ignored() {
    let sim = started(DeviceKind::ModbusBioreactor, 60).await;
    let mut c = client(&sim).await;
    sim.set_fault(Fault::Stuck { tag: "temperature".parse().unwrap() }).await.unwrap();
    let stuck = input(&mut c, 10, 2).await.unwrap();
    let weight = input(&mut c, 26, 2).await.unwrap();
    let moved = async { while input(&mut c, 26, 2).await.unwrap() == weight {} };
    timeout(DEADLINE, moved).await.expect("other values go on");
    assert_eq!(input(&mut c, 10, 2).await.unwrap(), stuck);
    sim.clear().await.unwrap();
    sim.set_fault(Fault::Lie { tag: "ph".parse().unwrap(), value: 3.5 }).await.unwrap();
    assert_eq!(single(&input(&mut c, 14, 2).await.unwrap()), 3.5);
    sim.set_fault(Fault::RefuseWrites).await.unwrap();
    assert_eq!(write(&mut c, 10, &pair(30.0)).await, Err(ExceptionCode::ServerDeviceBusy));
    sim.clear().await.unwrap();
    sim.set_fault(Fault::IgnoreWrites).await.unwrap();
    write(&mut c, 10, &pair(30.0)).await.unwrap();
    assert_eq!(holding(&mut c, 10, 2).await.unwrap(), pair(37.0));
    sim.clear().await.unwrap();
    sim.set_fault(Fault::Freeze).await.unwrap();
    let all = input(&mut c, 0, 30).await.unwrap();
    let sample = async {
        for _ in 0..200 {
            assert_eq!(input(&mut c, 0, 30).await.unwrap(), all)
        }
    };
    timeout(DEADLINE, sample).await.unwrap();
}

#[tokio::test]
async fn a_fault_that_does_not_apply_is_refused_and_nothing_is_in_force() {
    let sim = started(DeviceKind::CometLogger, 1).await;
    for (fault, says) in [
        (Fault::ShiftNamespace, "only OPC UA has that"),
        (Fault::RefuseWrites, "nothing can be written"),
        (Fault::Stuck { tag: "ph".parse().unwrap() }, "no tag \"ph\""),
        (Fault::Busy, "only the Modbus bioreactor"),
    ] {
        let said = sim.set_fault(fault).await.unwrap_err().to_string();
        assert!(said.contains(says), "{said}");
    }
    assert_eq!(sim.faults(), []);
    sim.set_fault(Fault::Delay { ms: 5 }).await.unwrap();
    assert_eq!(sim.faults(), [Fault::Delay { ms: 5 }]);
}

#[tokio::test]
async fn every_template_and_its_simulator_agree() {
    let clock = Clock::starting_at(Clock::system_now().plus_s(-60 * 86_400), 60);
    let kinds = DeviceKind::ALL.into_iter().filter(|kind| !kind.speaks_opc_ua());
    for kind in kinds {
        let device = SimDevice { realism: Realism::Calm, ..SimDevice::new("DEV-01", kind, 4) };
        let sim = device.start(&clock, Path::new("/nowhere")).await.unwrap();
        let config = DeviceConfig::new("DEV-01".parse().unwrap(), kind.name(), sim.address());
        let mut rig = Rig::start(vec![config], clock.clone(), Path::new("/nowhere")).await;
        rig.online().await;
        // Ends when every tag of the template was seen with good quality.
        rig.every_tag("DEV-01", kind.name()).await;
    }
}
