//! What can happen to the facility's configuration, its people and its equipment links.

use serde::{Deserialize, Serialize};

use crate::{
    batch::ExportedFile,
    clock::Timestamp,
    engine::{DeviceEvent, LeftOut, LinkState, TagSampling},
    id::{ChangeId, EquipmentId, PersonId, TagId},
    quantity::Language,
    tenant::{DeviceReport, ItemChange},
};

/// What can happen to the facility's configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum FacilityEvent {
    /// A change was proposed.
    #[serde(rename = "facility.change_proposed")]
    ChangeProposed {
        /// Change.
        change: ChangeId,
        /// The items it changes.
        items: Vec<ItemChange>,
        /// Who proposes it.
        by: PersonId,
        /// Why.
        text: Option<String>,
    },
    /// A second person approved it; it is in force from this entry on.
    #[serde(rename = "facility.change_approved")]
    ChangeApproved {
        /// Change.
        change: ChangeId,
        /// Who approves it.
        by: PersonId,
    },
}

/// What can happen to a person's account. No secret is ever in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum PersonEvent {
    /// Logged in.
    #[serde(rename = "person.logged_in")]
    LoggedIn {
        /// Person.
        person: PersonId,
    },
    /// Logged out, or the session ended by time.
    #[serde(rename = "person.logged_out")]
    LoggedOut {
        /// Person.
        person: PersonId,
        /// By time.
        timed_out: bool,
    },
    /// A credential was refused, for log-in or for a signature.
    #[serde(rename = "person.credential_refused")]
    CredentialRefused {
        /// Person.
        person: PersonId,
        /// Failures in a row.
        failures: u32,
        /// The account is locked now (P11-30).
        locked: bool,
    },
    /// A command of a known person was refused; equal ones within a minute are counted.
    #[serde(rename = "person.refused")]
    Refused {
        /// Person.
        person: PersonId,
        /// The command's name.
        command: String,
        /// What it was about.
        object: String,
        /// The rule that said no.
        rule: String,
        /// How many equal ones.
        count: u32,
    },
    /// A credential was set by a system administrator.
    #[serde(rename = "person.credential_set")]
    CredentialSet {
        /// Person.
        person: PersonId,
    },
    /// The person chose a language.
    #[serde(rename = "person.language_chosen")]
    LanguageChosen {
        /// Person.
        person: PersonId,
        /// Language.
        language: Language,
    },
}

/// What can happen to a piece of equipment beyond any batch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum EquipmentEvent {
    /// Its link changed state, or the cause of it.
    #[serde(rename = "equipment.link_changed")]
    LinkChanged {
        /// Equipment.
        equipment: EquipmentId,
        /// State now.
        state: LinkState,
        /// Cause.
        cause: String,
        /// When.
        at: Timestamp,
    },
    /// A person accepted or refused the certificate that a device had shown (UA-03); the newest one counts.
    #[serde(rename = "equipment.certificate_judged")]
    CertificateJudged {
        /// The certificate.
        certificate: DeviceCertificate,
        /// It is trusted from now on; otherwise it is not.
        accepted: bool,
        /// Who decided.
        by: PersonId,
        /// Why; missing only where it is withheld.
        text: Option<String>,
    },
    /// A closed device wrote a report that belongs to no batch in work.
    #[serde(rename = "equipment.report_received")]
    ReportReceived {
        /// The report.
        report: Box<DeviceReport>,
    },
    /// The device agreed to how tags are sampled, otherwise than is on record.
    #[serde(rename = "equipment.sampling_agreed")]
    SamplingAgreed {
        /// Equipment.
        equipment: EquipmentId,
        /// The tags that this concerns.
        tags: Vec<TagSampling>,
    },
    /// The device told of something that happened.
    #[serde(rename = "equipment.event_reported")]
    EventReported {
        /// What; of equal ones, the newest.
        happened: DeviceEvent,
        /// 0 when it is told; otherwise how many more equal ones came within a minute.
        again: u32,
    },
    /// Messages of the device were too many to be entered.
    #[serde(rename = "equipment.messages_left_out")]
    MessagesLeftOut {
        /// Equipment.
        equipment: EquipmentId,
        /// Of which kind, and how many.
        left_out: LeftOut,
    },
    /// A person asked that it be connected anew.
    #[serde(rename = "equipment.connect_asked")]
    ConnectAsked {
        /// Equipment.
        equipment: EquipmentId,
        /// Who.
        by: PersonId,
    },
    /// A certificate, ours or a trusted one, ends within so many days on the wall clock (UA-03).
    #[serde(rename = "equipment.certificate_ends")]
    CertificateEnds {
        /// The certificate.
        certificate: DeviceCertificate,
        /// The threshold that was passed, in days.
        within_days: u32,
    },
    /// A report that was entered with no batch left the system, as it was received.
    #[serde(rename = "equipment.report_exported")]
    ReportExported {
        /// Equipment.
        equipment: EquipmentId,
        /// The file.
        file: ExportedFile,
        /// Who took it.
        by: PersonId,
    },
    /// Samples that belong to no batch left the system as a file.
    #[serde(rename = "equipment.samples_exported")]
    SamplesExported {
        /// Tag.
        tag: TagId,
        /// Received from (inclusive).
        from: Timestamp,
        /// Until (exclusive).
        until: Timestamp,
        /// The file.
        file: ExportedFile,
        /// Who took it.
        by: PersonId,
    },
}

impl EquipmentEvent {
    /// The equipment it is about, where that is known.
    pub fn equipment(&self) -> Option<&EquipmentId> {
        match self {
            Self::LinkChanged { equipment, .. }
            | Self::SamplingAgreed { equipment, .. }
            | Self::MessagesLeftOut { equipment, .. }
            | Self::ConnectAsked { equipment, .. }
            | Self::ReportExported { equipment, .. } => Some(equipment),
            Self::EventReported { happened, .. } => Some(&happened.equipment),
            Self::ReportReceived { report } => Some(&report.equipment),
            Self::SamplesExported { tag, .. } => Some(&tag.equipment),
            Self::CertificateJudged { certificate, .. } | Self::CertificateEnds { certificate, .. } => {
                certificate.equipment.as_ref()
            }
        }
    }
}

/// A certificate as a device showed it: what a person compares with the device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceCertificate {
    /// SHA-1 over its bytes, in hexadecimal, as every tool for OPC UA shows it.
    pub thumbprint: String,
    /// Whom it names.
    pub subject: String,
    /// Who issued it.
    pub issuer: String,
    /// From when it is valid, on the wall clock.
    pub valid_from: Timestamp,
    /// Until when it is valid, on the wall clock.
    pub valid_until: Timestamp,
    /// Whose link it was shown on, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equipment: Option<EquipmentId>,
}
