//! What a person at the suite, a signer and an inspector must be able to read: why a batch is held, what is signed, what is
//! waited for, and how far an export is.

use std::sync::Arc;

use axum::http::StatusCode;
use mes_core::{
    access::{Meaning, Subject},
    batch::{BatchEvent, DeviationCause},
    engine::{WriteOutcome, WriteResult},
    historian::SampleValue,
    id::{ItemId, TagId},
    isa88::{Command, PhaseKind, State},
    journal::{EntryId, Owner},
    tenant::Role,
};

use super::{
    fixture::{Story, TestDesk, id, recipe_a},
    tests::{Browser, encoded},
};

const BATCH: &str = "/batches/MSC-2607-01";
const OP: (&str, Role) = ("sato", Role::Op);

fn at(phase: &str) -> Story {
    Story::new("MSC-2607-01", "TEN-A", "SU-1", recipe_a()).up_to(phase)
}

fn hold(text: Option<&str>) -> BatchEvent {
    let text = text.map(str::to_owned);
    BatchEvent::StateChanged { command: Some(Command::Hold), from: State::Running, to: State::Held, row: 6, text }
}

/// Writes every set-point of a phase; the device gives back what it was given, but for one item.
fn written(mut story: Story, phase: &str, lies: &str) -> Story {
    let known = story.batch.issued.recipe.phase(&id(phase)).unwrap().clone();
    let PhaseKind::Set { points } = known.kind else { panic!("{phase} sets nothing") };
    for (number, point) in (900..).zip(points) {
        let tag = TagId::new(story.batch.issued.equipment[&point.to.role].id.clone(), point.to.tag.clone());
        let value = SampleValue::Real(point.value.to_string().parse().unwrap());
        let asked = BatchEvent::WriteRequested {
            phase: id(phase),
            item: point.item.clone(),
            tag: tag.clone(),
            value: value.clone(),
            tolerance: point.tolerance,
        };
        story.then(asked, OP);
        let effect = story.batch.phases[&id(phase)].writes[&point.item].effect.clone();
        assert_ne!(effect, EntryId { owner: Owner::Facility, seq: number });
        let lied = point.item == id::<ItemId>(lies);
        let outcome = WriteOutcome {
            effect: effect.clone(),
            tag,
            result: if lied { WriteResult::NotConfirmed } else { WriteResult::Confirmed },
            before: None,
            read_back: Some(if lied { SampleValue::Real(0.0) } else { value }),
            at: story.batch.issued_at,
        };
        let item = point.item.clone();
        story.then(BatchEvent::WriteResolved { phase: id(phase), item, effect, outcome }, OP);
    }
    story
}

#[tokio::test]
async fn what_is_signed_shows_each_set_point_with_its_read_back_unit_and_outcome_p11_19() {
    let recipe = recipe_a();
    let Some(PhaseKind::Set { points }) = recipe.phase(&id("P070")).map(|phase| &phase.kind) else { panic!("no set") };
    let run = points.iter().find(|point| point.to.tag.as_str() == "run_command").unwrap().item.to_string();
    let story = written(at("P070"), "P070", &run);
    let desk = TestDesk::new(&[&story]);
    let path = format!("{BATCH}/sign?{}", encoded(&Subject::Phase(id("P070")), Meaning::Performed));
    let japanese = Browser::of(Arc::clone(&desk), "sato", "ja").await.get(&path).await.body;
    for said in [
        "要求値 37.0 °C",
        "読み戻し 37.0 °C",
        "要求値 運転(1)",
        "読み戻し 停止(0)",
        "MSC-2607-01/P070 のハッシュに含まれる",
    ] {
        assert!(japanese.contains(said), "{said}: {japanese}");
    }
    assert_eq!(japanese.matches("class=\"chip normal\"").count(), points.len() - 1);
    assert_eq!(japanese.matches("class=\"chip alarm\"").count(), 1, "what the device did not confirm stands out");
    let english = Browser::of(desk, "sato", "en").await.get(&path).await.body;
    for said in ["Requested Run (1)", "read back Stop (0)", "Read-back does not agree"] {
        assert!(english.contains(said), "{said}");
    }
}

#[tokio::test]
async fn a_refused_signature_says_so_beside_the_password() {
    let story = written(at("P070"), "P070", "none");
    let mut browser = Browser::of(TestDesk::new(&[&story]), "sato", "en").await;
    let subject = Subject::Phase(id("P070"));
    let page = browser.get(&format!("{BATCH}/sign?{}", encoded(&subject, Meaning::Performed))).await.body;
    let field = |name: &str| {
        let from = page.find(&format!("name=\"{name}\" value=\"")).unwrap() + name.len() + 15;
        page[from..from + page[from..].find('"').unwrap()].to_owned()
    };
    let form = format!(
        "{}&signer=sato&password=wrong&statement={}&shown_at={}&signature=SIG-9",
        encoded(&subject, Meaning::Performed),
        field("statement"),
        field("shown_at").replace(':', "%3A"),
    );
    let answer = browser.post(&format!("{BATCH}/sign"), &form).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    let (said, password) =
        (answer.body.find("User id or password is wrong").unwrap(), answer.body.find("type=\"password\""));
    assert!(answer.body[said..].len() < 1500 && said < password.unwrap(), "the sentence stands just above the field");
    assert!(!page.contains("autofocus"), "the list is read from its top");
}

#[tokio::test]
async fn a_held_batch_says_why_since_when_by_whom_and_who_may_restart_it() {
    let mut story = at("P030");
    story.then(hold(Some("泡立ち foam")), ("takahashi", Role::Chk));
    let desk = TestDesk::new(&[&story]);
    let operator = Browser::of(Arc::clone(&desk), "sato", "ja").await.get(BATCH).await.body;
    let since = story.batch.held.as_ref().unwrap().since.shown();
    for said in
        ["このバッチは保留中です", "泡立ち foam", "高橋", &since, "製造部門責任者(施設)、品質保証(施設)", "田中"]
    {
        assert!(operator.contains(said), "{said}");
    }
    assert!(
        !operator.contains(&format!("action=\"{BATCH}/restart\"")),
        "an operator may not restart, and is told whom to ask"
    );
    assert!(operator.contains("上の人に依頼"));
    let supervisor = Browser::of(desk, "tanaka", "en").await.get(BATCH).await.body;
    assert!(
        supervisor.contains(&format!("action=\"{BATCH}/restart\""))
            && supervisor.contains("Quality assurance (Facility)")
    );
}

#[tokio::test]
async fn a_wrong_identity_code_is_shown_with_the_right_one_and_its_deviation() {
    let mut story = at("P020");
    let cause = DeviationCause::Identity { read: "COI-OTHER".into() };
    let opened = BatchEvent::DeviationOpened {
        deviation: id("DEV-7"),
        phase: Some(id("P020")),
        item: Some(id("identity")),
        cause,
        text: None,
    };
    story.then(opened, OP).and(hold(None), OP);
    let body = Browser::of(TestDesk::new(&[&story]), "sato", "en").await.get(BATCH).await.body;
    for said in ["not this batch’s", "COI-OTHER", "COI-MSC-2607-01", "deviations#DEV-7", "the system"] {
        assert!(body.contains(said), "{said}");
    }
}

#[tokio::test]
async fn a_condition_is_said_in_words_with_its_values_beside_it_and_the_expression_only_as_a_detail() {
    let story = at("P100");
    let desk = TestDesk::new(&[&story]);
    let japanese = Browser::of(Arc::clone(&desk), "sato", "ja").await.get(BATCH).await.body;
    for said in
        ["生細胞密度が 0.22 ×10⁶/mL 以上", "グルコースが 4.5 mmol/L 未満", "いずれか一つ", "data-tag=\"BR-01/glucose\""]
    {
        assert!(japanese.contains(said), "{said}");
    }
    let english = Browser::of(Arc::clone(&desk), "sato", "en").await.get(&format!("{BATCH}?phase=P050")).await.body;
    for said in ["Temperature within 36.5 – 37.5 °C", "all of these at once", "must hold without a break for 10 min"]
    {
        assert!(english.contains(said), "{said}");
    }
    assert_eq!(english.matches("incubator.temperature").count(), 2, "the expression stands in its detail alone");
    let recipe = Browser::of(desk, "tanaka", "ja").await.get("/recipes/MBR-MSC-001-S/1").await.body;
    assert!(recipe.contains("温度が 36.5 – 37.5 °C の範囲、かつCO₂濃度が 4.5 – 5.5 % の範囲"), "{recipe}");
    assert!(!recipe.contains("incubator.temperature"));
}

#[tokio::test]
async fn an_export_says_how_far_it_is_and_gives_its_file_to_whoever_asked_for_it_alone() {
    let desk = TestDesk::new(&[&at("P030")]);
    let mut browser = Browser::of(Arc::clone(&desk), "tanaka", "en").await;
    let begun = browser.post(&format!("{BATCH}/package"), "").await;
    assert_eq!(begun.status, StatusCode::SEE_OTHER);
    let page = begun.location.trim_end_matches("#export").to_owned();
    let file = loop {
        let body = browser.get(&page).await.body;
        assert!(body.contains("Typesetting the record"));
        if let Some(from) = body.find("/exports/") {
            let rest = &body[from..];
            break format!("{BATCH}{}", &rest[..rest.find('"').unwrap()]);
        }
        tokio::task::yield_now().await;
    };
    let given = browser.get(&file).await;
    assert_eq!((given.status, given.body.as_str()), (StatusCode::OK, "PK"));
    assert!(given.headers["content-disposition"].to_str().unwrap().contains("MSC-2607-01.zip"));
    assert!(
        browser.get(&format!("{BATCH}/record")).await.body.contains("/exports/"),
        "it is found again without its id"
    );
    let mut other = Browser::of(desk, "watanabe", "en").await;
    assert_eq!(other.get(&file).await.status, StatusCode::NOT_FOUND);
    assert!(other.get(&page).await.body.contains("no longer kept"));
}
