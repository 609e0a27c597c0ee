//! The recipes that ship with the product: they load, and say what the demo and the tests rely on.

use mes_core::isa88::{PhaseKind, RecipeBody, load_recipe};

/// The text of a shipped recipe.
pub(crate) fn text_of(name: &str) -> String {
    let path = format!("{}/recipes/{name}.yaml", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A shipped recipe, which must load.
pub(crate) fn shipped(name: &str) -> RecipeBody {
    load_recipe(&text_of(name)).unwrap_or_else(|errors| panic!("{name}\n{errors}")).body().clone()
}

#[test]
fn the_three_step_recipe_has_its_three_kinds_of_step() {
    let recipe = shipped("TEST-3");
    let kinds: Vec<&PhaseKind> = recipe.phases().map(|phase| &phase.kind).collect();
    assert!(matches!(kinds[..], [PhaseKind::Instruction, PhaseKind::Record { .. }, PhaseKind::Set { .. }]));
    assert_eq!(recipe.formula[0].target.unwrap().to_string(), "37.0", "digits stay as written");
}

#[test]
fn what_the_loader_reads_is_what_a_replay_reads() {
    for name in ["TEST-3", "MBR-MSC-001-S", "MBR-MSC-002-S"] {
        let body = shipped(name);
        let entry = serde_json::to_value(&body).unwrap();
        assert_eq!(serde_json::from_value::<RecipeBody>(entry).unwrap(), body, "{name}");
    }
}
