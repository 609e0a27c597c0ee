//! The model of a master recipe: header, formula, equipment requirements, procedure.
//!
//! A recipe is text that a process scientist reads and diffs; this is its meaning. Loading and checking it is the work of
//! `loader.rs` and `check.rs`; nothing here is executed. All text stands in both languages.

use std::marker::PhantomData;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::{
    id::{EquipmentRole, ItemId, PersonId, PhaseId, ProductId, RecipeId, TagName, TenantId},
    quantity::{Bilingual, Range, Unit, decimal_text, decimal_text_opt},
};

/// A recipe that may still be edited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Draft;
/// A recipe approved by production and by quality; only such a one can be issued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Approved;

/// A master recipe in a state: `Recipe<Draft>` becomes `Recipe<Approved>` through `Recipe::approve` only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe<S> {
    body: RecipeBody,
    state: PhantomData<S>,
}

impl Recipe<Draft> {
    /// Wraps a checked body. `loader.rs` is the only caller outside of replay.
    #[cfg(feature = "engine")]
    pub(crate) fn draft(body: RecipeBody) -> Self {
        Self { body, state: PhantomData }
    }
    /// Turns a draft into an approved recipe, given the two approvals (SOD-02: neither is the author, and they differ).
    pub fn approve(self, approvals: &RecipeApprovals) -> Result<Recipe<Approved>, &'static str> {
        let RecipeApprovals { author, production, quality } = approvals;
        if production == author || quality == author || production == quality {
            return Err("SOD-02");
        }
        Ok(Recipe { body: self.body, state: PhantomData })
    }
}

impl<S> Recipe<S> {
    /// What the recipe says.
    pub fn body(&self) -> &RecipeBody {
        &self.body
    }
}

/// Who wrote a recipe and who approved it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecipeApprovals {
    /// The author.
    pub author: PersonId,
    /// Approved for production.
    pub production: PersonId,
    /// Approved for quality.
    pub quality: PersonId,
}

/// What a master recipe says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecipeBody {
    /// Form of this file: always `catapult-recipe-1`.
    pub form: String,
    /// Identity, product, batch size.
    pub header: Header,
    /// Parameters: what is set, recorded or calculated, with limits.
    pub formula: Vec<Parameter>,
    /// What equipment the procedure needs, by role.
    pub equipment: Vec<EquipmentRequirement>,
    /// Unit procedures in order.
    pub procedure: Vec<UnitProcedure>,
}

/// Header of a recipe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// Recipe id, e.g. `MBR-MSC-001-S`.
    pub id: RecipeId,
    /// Version, from 1.
    pub version: u32,
    /// Name of the recipe.
    pub title: Bilingual,
    /// Whose recipe.
    pub tenant: TenantId,
    /// Product code.
    pub product: ProductId,
    /// Product name, with strength or dose.
    pub product_name: Bilingual,
    /// Nominal batch size, as printed.
    pub batch_size: Bilingual,
    /// Lowest cleanliness grade of the suite.
    pub suite_grade: CleanlinessGrade,
    /// Handles viral vectors.
    #[serde(default)]
    pub viral: bool,
    /// Shelf life after completion, in days, where the product has an expiry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shelf_life_d: Option<u32>,
}

/// Cleanliness grade of a suite (清浄度グレード); A is the cleanest, and the order says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum CleanlinessGrade {
    /// Grade A.
    A,
    /// Grade B.
    B,
    /// Grade C.
    C,
    /// Grade D.
    D,
}

/// One parameter of the formula.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    /// Its id; the name by which expressions call it (with `-` and `.` not allowed: use `_`).
    pub id: ItemId,
    /// Its name.
    pub name: Bilingual,
    /// Unit (UCUM).
    pub unit: Unit,
    /// Decimals to which a value is rounded, once, half to even, before it is compared or recorded.
    pub decimals: u32,
    /// Target, where there is one.
    #[serde(default, with = "decimal_text_opt", skip_serializing_if = "Option::is_none")]
    pub target: Option<Decimal>,
    /// Normal operating range: outside of it a reason is required.
    #[serde(default)]
    pub normal: Range,
    /// Proven acceptable range: outside of it a deviation opens.
    #[serde(default)]
    pub acceptable: Range,
    /// What a value outside the acceptable range does beyond opening a deviation.
    #[serde(default)]
    pub on_violation: OnViolation,
    /// For a calculated parameter: the CEL expression over other parameters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expression: Option<String>,
}

/// Action on violation of an acceptable range (S88-05).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnViolation {
    /// A deviation opens; the batch goes on.
    #[default]
    Deviation,
    /// A deviation opens and the batch is held.
    Hold,
}

/// A class of equipment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EquipmentClass {
    /// Bioreactor 培養槽.
    Bioreactor,
    /// Incubator 培養器.
    Incubator,
    /// Closed cell processor 閉鎖系細胞処理装置: it runs a disposable set by itself and reports in files.
    CellProcessor,
    /// Environmental monitor 環境モニター: particles, pressure, temperature and humidity of a room.
    Monitor,
}

/// One piece of equipment the procedure needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EquipmentRequirement {
    /// The name the procedure uses.
    pub role: EquipmentRole,
    /// The class.
    pub class: EquipmentClass,
    /// What it is for.
    pub name: Bilingual,
    /// Tags it must have.
    #[serde(default)]
    pub tags: Vec<TagName>,
}

/// A unit procedure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnitProcedure {
    /// Its id.
    pub id: PhaseId,
    /// Its name.
    pub name: Bilingual,
    /// Operations in order.
    pub operations: Vec<Operation>,
}

/// An operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operation {
    /// Its id.
    pub id: PhaseId,
    /// Its name.
    pub name: Bilingual,
    /// Phases in order.
    pub phases: Vec<Phase>,
}

/// A phase: what one person, or the equipment, does in one go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Phase {
    /// Its id, unique in the recipe.
    pub id: PhaseId,
    /// Its name.
    pub name: Bilingual,
    /// What the operator is told.
    pub instruction: Bilingual,
    /// What is done, by kind of phase.
    #[serde(rename = "do")]
    pub kind: PhaseKind,
    /// Limits watched on equipment while the phase runs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub watch: Vec<Watch>,
    /// Hold time (保持時間) counted from the completion of an earlier phase to the start of this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<HoldTime>,
    /// How it is signed.
    #[serde(default)]
    pub sign: SignOff,
    /// Hands-on minutes, for the scheduler.
    #[serde(default)]
    pub hands_on_min: u32,
    /// Expected minutes without hands (culture), for the scheduler.
    #[serde(default)]
    pub unattended_min: u32,
}

/// Who signs a phase before it is complete.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignOff {
    /// Nobody: the log-in session is enough.
    #[default]
    None,
    /// The performer 実施.
    Performed,
    /// The performer, then a second person 二重確認.
    Verified,
}

/// The kinds of phases. Only kinds that execute are listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum PhaseKind {
    /// Do as told, and confirm.
    Instruction,
    /// Record values, by hand or from a tag.
    Record {
        /// What is recorded.
        items: Vec<RecordItem>,
    },
    /// Calculate parameters that have an expression.
    Calculate {
        /// Which parameters, in this order.
        items: Vec<ItemId>,
    },
    /// Write set-points to equipment and read them back.
    Set {
        /// What is written.
        points: Vec<SetPoint>,
    },
    /// Wait until a condition on the equipment has held long enough.
    Wait {
        /// CEL condition over tags of roles: `reactor.glucose < 3.0 && reactor.vcd >= 1.2`.
        condition: String,
        /// How long it must hold without a break, in seconds of facility time.
        for_s: u32,
        /// When it has not come about within this many seconds, a deviation opens; the phase waits on.
        max_s: u32,
    },
    /// Line clearance ラインクリアランス: a checklist.
    LineClearance {
        /// The lines to confirm one by one.
        lines: Vec<ChecklistLine>,
    },
    /// Scan or type the batch's chain-of-identity code; a mismatch stops the batch.
    IdentityCheck,
    /// Yield and reconciliation 収量・収支照合: recorded and calculated parameters, judged together.
    Yield {
        /// What is recorded by hand first.
        items: Vec<RecordItem>,
        /// What is calculated from it.
        calculate: Vec<ItemId>,
    },
}

/// One value to record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordItem {
    /// Which parameter.
    pub parameter: ItemId,
    /// The tag it is read from; typed by hand when missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<TagRef>,
}

/// A tag of a piece of equipment named by its role, written `incubator.temperature`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TagRef {
    /// The role.
    pub role: EquipmentRole,
    /// The tag.
    pub tag: TagName,
}

impl TryFrom<String> for TagRef {
    type Error = crate::id::IdError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let wrong = || crate::id::IdError { kind: "tag of a role (role.tag)", text: text.clone() };
        let (role, tag) = text.split_once('.').ok_or_else(wrong)?;
        Ok(Self { role: role.parse().map_err(|_| wrong())?, tag: tag.parse().map_err(|_| wrong())? })
    }
}

impl From<TagRef> for String {
    fn from(tag: TagRef) -> String {
        format!("{}.{}", tag.role, tag.tag)
    }
}

/// One set-point to write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetPoint {
    /// Its item id in the record.
    pub item: ItemId,
    /// Its name.
    pub name: Bilingual,
    /// Where to write.
    pub to: TagRef,
    /// What to write, in the tag's unit.
    #[serde(with = "decimal_text")]
    pub value: Decimal,
    /// Unit (UCUM), which must be the tag's.
    pub unit: Unit,
    /// Largest accepted difference on read-back.
    #[serde(default = "zero", with = "decimal_text")]
    pub tolerance: Decimal,
}

fn zero() -> Decimal {
    Decimal::ZERO
}

/// A limit watched while a phase runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Watch {
    /// Its item id in the record.
    pub item: ItemId,
    /// Its name.
    pub name: Bilingual,
    /// Which tag.
    pub tag: TagRef,
    /// The range it must stay in.
    pub range: Range,
    /// How long it may be outside, or its value not good, before a deviation opens, in seconds of facility time.
    pub for_s: u32,
    /// What happens beyond the deviation.
    #[serde(default)]
    pub on_violation: OnViolation,
}

/// Hold time before a phase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HoldTime {
    /// The phase whose completion starts the clock.
    pub since: PhaseId,
    /// Not earlier than this many seconds after it.
    #[serde(default)]
    pub min_s: u32,
    /// Not later than this many seconds after it; later opens a deviation.
    pub max_s: u32,
}

/// One line of a checklist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChecklistLine {
    /// Its item id in the record.
    pub item: ItemId,
    /// What is confirmed.
    pub text: Bilingual,
}

impl RecipeBody {
    /// All phases in the order in which they run.
    pub fn phases(&self) -> impl Iterator<Item = &Phase> {
        self.procedure.iter().flat_map(|up| &up.operations).flat_map(|op| &op.phases)
    }
    /// A phase by id.
    pub fn phase(&self, id: &PhaseId) -> Option<&Phase> {
        self.phases().find(|phase| phase.id == *id)
    }
    /// A parameter by id.
    pub fn parameter(&self, id: &ItemId) -> Option<&Parameter> {
        self.formula.iter().find(|parameter| parameter.id == *id)
    }
}
