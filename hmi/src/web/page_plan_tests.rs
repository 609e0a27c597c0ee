//! The pages of a booking's steps and of the plan, as planner, tenant and quality see them.

use std::sync::Arc;

use axum::http::StatusCode;
use mes_core::{
    booking::{AdoptedPlan, Ask, BookingCommand, BookingEvent, Move, PlanObjective},
    engine::Command,
    journal::Hash,
    quantity::Bilingual,
};

use super::{
    fixture::{PASSWORD, TestDesk, at, id},
    tests::Browser,
};
use crate::planning::Proposal;

const ANSWERS: &str = "separated=satisfied&cabinets=satisfied&vectors=not_applicable&infected=satisfied";

fn field(body: &str, name: &str) -> String {
    let found = body.split(&format!("name=\"{name}\" value=\"")).nth(1).and_then(|rest| rest.split('"').next());
    found.unwrap_or_else(|| panic!("no field {name}")).to_owned()
}

#[tokio::test]
async fn bkg_02_an_assessment_is_frozen_shown_and_signed_with_what_was_shown() {
    let mut browser = Browser::of(TestDesk::new(&[]), "tanaka", "ja").await;
    let page = browser.get("/bookings/BKG-A1").await.body;
    for rule in ["ATMP-01", "ATMP-02", "ATMP-03", "ATMP-04", "同じ時期の他の予約", "BKG-B1"] {
        assert!(page.contains(rule), "{rule}");
    }
    assert!(!page.contains("name=\"password\""), "nothing is signed before it is frozen");
    let against = browser.post("/bookings/BKG-A1/assessment", "acceptable=yes&text=x&separated=not_satisfied").await;
    assert_eq!(against.status, StatusCode::UNPROCESSABLE_ENTITY);
    let frozen = browser.post("/bookings/BKG-A1/assessment", &format!("{ANSWERS}&acceptable=yes&text=closed")).await;
    assert_eq!(frozen.status, StatusCode::OK, "{}", frozen.body);
    let form = format!(
        "{ANSWERS}&acceptable=yes&text=closed&statement={}&shown_at={}&signature={}&password={}",
        field(&frozen.body, "statement"),
        field(&frozen.body, "shown_at"),
        field(&frozen.body, "signature"),
        PASSWORD.replace(' ', "+")
    );
    assert_eq!(browser.post("/bookings/BKG-A1/assess", &form).await.location, "/bookings/BKG-A1");
    let acts = browser.desk.acts.lock().unwrap();
    let Command::Booking { command: BookingCommand::AssessRisk { assessment, text, sign }, .. } =
        &acts.last().unwrap().command
    else {
        panic!()
    };
    assert!(assessment.acceptable && assessment.answers.len() == 4 && text.as_deref() == Some("closed"));
    assert_eq!(sign.statement.to_string(), field(&frozen.body, "statement"));
}

#[tokio::test]
async fn sod_14_a_tenant_sees_the_steps_of_its_own_booking_and_no_neighbour() {
    let mut browser = Browser::of(TestDesk::new(&[]), "aoki", "en").await;
    let page = browser.get("/bookings/BKG-A1").await.body;
    assert!(page.contains("Risk of co-location") && !page.contains("Other bookings at that time"));
    assert!(!page.contains("BKG-B1") && !page.contains("Bayside"), "{page}");
    assert_eq!(browser.get("/bookings/BKG-B1").await.status, StatusCode::NOT_FOUND);
    let missing = browser.get("/bookings/BKG-B9").await;
    assert_eq!(browser.get("/bookings/BKG-B1").await.body, missing.body.replace("BKG-B9", "BKG-B1"));
}

#[tokio::test]
async fn a_quote_that_stands_is_shown_with_its_end_and_can_be_requested() {
    let mut browser = Browser::of(TestDesk::new(&[]), "aoki", "ja").await;
    let page = browser.get("/bookings").await.body;
    assert!(page.contains("2026-07-02 15:00") && page.contains("まで有効") && page.contains("7日ごと"), "{page}");
    let form = "booking=BKG-Q1&offer=0&regime=asrm&infection=unknown&open_handling=yes&patient_date=2026-07-20&text=x";
    assert_eq!(browser.post("/bookings/request", form).await.location, "/bookings/BKG-Q1");
    let acts = browser.desk.acts.lock().unwrap();
    let Command::Booking { command: BookingCommand::Request { offer: 0, stated, .. }, .. } =
        &acts.last().unwrap().command
    else {
        panic!()
    };
    assert!(stated.open_handling && stated.patient_date == Some(at("2026-07-19T15:00:00.000Z")));
}

/// A desk whose planner has found a plan that moves tenant A's booking.
fn with_proposal() -> Arc<TestDesk> {
    proposing(Vec::new())
}

fn proposing(asks: Vec<Ask>) -> Arc<TestDesk> {
    let mut desk = TestDesk::new(&[]);
    let window = desk.view.bookings[&id::<mes_core::id::BookingId>("BKG-A2")].window.clone();
    let reason = Bilingual::new("遅れのため", "because it is late");
    let adopted = AdoptedPlan {
        inputs: Hash([5; 32]),
        seed: 1,
        steps: 4_000,
        solver: "catapult-scheduler".into(),
        objective: PlanObjective { total: 4_242, ..PlanObjective::default() },
        origin: at("2026-06-28T15:00:00.000Z"),
        slot_min: 5,
        cause: Bilingual::new("BKG-A2 が90分の遅れ", "BKG-A2 is 90 min behind"),
        batches: Vec::new(),
        moves: vec![Move { booking: id("BKG-A2"), window, reason }],
    };
    let found = Ok(Proposal { adopted, slips: vec![(id("BKG-A2"), 90)], asks });
    Arc::get_mut(&mut desk).unwrap().proposal = Some(Arc::new(found));
    desk
}

#[tokio::test]
async fn sch_10_the_planner_sees_what_is_proposed_and_adopts_it_with_a_password() {
    let mut browser = Browser::of(with_proposal(), "nakamura", "en").await;
    let page = browser.get("/plan").await.body;
    for shown in ["BKG-A2 is 90 min behind", "because it is late", "4242", "4000 steps", "Adopt this plan", "BKG-B1"] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    let path = "/plan/PLN-1/adopt";
    assert!(page.contains("action=\"/plan/PLN-"));
    let other = browser.post(path, &format!("inputs=ffff&password={}", PASSWORD.replace(' ', "+"))).await;
    assert!(other.status == StatusCode::UNPROCESSABLE_ENTITY && other.body.contains("SCH-10"));
    let inputs = field(&page, "inputs");
    let adopted = browser.post(path, &format!("inputs={inputs}&password={}", PASSWORD.replace(' ', "+"))).await;
    assert_eq!(adopted.location, "/plan", "{}", adopted.body);
    let acts = browser.desk.acts.lock().unwrap();
    let act = acts.last().unwrap();
    assert!(act.signer.is_some() && matches!(act.command, Command::AdoptPlan { .. }));
}

#[tokio::test]
async fn sod_14_a_tenants_chart_names_its_own_batches_and_all_else_is_not_free() {
    let mut view = super::fixture::view(&[]);
    let mut bookings = (*view.bookings).clone();
    bookings.get_mut(&id::<mes_core::id::BookingId>("BKG-B1")).unwrap().window.suite = id("SU-1");
    view.bookings = Arc::new(bookings);
    let mut desk = with_proposal();
    Arc::get_mut(&mut desk).unwrap().view = Arc::new(view);
    let mut browser = Browser::of(desk, "aoki", "ja").await;
    let page = browser.get("/plan?at=BKG-A2").await.body;
    assert!(page.contains("BKG-A2") && page.contains("空きなし") && page.contains("BKG-A2 がこの位置にある理由"));
    for secret in ["BKG-B1", "TEN-B", "ベイサイド", "SU-3", "計画案", "4242", "MBR-MSC-002"] {
        assert!(!page.contains(secret), "{secret}");
    }
    let foreign = browser.get("/plan?at=BKG-B1").await.body;
    assert!(!foreign.contains("この位置にある理由"));
    assert_eq!(browser.post("/plan/propose", "").await.status, StatusCode::FORBIDDEN);
    assert_eq!(browser.post("/plan/PLN-1/adopt", "inputs=x&password=x").await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn an_auditor_sees_the_chart_of_the_tenants_granted_and_adopts_nothing() {
    let mut browser = Browser::of(with_proposal(), "endo", "en").await;
    let page = browser.get("/plan").await.body;
    assert!(page.contains("BKG-A2") && !page.contains("BKG-B1") && !page.contains("Adopt this plan"), "{page}");
}

#[tokio::test]
async fn sch_10_the_planner_asks_the_tenants_before_a_plan_beyond_their_agreements_can_be_adopted() {
    let reason = Bilingual::new("空きがなくなったため", "no capacity of this kind any more");
    let asks = vec![Ask { booking: id("BKG-A2"), reason }];
    let mut browser = Browser::of(proposing(asks.clone()), "nakamura", "en").await;
    let page = browser.get("/plan").await.body;
    for shown in ["needs the tenant&#39;s consent", "The tenant reads: no capacity of this kind", "Ask the tenants"] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    assert!(!page.contains("Adopt this plan"));
    let other = browser.post("/plan/ask", "inputs=ffff").await;
    assert!(other.status == StatusCode::UNPROCESSABLE_ENTITY && other.body.contains("SCH-10"));
    let inputs = field(&page, "inputs");
    assert_eq!(browser.post("/plan/ask", &format!("inputs={inputs}")).await.location, "/plan#proposal");
    let acts = browser.desk.acts.lock().unwrap();
    let Command::ProposeMoves { asks: sent, .. } = &acts.last().unwrap().command else { panic!() };
    assert_eq!(*sent, asks);
}

/// A desk at which tenant A is asked to let BKG-A2 move from SU-2 to SU-1.
fn asked() -> Arc<TestDesk> {
    let mut view = super::fixture::view(&[]);
    let mut bookings = (*view.bookings).clone();
    let booking = bookings.get_mut(&id::<mes_core::id::BookingId>("BKG-A2")).unwrap();
    let mut window = booking.window.clone();
    window.suite = id("SU-1");
    booking.apply(&BookingEvent::MoveProposed {
        booking: id("BKG-A2"),
        old: booking.window.clone(),
        window,
        reason: Bilingual::new("空きがなくなったため", "no capacity of this kind any more"),
        until: at("2026-07-04T00:00:00.000Z"),
        by: id("nakamura"),
    });
    view.bookings = Arc::new(bookings);
    let mut desk = TestDesk::new(&[]);
    Arc::get_mut(&mut desk).unwrap().view = Arc::new(view);
    desk
}

#[tokio::test]
async fn sch_10_a_tenant_sees_both_slots_the_reason_and_the_end_and_consents_with_a_signature() {
    let mut browser = Browser::of(asked(), "aoki", "ja").await;
    let list = browser.get("/bookings").await.body;
    assert!(list.contains("枠変更案あり。回答期限 2026-07-04 09:00"), "{list}");
    let page = browser.get("/bookings/BKG-A2").await.body;
    for shown in ["BKG-A2 の枠変更案", "SU-2", "SU-1", "空きがなくなったため", "2026-07-04 09:00", "入居者の回答待ち"]
    {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    for secret in ["BKG-B1", "TEN-B", "ベイサイド"] {
        assert!(!page.contains(secret), "{secret}");
    }
    let form = format!(
        "statement={}&shown_at={}&signature={}&password=",
        field(&page, "statement"),
        field(&page, "shown_at"),
        field(&page, "signature"),
    );
    let wrong = browser.post("/bookings/BKG-A2/move/accept", &format!("{form}wrong")).await;
    assert!(wrong.body.contains("P11-23") && wrong.body.contains("枠変更案"), "{}", wrong.body);
    let right = format!("{form}{}", PASSWORD.replace(' ', "+"));
    assert_eq!(browser.post("/bookings/BKG-A2/move/accept", &right).await.location, "/bookings/BKG-A2");
    let acts = browser.desk.acts.lock().unwrap();
    let act = acts.last().unwrap();
    let Command::Booking { command: BookingCommand::AcceptMove { sign }, .. } = &act.command else { panic!() };
    assert!(act.signer.is_some() && sign.statement.to_string() == field(&page, "statement"));
}

#[tokio::test]
async fn bkg_03_a_tenant_refuses_a_move_with_a_reason() {
    let mut browser = Browser::of(asked(), "aoki", "en").await;
    assert_eq!(browser.post("/bookings/BKG-A2/move/refuse", "text=patient").await.location, "/bookings/BKG-A2");
    let acts = browser.desk.acts.lock().unwrap();
    let command = &acts.last().unwrap().command;
    assert!(
        matches!(command, Command::Booking { command: BookingCommand::RefuseMove { text }, .. } if text == "patient")
    );
}

#[tokio::test]
async fn sod_14_nobody_else_is_given_the_answer_to_a_proposed_move() {
    for (person, found) in [("nakamura", true), ("endo", true), ("baba", false), ("bessho", false)] {
        let mut browser = Browser::of(asked(), person, "en").await;
        let page = browser.get("/bookings/BKG-A2").await;
        assert_eq!(page.status == StatusCode::OK, found, "{person}");
        assert_eq!(page.body.contains("Proposed move of BKG-A2"), found, "{person}");
        assert!(!page.body.contains("/move/accept"), "{person}");
        assert!(found || page.status == StatusCode::NOT_FOUND, "{person}");
    }
}
