//! The facility, the recipe and the people of `story.rs`. All names are fictional.

use mes_core::{
    access::{Actor, AuthMethod, Who},
    batch::*,
    id::*,
    isa88::{CleanlinessGrade, EquipmentClass, RecipeApprovals, RecipeBody},
    journal::{encode::*, *},
    quantity::{Bilingual, Language, Quantity, Range, Unit, parse_decimal},
    tenant::*,
};

pub(crate) const RECIPE: &str = include_str!("recipe.json");

/// The people: id, printed name, role.
pub(crate) const OP: (&str, &str, Role) = ("sato", "佐藤 花子 (Sato Hanako)", Role::Op);
pub(crate) const CHK: (&str, &str, Role) = ("suzuki", "鈴木 一郎 (Suzuki Ichiro)", Role::Chk);
pub(crate) const SUP: (&str, &str, Role) = ("takahashi", "高橋 健 (Takahashi Ken)", Role::Sup);
pub(crate) const QA: (&str, &str, Role) = ("tanaka", "田中 美咲 (Tanaka Misaki)", Role::Qa);
pub(crate) const REL: (&str, &str, Role) = ("ito", "伊藤 誠 (Ito Makoto)", Role::Rel);
pub(crate) type Staff = (&'static str, &'static str, Role);

pub(crate) fn id<T: TryFrom<String, Error = IdError>>(text: &str) -> T {
    T::try_from(text.to_owned()).unwrap()
}
fn b(ja: &str, en: &str) -> Bilingual {
    Bilingual::new(ja, en)
}
pub(crate) fn quantity(value: &str, unit: &str) -> ItemValue {
    ItemValue::Quantity(Quantity { value: parse_decimal(value).unwrap(), unit: Unit(unit.into()) })
}
pub(crate) fn tenant() -> Owner {
    "tenant:TEN-A".parse().unwrap()
}
pub(crate) fn recipe() -> RecipeBody {
    serde_json::from_str(RECIPE).unwrap()
}

fn tag(name: &str, ja: &str, en: &str, unit: &str, decimals: u32) -> Tag {
    let limits = TagLimits { range: Range::default(), stale_after_s: 60 };
    Tag {
        name: id(name),
        title: b(ja, en),
        unit: Unit(unit.into()),
        decimals,
        writable: name.contains("setpoint"),
        limits,
        states: Vec::new(),
    }
}

fn equipment(name: &str, ja: &str, en: &str, class: EquipmentClass, tags: Vec<Tag>) -> Equipment {
    let link = serde_json::json!({"template": "sim", "address": "127.0.0.1:4840"});
    let link = serde_json::from_value(link).unwrap();
    Equipment {
        id: id(name),
        name: b(ja, en),
        class,
        suite: id("SU-1"),
        calibrated_until: "2027-03-31T15:00:00Z".parse().unwrap(),
        link,
        tags,
    }
}

pub(crate) fn issued() -> IssuedBatch {
    let body = recipe();
    let incubator = equipment(
        "INC-03",
        "CO₂培養器 3号",
        "CO₂ incubator 3",
        EquipmentClass::Incubator,
        vec![tag("temperature", "庫内温度", "Temperature", "Cel", 2), tag("co2", "CO₂濃度", "CO₂", "%", 2)],
    );
    let reactor = equipment(
        "BR-01",
        "撹拌培養槽 1号",
        "Stirred bioreactor 1",
        EquipmentClass::Bioreactor,
        vec![
            tag("temperature", "槽内温度", "Temperature", "Cel", 2),
            tag("temperature-setpoint", "温度設定値", "Temperature set-point", "Cel", 1),
            tag("glucose", "グルコース", "Glucose", "mmol/L", 2),
            tag("vcd", "生細胞密度", "Viable cell density", "10*6/mL", 3),
        ],
    );
    IssuedBatch {
        batch: id("MSC-2607-01"),
        booking: id("BK-0001"),
        tenant: Tenant { id: id("TEN-A"), name: b("あおば再生医療株式会社", "Aoba Regenerative Co.") },
        facility: FacilityName {
            name: b("日本版カタパルト 川崎", "Japanese Catapult Kawasaki"),
            permit: "14FZ000000".into(),
            shifts: Vec::new(),
        },
        agreement: Agreement {
            id: id("AGR-A1"),
            tenant: id("TEN-A"),
            product: id("MSC-100"),
            manufacturer: Manufacturer::Facility,
            permit: "14FZ000000".into(),
            suites: [id("SU-1")].into(),
            tolerance_h: 12,
        },
        recipe_hash: sha256(&[&canonical_of(&body).unwrap()]),
        recipe: body,
        approvals: RecipeApprovals { author: id("yamada"), production: id("takahashi"), quality: id("tanaka") },
        lot: "MSC2607A".into(),
        coi: "COI-7K2M-0042".into(),
        suite: Suite {
            id: id("SU-1"),
            name: b("スイート1(第1細胞調製室)", "Suite 1"),
            grade: CleanlinessGrade::B,
            places: 1,
            viral: false,
            qualified_until: "2027-03-31T15:00:00Z".parse().unwrap(),
        },
        equipment: [(id("incubator"), incubator), (id("reactor"), reactor)].into(),
        device_templates: vec![TemplateMark { name: "sim".into(), version: 1, hash: sha256(&[b"sim"]) }],
        policies_hash: sha256(&[b"policies"]),
    }
}

pub(crate) fn person(person: Staff) -> Who {
    let (name, printed, role) = person;
    Who {
        actor: Actor::Person { id: id(name), name: printed.into(), role: Some(role) },
        session_of: None,
        terminal: Some(id("HMI-1")),
        suite: Some(id("SU-1")),
        client: Some("10.1.0.21".into()),
        session: Some(id(&format!("S-{name}"))),
        auth: AuthMethod::Password,
        language: Some(Language::Ja),
        software: "catapult-mes 0.1.0".into(),
    }
}

pub(crate) fn system(set: &str) -> Who {
    Who {
        actor: Actor::System { set: set.into() },
        session_of: None,
        terminal: None,
        suite: None,
        client: None,
        session: None,
        auth: AuthMethod::System,
        language: None,
        software: "catapult-mes 0.1.0".into(),
    }
}
