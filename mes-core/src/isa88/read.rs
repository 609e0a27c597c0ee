//! From the tree of a recipe file to its model, field by field, collecting every error on the way.
//!
//! It judges form only: names of fields, missing fields, numbers, ids. Whether the recipe makes sense is `check.rs`.
//! Its field names are those of the model's serde form, which a test holds against each other.

use rust_decimal::Decimal;

use super::{
    finding::{Finding, Path},
    recipe::{
        ChecklistLine, CleanlinessGrade, EquipmentClass, EquipmentRequirement, Header, HoldTime, OnViolation,
        Operation, Parameter, Phase, PhaseKind, RecipeBody, RecordItem, SetPoint, SignOff, TagRef, UnitProcedure,
        Watch,
    },
    source::{Field, Node, Value},
};
use crate::{
    id::{EquipmentRole, ItemId, PhaseId, ProductId, RecipeId, TagName, TenantId},
    quantity::{Bilingual, Range, Unit, parse_decimal},
};

/// Collects what is wrong while a tree is read.
#[derive(Default)]
pub(crate) struct Reader {
    pub(crate) findings: Vec<Finding>,
}

/// A part of the model that is read from a value; `None` means that a finding says why not.
pub(crate) trait Read: Sized {
    /// Reads the value at `at`.
    fn read(reader: &mut Reader, node: &Node, at: &Path) -> Option<Self>;
}

impl Reader {
    fn say(&mut self, at: &Path, sentence: impl Into<String>) {
        self.findings.push(Finding { at: at.clone(), place: None, sentence: sentence.into() });
    }

    /// The fields of a value; unknown and repeated ones are findings.
    fn fields<'n>(&mut self, node: &'n Node, at: &Path, known: &[&'static str]) -> Option<&'n [Field]> {
        let Value::Fields(fields) = &node.value else {
            let what = found(node);
            self.say(at, format!("fields are expected here ({}), but it is {what}", known.join(", ")));
            return None;
        };
        for (index, field) in fields.iter().enumerate() {
            let name = field.name.as_str();
            let sentence = if !known.contains(&name) {
                format!("there is no field `{name}` here{}", suggestion(name, known))
            } else if fields.iter().take(index).any(|earlier| earlier.name == name) {
                format!("the field `{name}` is written twice")
            } else {
                continue;
            };
            self.findings.push(Finding { at: at.clone(), place: Some(field.place), sentence });
        }
        Some(fields)
    }

    fn required<T: Read>(&mut self, fields: &[Field], at: &Path, name: &'static str) -> Option<T> {
        match fields.iter().find(|field| field.name == name) {
            Some(field) => T::read(self, &field.node, &at.field(name)),
            None => {
                self.say(at, format!("the field `{name}` is missing"));
                None
            }
        }
    }

    /// A field that may be left out; what is there but wrong is a finding, and the rest is still read.
    fn optional<T: Read + Default>(&mut self, fields: &[Field], at: &Path, name: &'static str) -> T {
        fields
            .iter()
            .find(|field| field.name == name)
            .and_then(|field| T::read(self, &field.node, &at.field(name)))
            .unwrap_or_default()
    }
}

fn found(node: &Node) -> String {
    match &node.value {
        Value::Empty => "empty".to_owned(),
        Value::Text(text) => format!("\"{text}\""),
        Value::List(_) => "a list".to_owned(),
        Value::Fields(_) => "a set of fields".to_owned(),
    }
}

/// The known field that a misspelt one was probably meant to be.
fn suggestion(name: &str, known: &[&'static str]) -> String {
    if name.chars().all(|c| c.is_ascii_digit()) {
        return "; is this a decimal comma? Decimals are written with a point".to_owned();
    }
    let folded = name.to_lowercase().replace(['-', ' '], "_");
    match known.iter().find(|known| distance(&folded, known) <= 2) {
        Some(meant) => format!("; did you mean `{meant}`?"),
        None => format!("; known are {}", known.join(", ")),
    }
}

/// Edits (a letter more, less, other) between two short words.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut next = vec![i.saturating_add(1)];
        for (to, pair) in b.iter().zip(row.windows(2)) {
            let (replaced, removed) = (pair.first().copied().unwrap_or(0), pair.last().copied().unwrap_or(0));
            let added = next.last().copied().unwrap_or(0).saturating_add(1);
            next.push(added.min(removed.saturating_add(1)).min(replaced.saturating_add(usize::from(from != *to))));
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

impl Read for String {
    fn read(reader: &mut Reader, node: &Node, at: &Path) -> Option<Self> {
        match &node.value {
            Value::Text(text) if !text.trim().is_empty() => Some(text.trim_end().to_owned()),
            Value::Text(_) | Value::Empty => {
                reader.say(at, "a text is expected here, but it is empty");
                None
            }
            Value::List(_) | Value::Fields(_) => {
                reader.say(at, format!("a text is expected here, but it is {}", found(node)));
                None
            }
        }
    }
}

/// Reads a scalar through `parse`; `expected` completes "… is expected here".
fn scalar<T>(
    reader: &mut Reader,
    node: &Node,
    at: &Path,
    expected: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Option<T> {
    let value = match &node.value {
        Value::Text(text) => parse(text),
        Value::Empty | Value::List(_) | Value::Fields(_) => None,
    };
    if value.is_none() {
        reader.say(at, format!("{expected} is expected here, but it is {}", found(node)));
    }
    value
}

impl Read for u32 {
    fn read(reader: &mut Reader, node: &Node, at: &Path) -> Option<Self> {
        scalar(reader, node, at, "a whole number (0 or more)", |text| text.parse().ok())
    }
}

impl Read for bool {
    fn read(reader: &mut Reader, node: &Node, at: &Path) -> Option<Self> {
        scalar(reader, node, at, "`true` or `false`", |text| text.parse().ok())
    }
}

impl Read for Decimal {
    fn read(reader: &mut Reader, node: &Node, at: &Path) -> Option<Self> {
        scalar(reader, node, at, "a decimal number such as 37.0", |text| parse_decimal(text).ok())
    }
}

impl Read for Unit {
    fn read(reader: &mut Reader, node: &Node, at: &Path) -> Option<Self> {
        let expected = "a unit as text (UCUM code such as Cel, %, 10*6/mL; 1 for a pure number)";
        scalar(reader, node, at, expected, |text| Some(Unit(text.to_owned())))
    }
}

impl<T: Read> Read for Option<T> {
    fn read(reader: &mut Reader, node: &Node, at: &Path) -> Option<Self> {
        if node.value == Value::Empty { Some(None) } else { T::read(reader, node, at).map(Some) }
    }
}

impl<T: Read> Read for Vec<T> {
    fn read(reader: &mut Reader, node: &Node, at: &Path) -> Option<Self> {
        let Value::List(nodes) = &node.value else {
            reader.say(at, format!("a list is expected here (lines that start with `-`), but it is {}", found(node)));
            return None;
        };
        // Every element is read, so that one bad element does not hide the errors of the next.
        let read: Vec<Option<T>> =
            nodes.iter().enumerate().map(|(index, node)| T::read(reader, node, &at.index(index))).collect();
        read.into_iter().collect()
    }
}

macro_rules! read_ids {
    ($($id:ident),*) => {$(
        impl Read for $id {
            fn read(reader: &mut Reader, node: &Node, at: &Path) -> Option<Self> {
                let text = String::read(reader, node, at)?;
                $id::parse(text).map_err(|error| reader.say(at, error.to_string())).ok()
            }
        }
    )*};
}
read_ids!(EquipmentRole, ItemId, PhaseId, ProductId, RecipeId, TagName, TenantId);

impl Read for TagRef {
    fn read(reader: &mut Reader, node: &Node, at: &Path) -> Option<Self> {
        let expected = "a tag of a role, written role.tag such as incubator.temperature,";
        scalar(reader, node, at, expected, |text| TagRef::try_from(text.to_owned()).ok())
    }
}

macro_rules! read_words {
    ($($name:ident { $($word:literal => $variant:ident),* })*) => {$(
        impl Read for $name {
            fn read(reader: &mut Reader, node: &Node, at: &Path) -> Option<Self> {
                let expected = concat!("one of", $(" `", $word, "`"),*);
                scalar(reader, node, at, expected, |text| match text {
                    $($word => Some($name::$variant),)*
                    _ => None,
                })
            }
        }
    )*};
}
read_words! {
    CleanlinessGrade { "A" => A, "B" => B, "C" => C, "D" => D }
    OnViolation { "deviation" => Deviation, "hold" => Hold }
    EquipmentClass {
        "bioreactor" => Bioreactor,
        "incubator" => Incubator,
        "cell_processor" => CellProcessor,
        "monitor" => Monitor
    }
    SignOff { "none" => None, "performed" => Performed, "verified" => Verified }
}

/// Reads a struct of the model: first the fields it must have, then those that may be left out.
macro_rules! read_fields {
    ($($name:ident { $($required:ident),*; $($optional:ident),* })*) => {$(
        impl Read for $name {
            fn read(reader: &mut Reader, node: &Node, at: &Path) -> Option<Self> {
                let fields = reader.fields(node, at, &[$(stringify!($required),)* $(stringify!($optional),)*])?;
                $(let $required = reader.required(fields, at, stringify!($required));)*
                $(let $optional = reader.optional(fields, at, stringify!($optional));)*
                Some($name { $($required: $required?,)* $($optional,)* })
            }
        }
    )*};
}
read_fields! {
    RecipeBody { form, header, formula, equipment, procedure; }
    Header { id, version, title, tenant, product, product_name, batch_size, suite_grade; viral, shelf_life_d }
    Parameter { id, name, unit, decimals; target, normal, acceptable, on_violation, expression }
    EquipmentRequirement { role, class, name; tags }
    UnitProcedure { id, name, operations; }
    Operation { id, name, phases; }
    RecordItem { parameter; from }
    SetPoint { item, name, to, value, unit; tolerance }
    Watch { item, name, tag, range, for_s; on_violation }
    HoldTime { since, max_s; min_s }
    ChecklistLine { item, text; }
    Bilingual { ja, en; }
    Range { ; low, high }
}

impl Read for Phase {
    fn read(reader: &mut Reader, node: &Node, at: &Path) -> Option<Self> {
        const KNOWN: [&str; 9] =
            ["id", "name", "instruction", "do", "watch", "hold", "sign", "hands_on_min", "unattended_min"];
        let fields = reader.fields(node, at, &KNOWN)?;
        let id = reader.required(fields, at, "id");
        let name = reader.required(fields, at, "name");
        let instruction = reader.required(fields, at, "instruction");
        let kind = reader.required(fields, at, "do");
        let watch = reader.optional(fields, at, "watch");
        let hold = reader.optional(fields, at, "hold");
        let sign = reader.optional(fields, at, "sign");
        let hands_on_min = reader.optional(fields, at, "hands_on_min");
        let unattended_min = reader.optional(fields, at, "unattended_min");
        Some(Phase {
            id: id?,
            name: name?,
            instruction: instruction?,
            kind: kind?,
            watch,
            hold,
            sign,
            hands_on_min,
            unattended_min,
        })
    }
}

/// The kinds of phase by name, each with the fields it has besides `kind`.
const KINDS: [(&str, &[&str]); 8] = [
    ("instruction", &["kind"]),
    ("record", &["kind", "items"]),
    ("calculate", &["kind", "items"]),
    ("set", &["kind", "points"]),
    ("wait", &["kind", "condition", "for_s", "max_s"]),
    ("line_clearance", &["kind", "lines"]),
    ("identity_check", &["kind"]),
    ("yield", &["kind", "items", "calculate"]),
];

impl Read for PhaseKind {
    fn read(reader: &mut Reader, node: &Node, at: &Path) -> Option<Self> {
        let word = node.field_text("kind").unwrap_or_default().to_owned();
        let Some((_, known)) = KINDS.iter().find(|(kind, _)| *kind == word) else {
            let kinds = KINDS.map(|(kind, _)| kind).join(", ");
            if node.field("kind").is_some() {
                reader.say(&at.field("kind"), format!("there is no kind of phase \"{word}\"; known are {kinds}"));
            } else {
                reader.say(at, format!("the field `kind` is missing: it says what is done, one of {kinds}"));
            }
            return None;
        };
        let fields = reader.fields(node, at, known)?;
        match word.as_str() {
            "instruction" => Some(PhaseKind::Instruction),
            "record" => Some(PhaseKind::Record { items: reader.required(fields, at, "items")? }),
            "calculate" => Some(PhaseKind::Calculate { items: reader.required(fields, at, "items")? }),
            "set" => Some(PhaseKind::Set { points: reader.required(fields, at, "points")? }),
            "wait" => {
                let condition = reader.required(fields, at, "condition");
                let for_s = reader.required(fields, at, "for_s");
                let max_s = reader.required(fields, at, "max_s");
                Some(PhaseKind::Wait { condition: condition?, for_s: for_s?, max_s: max_s? })
            }
            "line_clearance" => Some(PhaseKind::LineClearance { lines: reader.required(fields, at, "lines")? }),
            "identity_check" => Some(PhaseKind::IdentityCheck),
            "yield" => {
                let items = reader.required(fields, at, "items");
                let calculate = reader.required(fields, at, "calculate");
                Some(PhaseKind::Yield { items: items?, calculate: calculate? })
            }
            _ => None,
        }
    }
}
