//! Whether a recipe makes sense: names, references, ranges, order. Each finding is a sentence for a process scientist.
//!
//! It sees the model only, so that a recipe gets the same judgement whether it came from a file or from a page. What a
//! single phase contains is judged in `check_phase.rs`, units in `unit.rs`, expressions in `expression.rs`.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;

use super::{
    check_phase,
    expression::{self, Expression, Kind},
    finding::{Finding, Path},
    loader::RECIPE_FORM,
    recipe::{EquipmentRequirement, Header, Parameter, PhaseKind, RecipeBody},
    unit,
};
use crate::{
    id::{EquipmentRole, ItemId, PhaseId},
    quantity::{Bilingual, Range},
};

/// Most decimals of a parameter.
pub(crate) const DECIMALS_MAX: u32 = 6;
/// Most elements of any list in a recipe.
pub(crate) const LIST_MAX: usize = 300;
/// Longest text in characters.
pub(crate) const TEXT_CHARS_MAX: usize = 2_000;
/// Longest time in a recipe, in seconds: 100 days.
pub(crate) const TIME_S_MAX: u32 = 8_640_000;

/// What has been gathered while a recipe is checked from top to bottom.
pub(crate) struct Checker<'r> {
    pub(crate) body: &'r RecipeBody,
    pub(crate) roles: BTreeMap<&'r EquipmentRole, &'r EquipmentRequirement>,
    /// The phase in which each parameter gets its value.
    pub(crate) valued_in: BTreeMap<&'r ItemId, &'r PhaseId>,
    /// Parameters that stand for their target.
    pub(crate) constants: BTreeSet<&'r ItemId>,
    /// Phases seen so far.
    pub(crate) earlier: Vec<&'r PhaseId>,
    pub(crate) findings: Vec<Finding>,
}

/// Everything in `body` that does not make sense.
pub(crate) fn check(body: &RecipeBody) -> Vec<Finding> {
    let mut checker = Checker::new(body);
    let root = Path::default();
    checker.header(&root);
    checker.formula(&root.field("formula"));
    checker.equipment(&root.field("equipment"));
    checker.procedure(&root.field("procedure"));
    checker.unused(&root.field("formula"));
    checker.findings
}

/// What does not make sense in a header and single parameters, when the rest of the file could not be read.
pub(crate) fn check_parts(header: Option<Header>, parameters: &[(usize, Parameter)]) -> Vec<Finding> {
    let root = Path::default();
    let mut findings = Vec::new();
    if let Some(header) = header {
        let form = RECIPE_FORM.to_owned();
        let body = RecipeBody { form, header, formula: vec![], equipment: vec![], procedure: vec![] };
        let mut checker = Checker::new(&body);
        checker.header(&root);
        for (index, parameter) in parameters {
            checker.parameter(&root.field("formula").index(*index), parameter);
        }
        findings = checker.findings;
    }
    findings
}

impl<'r> Checker<'r> {
    fn new(body: &'r RecipeBody) -> Self {
        Self {
            body,
            roles: body.equipment.iter().map(|requirement| (&requirement.role, requirement)).collect(),
            valued_in: BTreeMap::new(),
            constants: constants(body),
            earlier: Vec::new(),
            findings: Vec::new(),
        }
    }

    pub(crate) fn say(&mut self, at: &Path, sentence: impl Into<String>) {
        self.findings.push(Finding { at: at.clone(), place: None, sentence: sentence.into() });
    }

    /// A list must not be too long, and where something has to be in it, not empty.
    pub(crate) fn length(&mut self, at: &Path, length: usize, empty: Option<&str>) {
        if length > LIST_MAX {
            self.say(at, format!("has {length} elements; at most {LIST_MAX} are accepted"));
        }
        if let (0, Some(sentence)) = (length, empty) {
            self.say(at, sentence);
        }
    }

    /// Names in a list must differ. `what` is the kind of thing, e.g. "parameter".
    pub(crate) fn unique<T: Ord + ToString>(&mut self, what: &str, names: Vec<(Path, T)>) {
        let mut seen = BTreeMap::new();
        for (at, name) in names {
            let text = name.to_string();
            if seen.insert(name, ()).is_some() {
                self.say(&at, format!("there is already another {what} called `{text}`; names must differ"));
            }
        }
    }

    pub(crate) fn text(&mut self, at: &Path, text: &Bilingual) {
        for (language, text) in [("ja", &text.ja), ("en", &text.en)] {
            if text.trim().is_empty() {
                self.say(&at.field(language), "a text is expected here, but it is empty");
            }
            let length = text.chars().count();
            if length > TEXT_CHARS_MAX {
                self.say(&at.field(language), format!("the text has {length} characters; at most {TEXT_CHARS_MAX}"));
            }
        }
    }

    pub(crate) fn time_s(&mut self, at: &Path, value: u32) {
        if value > TIME_S_MAX {
            self.say(at, format!("{value} s is more than 100 days ({TIME_S_MAX} s); times are in seconds"));
        }
    }

    fn header(&mut self, root: &Path) {
        let body = self.body;
        let (header, at) = (&body.header, root.field("header"));
        if body.form != RECIPE_FORM {
            self.say(
                &root.field("form"),
                format!("this program reads the form `{RECIPE_FORM}`, but the file says `{}`", body.form),
            );
        }
        if header.version == 0 {
            self.say(&at.field("version"), "versions count from 1");
        }
        if header.shelf_life_d == Some(0) {
            self.say(&at.field("shelf_life_d"), "0 days means expired at once; leave the field out when there is none");
        }
        self.text(&at.field("title"), &header.title);
        self.text(&at.field("product_name"), &header.product_name);
        self.text(&at.field("batch_size"), &header.batch_size);
    }

    fn formula(&mut self, at: &Path) {
        let body = self.body;
        self.length(at, body.formula.len(), None);
        let names = body.formula.iter().enumerate().map(|(i, p)| (at.index(i), &p.id)).collect();
        self.unique("parameter", names);
        for (index, parameter) in body.formula.iter().enumerate() {
            let at = at.index(index);
            self.parameter(&at, parameter);
            if let Some(text) = &parameter.expression {
                self.calculation(&at.field("expression"), parameter, text);
            }
        }
        self.circles(at);
    }

    /// What can be said of a parameter alone.
    fn parameter(&mut self, at: &Path, parameter: &Parameter) {
        self.text(&at.field("name"), &parameter.name);
        if let Err(sentence) = unit::check(&parameter.unit) {
            self.say(&at.field("unit"), sentence);
        }
        self.limits(at, parameter);
        if !expression::is_name(parameter.id.as_str()) {
            let id = &parameter.id;
            let sentence = format!(
                "`{id}` cannot be a parameter: expressions call it by this name, so use letters, digits and `_`, \
                 starting with a letter, and no word that expressions use themselves"
            );
            self.say(&at.field("id"), sentence);
        }
    }

    fn calculation(&mut self, at: &Path, parameter: &Parameter, text: &str) {
        let expression = match Expression::parse(text) {
            Ok(expression) => expression,
            Err(error) => return self.say(at, error.to_string()),
        };
        if expression.kind() != Kind::Number {
            self.say(at, "is true or false; a calculation gives a number");
        }
        for tag in expression.tags() {
            let tag = String::from(tag.clone());
            self.say(at, format!("names the tag `{tag}`; a calculation uses parameters: record the tag as one first"));
        }
        for name in expression.parameters() {
            if *name == parameter.id {
                self.say(at, format!("`{name}` is calculated from itself"));
            } else if self.body.parameter(name).is_none() {
                self.say(at, format!("there is no parameter `{name}` in the formula"));
            }
        }
    }

    /// Parameters that are calculated from each other in a circle of two or more; each circle is told once.
    fn circles(&mut self, at: &Path) {
        let needs: BTreeMap<ItemId, BTreeSet<ItemId>> = self
            .body
            .formula
            .iter()
            .filter_map(|parameter| {
                let expression = Expression::parse(parameter.expression.as_deref()?).ok()?;
                Some((parameter.id.clone(), expression.parameters().clone()))
            })
            .collect();
        let reach: BTreeMap<&ItemId, BTreeSet<&ItemId>> = needs.keys().map(|id| (id, reached(&needs, id))).collect();
        let mut told: BTreeSet<&ItemId> = BTreeSet::new();
        for (index, parameter) in self.body.formula.iter().enumerate() {
            let Some((id, reached)) = reach.get_key_value(&parameter.id) else { continue };
            if !reached.contains(id) || told.contains(id) {
                continue;
            }
            let others: Vec<&ItemId> = reached
                .iter()
                .copied()
                .filter(|other| other != id && reach.get(*other).is_some_and(|back| back.contains(id)))
                .collect();
            told.extend(others.iter().copied());
            if !others.is_empty() {
                let names = others.iter().map(|other| format!("`{other}`")).collect::<Vec<_>>().join(", ");
                let sentence = format!("`{id}` and {names} are calculated from each other, in a circle");
                self.say(&at.index(index).field("expression"), sentence);
            }
        }
    }

    /// Target in normal in acceptable, none with more decimals than the value itself.
    fn limits(&mut self, at: &Path, parameter: &Parameter) {
        let Parameter { normal, acceptable, target, decimals, .. } = parameter;
        if *decimals > DECIMALS_MAX {
            self.say(&at.field("decimals"), format!("at most {DECIMALS_MAX} decimals are recorded, not {decimals}"));
        }
        self.range(&at.field("normal"), normal);
        self.range(&at.field("acceptable"), acceptable);
        if !within(normal, acceptable) && (normal.low.is_some() || normal.high.is_some()) {
            let (inner, outer) = (normal.shown(), acceptable.shown());
            self.say(&at.field("normal"), format!("normal range {inner} must lie inside acceptable {outer}"));
        }
        if let Some(target) = target {
            for (range, name) in [(normal, "normal"), (acceptable, "acceptable")] {
                if !range.contains(*target) {
                    let shown = range.shown();
                    self.say(&at.field("target"), format!("target {target} lies outside of the {name} range {shown}"));
                }
            }
        }
        let ends = [
            ("target", *target),
            ("normal", normal.low),
            ("normal", normal.high),
            ("acceptable", acceptable.low),
            ("acceptable", acceptable.high),
        ];
        for (field, value) in ends {
            if value.is_some_and(|value| value.normalize().scale() > *decimals) {
                let value = value.unwrap_or(Decimal::ZERO);
                self.say(
                    &at.field(field),
                    format!("{value} has more decimals than are recorded ({decimals}); no value could meet it exactly"),
                );
            }
        }
    }

    pub(crate) fn range(&mut self, at: &Path, range: &Range) {
        if let (Some(low), Some(high)) = (range.low, range.high)
            && low > high
        {
            self.say(at, format!("the low end {low} is above the high end {high}"));
        }
    }

    fn equipment(&mut self, at: &Path) {
        let body = self.body;
        self.length(at, body.equipment.len(), None);
        let names = body.equipment.iter().enumerate().map(|(i, r)| (at.index(i), &r.role)).collect();
        self.unique("equipment role", names);
        for (index, requirement) in body.equipment.iter().enumerate() {
            let at = at.index(index);
            self.text(&at.field("name"), &requirement.name);
            self.length(&at.field("tags"), requirement.tags.len(), None);
            if requirement.role.as_str().contains('.') {
                self.say(&at.field("role"), NAME_RULE);
            }
            let tags = at.field("tags");
            let names = requirement.tags.iter().enumerate().map(|(i, tag)| (tags.index(i), tag)).collect();
            self.unique("tag", names);
            for (index, tag) in requirement.tags.iter().enumerate() {
                if tag.as_str().contains('.') {
                    self.say(&tags.index(index), NAME_RULE);
                }
            }
        }
    }

    fn procedure(&mut self, at: &Path) {
        let body = self.body;
        self.length(at, body.procedure.len(), Some("a recipe needs at least one unit procedure"));
        let mut names = Vec::new();
        for (index, unit) in body.procedure.iter().enumerate() {
            let at = at.index(index);
            names.push((at.clone(), &unit.id));
            self.text(&at.field("name"), &unit.name);
            let at = at.field("operations");
            self.length(&at, unit.operations.len(), Some("a unit procedure needs at least one operation"));
            for (index, operation) in unit.operations.iter().enumerate() {
                let at = at.index(index);
                names.push((at.clone(), &operation.id));
                self.text(&at.field("name"), &operation.name);
                let at = at.field("phases");
                self.length(&at, operation.phases.len(), Some("an operation needs at least one phase"));
                for (index, phase) in operation.phases.iter().enumerate() {
                    let at = at.index(index);
                    names.push((at.clone(), &phase.id));
                    check_phase::check(self, &at, phase);
                    self.earlier.push(&phase.id);
                }
            }
        }
        self.unique("unit procedure, operation or phase", names);
    }

    /// A parameter that no phase records or calculates is a slip of the pen, unless it is a constant: it has a target, and
    /// a calculation uses it.
    fn unused(&mut self, at: &Path) {
        for (index, parameter) in self.body.formula.iter().enumerate() {
            if self.valued_in.contains_key(&parameter.id) || self.constants.contains(&parameter.id) {
                continue;
            }
            let verb = if parameter.expression.is_some() { "calculated" } else { "recorded" };
            self.say(&at.index(index), format!("is never {verb}: no phase names it"));
        }
    }
}

/// All parameters that go into `from`, near and far.
fn reached<'n>(needs: &'n BTreeMap<ItemId, BTreeSet<ItemId>>, from: &ItemId) -> BTreeSet<&'n ItemId> {
    let mut found = BTreeSet::new();
    let mut open: Vec<&ItemId> = needs.get(from).into_iter().flatten().collect();
    while let Some(next) = open.pop() {
        if found.insert(next) {
            open.extend(needs.get(next).into_iter().flatten());
        }
    }
    found
}

/// Parameters that stand for their target: never recorded, but used by a calculation.
fn constants(body: &RecipeBody) -> BTreeSet<&ItemId> {
    let recorded: BTreeSet<&ItemId> = body
        .phases()
        .filter_map(|phase| match &phase.kind {
            PhaseKind::Record { items } | PhaseKind::Yield { items, .. } => Some(items),
            PhaseKind::Instruction
            | PhaseKind::Calculate { .. }
            | PhaseKind::Set { .. }
            | PhaseKind::Wait { .. }
            | PhaseKind::LineClearance { .. }
            | PhaseKind::IdentityCheck => None,
        })
        .flatten()
        .map(|item| &item.parameter)
        .collect();
    let expressions = body.formula.iter().filter_map(|parameter| parameter.expression.as_deref());
    let used: BTreeSet<ItemId> =
        expressions.filter_map(|text| Expression::parse(text).ok()).flat_map(|e| e.parameters().clone()).collect();
    body.formula
        .iter()
        .filter(|parameter| parameter.target.is_some() && parameter.expression.is_none())
        .map(|parameter| &parameter.id)
        .filter(|id| !recorded.contains(id) && used.contains(*id))
        .collect()
}

const NAME_RULE: &str = "roles and tags are written without a point, which stands between role and tag";

fn within(inner: &Range, outer: &Range) -> bool {
    outer.low.is_none_or(|low| inner.low.is_some_and(|inner| inner >= low))
        && outer.high.is_none_or(|high| inner.high.is_some_and(|inner| inner <= high))
}
