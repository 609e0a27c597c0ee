//! The published JSON Schema against the loader: what one refuses for its form, the other refuses too.
//!
//! The validator here knows only the keywords that the schema uses, and fails on any other.

use std::collections::BTreeSet;

use mes_core::isa88::load_recipe;
use serde_json::{Map, Value, json};

use super::files::shipped;

struct Schema(Value);

impl Schema {
    fn published() -> Self {
        Self(serde_json::from_str(include_str!("../../recipes/recipe.schema.json")).unwrap())
    }

    /// The first thing in `value` that `schema` does not allow.
    fn refuses(&self, schema: &Value, value: &Value) -> Option<String> {
        let schema = schema.as_object().unwrap();
        schema.iter().find_map(|(keyword, rule)| match keyword.as_str() {
            "$schema" | "$id" | "$defs" | "title" | "description" => None,
            "$ref" => self.refuses(self.0.pointer(&rule.as_str().unwrap()[1..]).unwrap(), value),
            "const" => (rule != value).then(|| format!("{value} is not {rule}")),
            "enum" => (!rule.as_array().unwrap().contains(value)).then(|| format!("{value} is none of {rule}")),
            "oneOf" => {
                let fitting =
                    rule.as_array().unwrap().iter().filter(|rule| self.refuses(rule, value).is_none()).count();
                (fitting != 1).then(|| format!("{value} fits {fitting} of the kinds"))
            }
            "anyOf" => {
                let none = rule.as_array().unwrap().iter().all(|rule| self.refuses(rule, value).is_some());
                none.then(|| format!("{value} fits nothing"))
            }
            "type" => {
                let types = rule.as_array().cloned().unwrap_or_else(|| vec![rule.clone()]);
                (!types.iter().any(|name| is_a(value, name.as_str().unwrap())))
                    .then(|| format!("{value} is not {rule}"))
            }
            "properties" => self.properties(rule.as_object().unwrap(), value),
            "required" => rule
                .as_array()
                .unwrap()
                .iter()
                .find_map(|name| value.get(name.as_str().unwrap()).is_none().then(|| format!("{name} is missing"))),
            "additionalProperties" => value.as_object().and_then(|fields| {
                let known = schema["properties"].as_object().unwrap();
                fields.keys().find(|name| !known.contains_key(*name)).map(|name| format!("{name} is unknown"))
            }),
            "items" => value.as_array().and_then(|items| items.iter().find_map(|item| self.refuses(rule, item))),
            "minItems" => value.as_array().and_then(|v| too_few(v.len() as u64, rule)),
            "maxItems" => {
                value.as_array().and_then(|v| (v.len() as u64 > rule.as_u64().unwrap()).then(|| "many".into()))
            }
            "minLength" => value.as_str().and_then(|v| too_few(v.chars().count() as u64, rule)),
            "minimum" => value.as_u64().and_then(|v| too_few(v, rule)),
            "maxLength" | "maximum" | "pattern" => None,
            unknown => panic!("the test does not know the keyword {unknown}"),
        })
    }

    fn properties(&self, rules: &Map<String, Value>, value: &Value) -> Option<String> {
        rules.iter().find_map(|(name, rule)| self.refuses(rule, value.get(name)?).map(|why| format!("{name}: {why}")))
    }
}

fn too_few(count: u64, rule: &Value) -> Option<String> {
    (count < rule.as_u64().unwrap()).then(|| "too few".to_owned())
}

fn is_a(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        unknown => panic!("no type {unknown}"),
    }
}

#[test]
fn the_shipped_recipes_fit_the_schema() {
    let schema = Schema::published();
    for name in ["TEST-3", "MBR-MSC-001-S", "MBR-MSC-002-S"] {
        let recipe = serde_json::to_value(shipped(name)).unwrap();
        assert_eq!(schema.refuses(&schema.0, &recipe), None, "{name}");
    }
}

/// All places in a value that are objects, one per set of fields and kind: `/formula/0`, `/procedure/0/…/do`.
fn objects(value: &Value, at: &str, seen: &mut BTreeSet<String>, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            let shape: Vec<&str> = fields.keys().map(String::as_str).collect();
            let parent = at.rsplit('/').find(|part| part.parse::<usize>().is_err()).unwrap_or_default();
            if seen.insert(format!("{parent} {} {}", fields.get("kind").unwrap_or(&json!("")), shape.join(" "))) {
                found.push(at.to_owned());
            }
            fields.iter().for_each(|(name, value)| objects(value, &format!("{at}/{name}"), seen, found));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(i, value)| objects(value, &format!("{at}/{i}"), seen, found));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Whether the loader finds fault with the form: a field missing or unknown. Faults of sense do not count here.
fn loader_faults_form(recipe: &Value) -> bool {
    let text = serde_json::to_string_pretty(recipe).unwrap();
    load_recipe(&text).err().is_some_and(|errors| {
        errors.all().iter().any(|error| error.sentence.contains("is missing") || error.sentence.contains("no field"))
    })
}

#[test]
fn schema_and_loader_know_the_same_fields_and_demand_the_same_ones() {
    let schema = Schema::published();
    let recipe = serde_json::to_value(shipped("MBR-MSC-001-S")).unwrap();
    let mut found = Vec::new();
    objects(&recipe, "", &mut BTreeSet::new(), &mut found);
    let mut tried = 0;
    for at in found {
        let names: Vec<String> = recipe.pointer(&at).unwrap().as_object().unwrap().keys().cloned().collect();
        for name in names {
            let mut changed = recipe.clone();
            changed.pointer_mut(&at).unwrap().as_object_mut().unwrap().remove(&name);
            let refused = schema.refuses(&schema.0, &changed);
            assert_eq!(loader_faults_form(&changed), refused.is_some(), "without {at}/{name}: {refused:?}");
            tried += 1;
        }
        let mut changed = recipe.clone();
        changed.pointer_mut(&at).unwrap().as_object_mut().unwrap().insert("zzz".into(), json!("1"));
        assert!(loader_faults_form(&changed) && schema.refuses(&schema.0, &changed).is_some(), "{at}/zzz");
    }
    assert!(tried > 80, "only {tried} fields tried");
}
