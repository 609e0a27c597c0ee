//! The configuration of the facility, item by item. Each item is an entry's content; a change is a new content of one item.
//!
//! `mes facility plan FILE` compares a file of these items with the facility in force; a second person approves; only
//! then do they become entries. Nothing here reads a file, and no secret is ever an item.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::{
    clock::Timestamp,
    id::{AgreementId, EquipmentId, PersonId, ProductId, SuiteId, TagId, TagName, TenantId, TerminalId},
    isa88::{CleanlinessGrade, EquipmentClass},
    quantity::{Bilingual, Language, Range, Unit},
    tenant::{DeviceTemplate, LinkSettings},
};

/// Name and licence of the facility.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FacilityName {
    /// Name as printed on records and checkpoints.
    pub name: Bilingual,
    /// Number of the facility's own manufacturing permit (製造業許可番号).
    pub permit: String,
    /// When people are there, for the scheduler; round the clock when empty.
    #[serde(default)]
    pub shifts: Vec<Shift>,
}

/// A shift of the week, local time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shift {
    /// Days, 1 = Monday to 7 = Sunday.
    pub days: Vec<u8>,
    /// From, in minutes after midnight.
    pub from_min: u32,
    /// Until, in minutes after midnight, at most 1440.
    pub until_min: u32,
    /// Share of the people of each qualification who are there, in percent, rounded up to a whole person.
    pub staffed_percent: u32,
}

/// A tenant company 入居者.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tenant {
    /// Its id.
    pub id: TenantId,
    /// Its name.
    pub name: Bilingual,
}

/// Who manufactures under an agreement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Manufacturer {
    /// The facility manufactures for the tenant 受託製造.
    Facility,
    /// The tenant manufactures in a leased suite 施設貸与.
    Tenant,
}

/// A quality agreement 取決め, per tenant and product (TEN-05).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agreement {
    /// Its id.
    pub id: AgreementId,
    /// Which tenant.
    pub tenant: TenantId,
    /// Which product.
    pub product: ProductId,
    /// Who manufactures; signing roles, and whose staff may execute, follow from it.
    pub manufacturer: Manufacturer,
    /// Permit number printed on the record.
    pub permit: String,
    /// Suites the tenant may be given under it.
    pub suites: BTreeSet<SuiteId>,
    /// How far a confirmed booking may move without asking, in hours.
    pub tolerance_h: u32,
}

/// A clean-room suite スイート.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suite {
    /// Its id.
    pub id: SuiteId,
    /// Its name.
    pub name: Bilingual,
    /// Background grade.
    pub grade: CleanlinessGrade,
    /// How many processes fit; more than one batch at a time needs an approved co-occupancy rule.
    pub places: u32,
    /// Fit for viral vectors.
    #[serde(default)]
    pub viral: bool,
    /// Qualified until (SCH-04).
    pub qualified_until: Timestamp,
}

/// A fixed HMI terminal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terminal {
    /// Its id.
    pub id: TerminalId,
    /// The suite it stands in, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suite: Option<SuiteId>,
}

/// Alarm-free limits of a tag, as the plant watches them whatever batch runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TagLimits {
    /// Physical range; outside of it a value is bad and a write is refused before it is sent.
    pub range: Range,
    /// How old the last sample may be, in seconds of wall time, before the value is stale (更新停止).
    pub stale_after_s: u32,
}

/// One tag of a piece of equipment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tag {
    /// Its name; the device template says where it lives on the device.
    pub name: TagName,
    /// What it is.
    pub title: Bilingual,
    /// Unit (UCUM).
    pub unit: Unit,
    /// Decimals shown and recorded.
    pub decimals: u32,
    /// May be written.
    #[serde(default)]
    pub writable: bool,
    /// Range and staleness.
    pub limits: TagLimits,
    /// What the numbers mean, where they are codes; empty for a measured quantity.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub states: Vec<TagState>,
}

/// What one code of a tag means: `0` is closed, `1` is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TagState {
    /// The number on the device.
    pub code: i64,
    /// What it means.
    pub text: Bilingual,
}

impl Tag {
    /// What a number means, when it is one of the tag's codes.
    pub fn state_of(&self, value: Decimal) -> Option<&Bilingual> {
        self.states.iter().find(|state| Decimal::from(state.code) == value).map(|state| &state.text)
    }
}

/// A unit: bioreactor, incubator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Equipment {
    /// Its id.
    pub id: EquipmentId,
    /// Its name.
    pub name: Bilingual,
    /// Its class.
    pub class: EquipmentClass,
    /// The suite it stands in.
    pub suite: SuiteId,
    /// Calibrated until (SCH-04).
    pub calibrated_until: Timestamp,
    /// How to reach it.
    pub link: LinkSettings,
    /// Its tags.
    pub tags: Vec<Tag>,
}

/// A person's name, kanji and romaji.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PersonName {
    /// 氏名.
    pub ja: String,
    /// Romaji.
    pub en: String,
}

impl PersonName {
    /// As a signature prints it: 佐藤 花子 (Sato Hanako).
    pub fn full(&self) -> String {
        format!("{} ({})", self.ja, self.en)
    }
}

/// The roles of REQUIREMENTS 4.4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Role {
    /// Operator 作業者.
    Op,
    /// Second checker 確認者.
    Chk,
    /// Production supervisor 製造部門責任者.
    Sup,
    /// Statutory manufacturing manager 製造管理者.
    Mm,
    /// Quality assurance 品質保証.
    Qa,
    /// Testing (QC) 試験検査.
    Qc,
    /// Release decider 出荷判定者.
    Rel,
    /// Tenant planner 入居者計画担当.
    Tpl,
    /// Tenant QA 入居者品質保証.
    Tqa,
    /// Auditor: 調査員 or 監査員 (read only).
    Aud,
    /// Facility admin 設備管理担当者.
    Fad,
    /// System admin システム管理者.
    Sys,
    /// Calibration and maintenance 保全.
    Eng,
}

/// A role given to a person, for the facility or for one tenant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleGrant {
    /// The role.
    pub role: Role,
    /// For one tenant's staff or scope; missing for the facility's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<TenantId>,
    /// For an auditor: valid until (SOD-13).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// A person. The password is a credential, never an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// The id with which the person logs in.
    pub id: PersonId,
    /// The name, frozen into every entry at the time of the act.
    pub name: PersonName,
    /// Whose employee: a tenant's, or the facility's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub employer: Option<TenantId>,
    /// Roles.
    pub roles: Vec<RoleGrant>,
    /// Language of the screens at first.
    #[serde(default)]
    pub language: Language,
    /// Account in use; leavers are set to false, never removed.
    #[serde(default = "yes")]
    pub active: bool,
}

fn yes() -> bool {
    true
}

/// One item of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FacilityItem {
    /// Name and licence.
    Name(FacilityName),
    /// A tenant.
    Tenant(Tenant),
    /// An agreement.
    Agreement(Agreement),
    /// A suite.
    Suite(Suite),
    /// A terminal.
    Terminal(Terminal),
    /// A version of a device template.
    DeviceTemplate(Box<DeviceTemplate>),
    /// A piece of equipment.
    Equipment(Box<Equipment>),
    /// A person.
    Person(Person),
}

/// The key of an item: kind and id, e.g. `suite SU-1`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ItemKey {
    /// Kind, as in [`FacilityItem`]'s written form.
    pub kind: String,
    /// Id within the kind; empty for the facility's name.
    pub id: String,
}

impl FacilityItem {
    /// The item's key.
    pub fn key(&self) -> ItemKey {
        let (kind, id) = match self {
            Self::Name(_) => ("name", String::new()),
            Self::Tenant(item) => ("tenant", item.id.to_string()),
            Self::Agreement(item) => ("agreement", item.id.to_string()),
            Self::Suite(item) => ("suite", item.id.to_string()),
            Self::Terminal(item) => ("terminal", item.id.to_string()),
            Self::DeviceTemplate(item) => ("device_template", item.key()),
            Self::Equipment(item) => ("equipment", item.id.to_string()),
            Self::Person(item) => ("person", item.id.to_string()),
        };
        ItemKey { kind: kind.to_owned(), id }
    }
}

/// A change of one item: its new content. An item that leaves the file is not removed (people are deactivated).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ItemChange {
    /// The new content.
    pub new: FacilityItem,
    /// The content before, if there was one.
    pub old: Option<FacilityItem>,
}

/// The facility in force.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facility {
    /// Name and licence; missing before the first adoption.
    pub name: Option<FacilityName>,
    /// Tenants.
    pub tenants: BTreeMap<TenantId, Tenant>,
    /// Agreements.
    pub agreements: BTreeMap<AgreementId, Agreement>,
    /// Suites.
    pub suites: BTreeMap<SuiteId, Suite>,
    /// Terminals.
    pub terminals: BTreeMap<TerminalId, Terminal>,
    /// Device templates by name, every version that ever came into force.
    #[serde(default)]
    pub device_templates: BTreeMap<String, BTreeMap<u32, DeviceTemplate>>,
    /// Equipment.
    pub equipment: BTreeMap<EquipmentId, Equipment>,
    /// People.
    pub people: BTreeMap<PersonId, Person>,
}

impl Facility {
    /// Puts an item in force.
    pub fn adopt(&mut self, item: FacilityItem) {
        match item {
            FacilityItem::Name(item) => self.name = Some(item),
            FacilityItem::Tenant(item) => drop(self.tenants.insert(item.id.clone(), item)),
            FacilityItem::Agreement(item) => drop(self.agreements.insert(item.id.clone(), item)),
            FacilityItem::Suite(item) => drop(self.suites.insert(item.id.clone(), item)),
            FacilityItem::Terminal(item) => drop(self.terminals.insert(item.id.clone(), item)),
            FacilityItem::DeviceTemplate(item) => {
                self.device_templates.entry(item.name.clone()).or_default().insert(item.version, *item);
            }
            FacilityItem::Equipment(item) => drop(self.equipment.insert(item.id.clone(), *item)),
            FacilityItem::Person(item) => drop(self.people.insert(item.id.clone(), item)),
        }
    }
    /// The item under a key, as in force.
    pub fn item(&self, key: &ItemKey) -> Option<FacilityItem> {
        let id = key.id.as_str();
        Some(match key.kind.as_str() {
            "name" => FacilityItem::Name(self.name.clone()?),
            "tenant" => FacilityItem::Tenant(self.tenants.get(&id.parse().ok()?)?.clone()),
            "agreement" => FacilityItem::Agreement(self.agreements.get(&id.parse().ok()?)?.clone()),
            "suite" => FacilityItem::Suite(self.suites.get(&id.parse().ok()?)?.clone()),
            "terminal" => FacilityItem::Terminal(self.terminals.get(&id.parse().ok()?)?.clone()),
            "device_template" => {
                let (name, version) = id.rsplit_once(" v")?;
                FacilityItem::DeviceTemplate(Box::new(self.device_template(name, version.parse().ok()?)?.clone()))
            }
            "equipment" => FacilityItem::Equipment(Box::new(self.equipment.get(&id.parse().ok()?)?.clone())),
            "person" => FacilityItem::Person(self.people.get(&id.parse().ok()?)?.clone()),
            _ => return None,
        })
    }
    /// The agreement of a tenant for a product.
    pub fn agreement_for(&self, tenant: &TenantId, product: &ProductId) -> Option<&Agreement> {
        self.agreements.values().find(|a| a.tenant == *tenant && a.product == *product)
    }
    /// A version of a device template.
    pub fn device_template(&self, name: &str, version: u32) -> Option<&DeviceTemplate> {
        self.device_templates.get(name)?.get(&version)
    }
    /// A tag's settings.
    pub fn tag(&self, tag: &TagId) -> Option<&Tag> {
        self.equipment.get(&tag.equipment)?.tags.iter().find(|t| t.name == tag.name)
    }
}
