//! The text of a recipe as a tree in which every value knows its line and column.
//!
//! It knows YAML and nothing of recipes. A scalar keeps its characters (`37.0` stays `37.0`), because a record prints what
//! was written. What makes a file hard to read or to diff is refused: anchors and aliases, tags, several documents in a file.

use serde_saphyr::granit_parser::{Event, Parser, ScalarStyle, Span};

/// Longest recipe file, in bytes.
pub(crate) const RECIPE_BYTES_MAX: usize = 1_000_000;
/// Deepest nesting of lists and fields; the model needs 9.
pub(crate) const DEPTH_MAX: usize = 16;

/// A place in the file, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// One value of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) value: Value,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    /// Nothing is written, or `null`.
    Empty,
    /// A text or a number; which of the two is the reader's question.
    Text(String),
    List(Vec<Node>),
    /// Fields in the order of the file; a repeated name stays in, for the reader to name it.
    Fields(Vec<Field>),
}

/// One `name: value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) place: Place,
    pub(crate) node: Node,
}

/// Why a text is not a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SourceError {
    pub(crate) place: Place,
    pub(crate) sentence: String,
}

impl Node {
    /// The value of a field.
    pub(crate) fn field(&self, name: &str) -> Option<&Node> {
        match &self.value {
            Value::Fields(fields) => fields.iter().find(|field| field.name == name).map(|field| &field.node),
            Value::Empty | Value::Text(_) | Value::List(_) => None,
        }
    }
    /// The text of a field.
    pub(crate) fn field_text(&self, name: &str) -> Option<&str> {
        match &self.field(name)?.value {
            Value::Text(text) => Some(text),
            Value::Empty | Value::List(_) | Value::Fields(_) => None,
        }
    }
}

/// An open list or an open set of fields.
enum Open {
    List(Place, Vec<Node>),
    Fields(Place, Vec<Field>, Option<(String, Place)>),
}

/// Reads a text into its tree.
pub(crate) fn read(text: &str) -> Result<Node, SourceError> {
    let start = Place { line: 1, column: 1 };
    if text.len() > RECIPE_BYTES_MAX {
        let sentence = format!(
            "the file has {} bytes; a recipe has at most {RECIPE_BYTES_MAX}: is it the right file?",
            text.len()
        );
        return Err(SourceError { place: start, sentence });
    }
    let mut open: Vec<Open> = Vec::new();
    let mut root: Option<Node> = None;
    let mut documents = 0usize;
    for item in Parser::new_from_str(text) {
        let (event, span) = item.map_err(|error| SourceError {
            place: Place { line: error.marker().line(), column: error.marker().col().saturating_add(1) },
            sentence: format!("the file is not readable YAML here: {}. {SYNTAX_HINT}", error.info()),
        })?;
        let place = place_of(&span);
        refuse_unreadable(&event, place)?;
        let done = match event {
            Event::DocumentStart(..) => {
                documents = documents.saturating_add(1);
                if documents > 1 {
                    let sentence = "a second document starts here (`---`); a file holds one recipe".to_owned();
                    return Err(SourceError { place, sentence });
                }
                None
            }
            Event::SequenceStart(..) => {
                open.push(Open::List(place, Vec::new()));
                None
            }
            Event::MappingStart(..) => {
                open.push(Open::Fields(place, Vec::new(), None));
                None
            }
            Event::SequenceEnd | Event::MappingEnd => open.pop().map(close),
            Event::Scalar(text, style, ..) => {
                let empty = style == ScalarStyle::Plain && matches!(&*text, "" | "~" | "null");
                Some(Node { place, value: if empty { Value::Empty } else { Value::Text(text.into_owned()) } })
            }
            // Comments, ends and starts carry no value; anchors and aliases were refused above.
            _ => None,
        };
        if open.len() > DEPTH_MAX {
            return Err(SourceError { place, sentence: format!("nested more than {DEPTH_MAX} levels deep") });
        }
        if let Some(node) = done {
            attach(&mut open, &mut root, node)?;
        }
    }
    root.filter(|node| node.value != Value::Empty)
        .ok_or_else(|| SourceError { place: start, sentence: "the file is empty; a recipe is expected".to_owned() })
}

const SYNTAX_HINT: &str = "Check the indentation (spaces, never tabs), the colon after the field name, and that quotes and brackets are closed";

fn place_of(span: &Span) -> Place {
    Place { line: span.start.line(), column: span.start.col().saturating_add(1) }
}

/// Anchors, aliases and tags: legal YAML that hides what a recipe says.
fn refuse_unreadable(event: &Event<'_>, place: Place) -> Result<(), SourceError> {
    let (anchor, tag) = match event {
        Event::Scalar(_, _, anchor, tag) => (*anchor, tag.is_some()),
        Event::SequenceStart(_, anchor, tag) | Event::MappingStart(_, anchor, tag) => (*anchor, tag.is_some()),
        Event::Alias(_) | Event::UnresolvedAlias(_) => (1, false),
        _ => (0, false),
    };
    let sentence = if anchor != 0 {
        "a recipe is written out in full: YAML anchors (`&name`) and references to them (`*name`) are not accepted; \
         put text that starts with & or * in quotes"
    } else if tag {
        "YAML tags (`!name`) are not accepted; put text that starts with ! in quotes"
    } else {
        return Ok(());
    };
    Err(SourceError { place, sentence: sentence.to_owned() })
}

fn close(open: Open) -> Node {
    match open {
        Open::List(place, nodes) => Node { place, value: Value::List(nodes) },
        Open::Fields(place, fields, _) => Node { place, value: Value::Fields(fields) },
    }
}

/// Puts a finished value where it belongs: into the open list, as a field's name or value, or at the root.
fn attach(open: &mut [Open], root: &mut Option<Node>, node: Node) -> Result<(), SourceError> {
    match open.last_mut() {
        None => *root = Some(node),
        Some(Open::List(_, nodes)) => nodes.push(node),
        Some(Open::Fields(_, fields, name)) => match name.take() {
            Some((name, place)) => fields.push(Field { name, place, node }),
            None => match node.value {
                Value::Text(text) => *name = Some((text, node.place)),
                Value::Empty | Value::List(_) | Value::Fields(_) => {
                    let sentence = "a field name is expected here, a plain word".to_owned();
                    return Err(SourceError { place: node.place, sentence });
                }
            },
        },
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_value_knows_its_place_and_keeps_its_digits() {
        let tree = read("a: 37.0\nb:\n  - x: \"1\"\n  -\n").unwrap();
        assert_eq!(tree.field_text("a"), Some("37.0"));
        assert_eq!(tree.field("a").unwrap().place, Place { line: 1, column: 4 });
        let Value::List(items) = &tree.field("b").unwrap().value else { panic!("a list") };
        assert_eq!(items[0].field("x").unwrap().place, Place { line: 3, column: 8 });
        assert_eq!(items[1].value, Value::Empty);
    }

    #[test]
    fn what_hides_the_meaning_is_refused_with_its_place() {
        for (text, line, words) in [
            ("a: &x 1\nb: *x\n", 1, "written out in full"),
            ("a: !!str 1\n", 1, "tags"),
            ("a: 1\n---\nb: 2\n", 2, "second document"),
            ("a:\n\tb: 1\n", 2, "not readable YAML"),
            ("? [a]\n: 1\n", 1, "field name is expected"),
            ("", 1, "empty"),
            ("# only a comment\n", 1, "empty"),
            (&format!("{}{}", "[".repeat(40), "]".repeat(40)), 1, "levels deep"),
            (&"x".repeat(RECIPE_BYTES_MAX + 1), 1, "bytes"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.sentence.contains(words), "{text:.40}: {error:?}");
            assert_eq!(error.place.line, line, "{text:.40}: {error:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn reading_never_panics(text in "[ \\-:a-c\\[\\]{}'\"&*!|>#?,\n\t\u{3042}]{0,200}") {
            let _ = read(&text);
        }
    }
}
