//! What an entry about a device says, in the words of the audit trail: its link, its sampling, its events, its certificate, its reports.

use mes_core::{
    batch::BatchEvent,
    engine::{DeviceEvent, LeftOut, LinkState, MessageKind, TagSampling},
    id::EquipmentId,
    tenant::{DeviceReport, EquipmentEvent},
};

use crate::{happened::Happened, wording};

/// Of the equipment's own stream.
pub(crate) fn equipment(event: &EquipmentEvent) -> Happened {
    match event {
        EquipmentEvent::LinkChanged { equipment, state, cause, .. } => link(equipment, state, cause),
        EquipmentEvent::SamplingAgreed { equipment, tags } => sampling(equipment, tags),
        EquipmentEvent::EventReported { happened, again } => reported(happened, *again),
        EquipmentEvent::MessagesLeftOut { equipment, left_out: more } => left_out(equipment, more),
        EquipmentEvent::ConnectAsked { equipment, .. } => {
            Happened::new("equipment", equipment, "update", "機器への再接続を指示", "Connection to a device asked for")
                .field("link")
        }
        EquipmentEvent::CertificateJudged { certificate, accepted, .. } => {
            let (ja, en) = if *accepted {
                ("機器の証明書を承認", "Certificate of a device accepted")
            } else {
                ("機器の証明書を拒否", "Certificate of a device refused")
            };
            Happened::new("equipment", &certificate.thumbprint, "approve", ja, en)
                .new_value(certificate.subject.clone())
        }
        EquipmentEvent::ReportReceived { report } => report_received(report),
        EquipmentEvent::CertificateEnds { certificate, within_days } => {
            let (ja, en) = ("証明書の有効期限が近い", "Certificate ends soon");
            Happened::new("equipment", &certificate.thumbprint, "update", ja, en)
                .field(format!("within {within_days} days"))
                .new_value(format!("{} until {}", certificate.subject, certificate.valid_until))
        }
        EquipmentEvent::ReportExported { equipment, file, .. } => {
            let (ja, en) = ("機器の報告書を出力", "Report of a device exported");
            Happened::new("equipment", equipment, "export", ja, en).new_value(format!("{} {}", file.name, file.sha256))
        }
        EquipmentEvent::SamplesExported { tag, from, until, file, .. } => {
            let (ja, en) = ("占有外のサンプルを出力", "Samples of no batch exported");
            Happened::new("samples", tag, "export", ja, en)
                .field(format!("{from}–{until}"))
                .new_value(format!("{} {}", file.name, file.sha256))
        }
    }
}

/// Of the stream of the batch that has the equipment.
pub(crate) fn batch(event: &BatchEvent) -> Happened {
    match event {
        BatchEvent::LinkChanged { equipment, state, cause, .. } => {
            let said = link(equipment, state, cause);
            if *state == LinkState::Online { said } else { said.critical() }
        }
        BatchEvent::SamplingAgreed { equipment, tags, .. } => sampling(equipment, tags),
        BatchEvent::DeviceEventReported { happened, again, .. } => {
            let said = reported(happened, *again);
            if happened.is_alarm() { said.critical() } else { said }
        }
        BatchEvent::MessagesLeftOut { equipment, left_out: more, .. } => {
            let said = left_out(equipment, more);
            if more.kind == MessageKind::Alarms { said.critical() } else { said }
        }
        BatchEvent::ReportReceived { report, .. } => report_received(report),
        _ => Happened::default(),
    }
}

fn link(equipment: &EquipmentId, state: &LinkState, cause: &str) -> Happened {
    Happened::new("equipment", equipment, "update", "設備の通信状態が変化", "Link of equipment changed")
        .field("link")
        .new_value(format!("{} ({cause})", wording::link(state).en))
}

fn sampling(equipment: &EquipmentId, tags: &[TagSampling]) -> Happened {
    Happened::new("equipment", equipment, "update", "サンプリング周期の合意", "Sampling agreed with the device")
        .field("sampling")
        .new_value(TagSampling::list(tags).en)
}

fn reported(happened: &DeviceEvent, again: u32) -> Happened {
    let (ja, en) = if happened.is_alarm() {
        ("機器の警報", "Alarm of a device")
    } else {
        ("機器のイベント", "Event of a device")
    };
    Happened::new("equipment", &happened.equipment, "create", ja, en).field("event").new_value(happened.said(again).en)
}

fn left_out(equipment: &EquipmentId, more: &LeftOut) -> Happened {
    Happened::new("equipment", equipment, "update", "機器の通知の一部を省略", "Messages of a device left out")
        .field("reports")
        .new_value(more.said().en)
}

fn report_received(report: &DeviceReport) -> Happened {
    let values = report.values.iter().map(|one| format!("{} = {} {}", one.tag, one.value, one.unit.shown()));
    let problems = report.problems.iter().map(|problem| problem.en.clone());
    let mut said = vec![format!("{} bytes, SHA-256 {}", report.bytes, report.sha256)];
    said.extend(values.chain(problems));
    let (ja, en) = ("機器の報告書を受領", "Report of a device received");
    let mut happened = Happened::new("equipment", &report.equipment, "create", ja, en).field(&report.name);
    happened.critical = !report.problems.is_empty();
    happened.new_value(said.join("; "))
}
