//! What is wrong in a recipe, where, and in which words a person reads it.
//!
//! A check names a path in the model; only here does a path become a line of the file and words such as
//! "phase `P030` › watch `temperature`". Nothing here decides what is wrong.

use std::fmt;

use super::source::{Node, Place, SourceError, Value};

/// One step from the root of a recipe to a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Field(&'static str),
    Index(usize),
}

/// The way from the root of a recipe to a value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Path(Vec<Step>);

impl Path {
    /// This path, one field further.
    #[must_use]
    pub(crate) fn field(&self, name: &'static str) -> Self {
        self.join(Step::Field(name))
    }
    /// This path, one element further.
    #[must_use]
    pub(crate) fn index(&self, index: usize) -> Self {
        self.join(Step::Index(index))
    }
    fn join(&self, step: Step) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }
}

/// Something wrong at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) at: Path,
    /// A better place than the value's own, when there is one (an unknown field's name).
    pub(crate) place: Option<Place>,
    pub(crate) sentence: String,
}

/// One error of a recipe file: where it is, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecipeError {
    /// Line of the file, from 1.
    pub line: usize,
    /// Column of the line in characters, from 1.
    pub column: usize,
    /// The field in words, e.g. "parameter `viability` › normal"; empty when it is the whole file.
    pub field: String,
    /// What is wrong and what is expected, without the place.
    pub sentence: String,
}

impl fmt::Display for RecipeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, column, field, sentence } = self;
        write!(f, "line {line}, column {column}: ")?;
        if field.is_empty() { write!(f, "{sentence}") } else { write!(f, "{field}: {sentence}") }
    }
}

/// Everything that is wrong in a recipe file, in the order of its lines; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecipeErrors(Vec<RecipeError>);

impl RecipeErrors {
    /// The errors in the order of the file.
    pub fn all(&self) -> &[RecipeError] {
        &self.0
    }
}

impl fmt::Display for RecipeErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for RecipeErrors {}

impl From<SourceError> for RecipeErrors {
    fn from(error: SourceError) -> Self {
        let Place { line, column } = error.place;
        Self(vec![RecipeError { line, column, field: String::new(), sentence: error.sentence }])
    }
}

/// Gives every finding its line and its words; `None` when there is nothing to say.
pub(crate) fn report(root: &Node, findings: Vec<Finding>) -> Option<RecipeErrors> {
    let mut errors: Vec<RecipeError> = findings
        .into_iter()
        .map(|finding| {
            let (place, field) = locate(root, &finding.at);
            let Place { line, column } = finding.place.unwrap_or(place);
            RecipeError { line, column, field, sentence: finding.sentence }
        })
        .collect();
    errors.sort();
    errors.dedup();
    if errors.is_empty() { None } else { Some(RecipeErrors(errors)) }
}

/// What one element of a list is called.
fn element_name(list: &str) -> &'static str {
    match list {
        "formula" => "parameter",
        "equipment" => "equipment",
        "procedure" => "unit procedure",
        "operations" => "operation",
        "phases" => "phase",
        "watch" => "watch",
        "points" => "set-point",
        "lines" => "checklist line",
        "tags" => "tag",
        _ => "item",
    }
}

/// The place of the deepest value on the path that exists, and the path in words.
fn locate(root: &Node, path: &Path) -> (Place, String) {
    let mut node = Some(root);
    let mut place = root.place;
    let mut words: Vec<String> = Vec::new();
    let mut list = "";
    for step in &path.0 {
        match step {
            Step::Field(name) => {
                node = node.and_then(|node| node.field(name));
                words.push((*name).to_owned());
                list = name;
            }
            Step::Index(index) => {
                node = node.and_then(|node| match &node.value {
                    Value::List(nodes) => nodes.get(*index),
                    Value::Empty | Value::Text(_) | Value::Fields(_) => None,
                });
                let id = node.and_then(|node| {
                    ["id", "role", "item", "parameter"].iter().find_map(|name| node.field_text(name)).or(
                        match &node.value {
                            Value::Text(text) => Some(text.as_str()),
                            Value::Empty | Value::List(_) | Value::Fields(_) => None,
                        },
                    )
                });
                let kind = element_name(list);
                let number = index.saturating_add(1);
                words.pop();
                words.push(id.map_or_else(|| format!("{kind} number {number}"), |id| format!("{kind} `{id}`")));
            }
        }
        place = node.map_or(place, |node| node.place);
    }
    // A phase's name is unique in the recipe: what stands above it and the word `do` add nothing.
    let from = words.iter().rposition(|word| word.starts_with("phase ")).unwrap_or(0);
    let kept: Vec<&str> = words.iter().skip(from).map(String::as_str).filter(|word| *word != "do").collect();
    (place, kept.join(" › "))
}
