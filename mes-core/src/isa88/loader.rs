//! A recipe file becomes a `Recipe<Draft>`, or a list of errors with line, field and a sentence.
//!
//! Three passes, each over the whole file: YAML (`source.rs`), form (`read.rs`), sense (`check.rs`). As many errors as
//! possible come back at once. A draft exists only when there are none, so whatever holds one need not check it again.

use super::{
    check,
    finding::{self, Finding, Path, RecipeErrors},
    read::{Read, Reader},
    recipe::{Draft, Header, Parameter, Recipe, RecipeBody},
    source::{self, Node, Place, SourceError, Value},
};

/// The form that this program reads; the first field of a recipe file.
pub const RECIPE_FORM: &str = "catapult-recipe-1";

/// Loads a recipe from the text of its YAML file.
///
/// # Errors
/// All errors of the file in the order of its lines, each with line, column, the field in words and what is expected.
pub fn load_recipe(text: &str) -> Result<Recipe<Draft>, RecipeErrors> {
    let root = source::read(text)?;
    let mut reader = Reader::default();
    let body = RecipeBody::read(&mut reader, &root, &Path::default());
    let mut findings = reader.findings;
    // Sense is judged as far as the file could be read, so that the person gets both kinds of errors at once.
    findings.extend(match &body {
        Some(body) => check::check(body),
        None => readable_parts(&root),
    });
    match (finding::report(&root, findings), body) {
        (None, Some(body)) => Ok(Recipe::draft(body)),
        (Some(errors), _) => Err(errors),
        (None, None) => {
            Err(SourceError { place: root.place, sentence: "the file could not be read as a recipe".to_owned() }.into())
        }
    }
}

/// The sense of what could be read of a file that could not be read as a whole.
fn readable_parts(root: &Node) -> Vec<Finding> {
    // Its findings are known from the first reading.
    let mut reader = Reader::default();
    let at = Path::default();
    let header = root.field("header").and_then(|node| Header::read(&mut reader, node, &at));
    let formula = match root.field("formula").map(|node| &node.value) {
        Some(Value::List(nodes)) => nodes.as_slice(),
        Some(Value::Empty | Value::Text(_) | Value::Fields(_)) | None => &[],
    };
    let parameters: Vec<(usize, Parameter)> = formula
        .iter()
        .enumerate()
        .filter_map(|(index, node)| Some((index, Parameter::read(&mut reader, node, &at)?)))
        .collect();
    check::check_parts(header, &parameters)
}

impl Recipe<Draft> {
    /// A draft from a body that did not come from a file: a submitted entry, a page. The same checks as for a file.
    ///
    /// # Errors
    /// What does not make sense; line and column are 1, as there is no file.
    pub fn from_body(body: RecipeBody) -> Result<Self, RecipeErrors> {
        let nowhere = Node { place: Place { line: 1, column: 1 }, value: Value::Empty };
        match finding::report(&nowhere, check::check(&body)) {
            None => Ok(Self::draft(body)),
            Some(errors) => Err(errors),
        }
    }
}
