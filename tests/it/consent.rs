//! A suite fails: the planner asks a tenant for a move beyond its agreement, the tenant answers on the page of its booking, and only
//! then a plan moves it (SCH-10, BKG-03).

use mes_core::{
    engine::Command,
    id::{BookingId, ChangeId, SuiteId},
    tenant::{FacilityItem, difference},
};
use reqwest::StatusCode;
use tests::{
    Browser, Facility, Page,
    facility::{FACILITY, TEST_3, TEST_3_B},
    story,
};

/// The suite of a booking is fit for use only until an hour before the booking ends.
async fn suite_fails(facility: &Facility, booking: &BookingId) -> SuiteId {
    let view = facility.view();
    let window = &view.bookings[booking].window;
    let mut suite = view.facility.suites[&window.suite].clone();
    suite.qualified_until = window.until.plus_s(-3_600);
    let items = difference(&view.facility, vec![FacilityItem::Suite(suite)]);
    let change: ChangeId = "CHG-1".parse().unwrap();
    let propose = Command::ProposeChange { change: change.clone(), items, text: Some("HVAC failure".into()) };
    facility.person("nakamura").act(propose).await.unwrap();
    let quality = facility.person("watanabe");
    let signer = quality.enters("watanabe-demo-2026").await.unwrap();
    quality.act_with(signer, Command::ApproveChange { change }).await.unwrap();
    window.suite.clone()
}

/// Sends a form of a page with its hidden fields and a password.
async fn signs(browser: &Browser, page: &Page, action: &str, password: &str) -> Page {
    let mut fields = page.fields(action);
    fields.push(("password".into(), password.into()));
    browser.post(action, &fields).await
}

#[test]
fn sch_10_a_booking_leaves_its_agreement_only_with_its_tenants_consent() {
    story(async |place| {
        let both = FACILITY.replace("suites: [SU-1], tolerance_h: 12", "suites: [SU-1, SU-2], tolerance_h: 12");
        let facility = Facility::start_as(place, &both, &[TEST_3, TEST_3_B.as_str()]).await;
        let (booking, other) = (facility.book("TEST-3", 1).await, facility.book("TRIAL-3", 1).await);
        let closed = suite_fails(&facility, &booking).await;
        let before = facility.view().bookings[&booking].window.clone();
        let standing = facility.view().bookings[&other].window.clone();

        let planner = facility.person("nakamura").browser().await;
        planner.post("/plan/propose", &[("", "")]).await;
        let page = planner.get("/plan").await;
        assert!(page.body.contains(booking.as_str()) && page.body.contains("/plan/ask"), "{}", page.body);
        assert!(!page.body.contains("/adopt\""), "nobody has consented yet: {}", page.body);
        let asked = planner.post("/plan/ask", &page.fields("/plan/ask")).await;
        assert_eq!(asked.location.as_deref(), Some("/plan#proposal"), "{}", asked.body);
        assert_eq!(facility.view().bookings[&booking].window, before, "nothing has moved");

        // Whoever else asks finds nothing, and can answer nothing.
        let (own, accept) = (format!("/bookings/{booking}"), format!("/bookings/{booking}/move/accept"));
        let refuse = format!("/bookings/{booking}/move/refuse");
        let stranger = facility.person("baba").browser().await;
        assert_eq!(stranger.get(&own).await.status, StatusCode::NOT_FOUND);
        assert_eq!(stranger.post(&refuse, &[("text", "no")]).await.status, StatusCode::NOT_FOUND);

        let tenant = facility.person("aoki").browser().await;
        let page = tenant.get(&own).await;
        for shown in ["SU-1", "SU-2", accept.as_str(), refuse.as_str(), closed.as_str()] {
            assert!(page.body.contains(shown), "{shown}: {}", page.body);
        }
        for secret in [other.as_str(), "TEN-B", "MSC-200", "baba"] {
            assert!(!page.body.contains(secret), "{secret}: {}", page.body);
        }
        let foreign = signs(&stranger, &page, &accept, "baba-demo-2026").await;
        assert_eq!(foreign.status, StatusCode::NOT_FOUND, "{}", foreign.body);
        let no = signs(&tenant, &page, &accept, "a wrong one").await;
        assert!(no.status.is_client_error() && no.body.contains("P11-30"), "{}", no.body);

        // The tenant refuses once, is asked again, and consents.
        assert_eq!(tenant.post(&refuse, &[("text", "donor")]).await.location.as_deref(), Some(own.as_str()));
        assert!(tenant.get(&own).await.body.contains("donor"));
        planner.post("/plan/propose", &[("", "")]).await;
        let page = planner.get("/plan").await;
        assert!(page.body.contains("donor"), "the planner sees what was answered: {}", page.body);
        planner.post("/plan/ask", &page.fields("/plan/ask")).await;
        let page = tenant.get(&own).await;
        let yes = signs(&tenant, &page, &accept, "aoki-demo-2026").await;
        assert_eq!(yes.location.as_deref(), Some(own.as_str()), "{}", yes.body);
        let agreed = facility.view().bookings[&booking].agreed().clone();
        assert_ne!(agreed, before);

        planner.post("/plan/propose", &[("", "")]).await;
        let page = planner.get("/plan").await;
        let at = page.body.find("action=\"/plan/PLN-").map(|at| at + "action=\"".len()).expect("a plan to adopt");
        let adopt = &page.body[at..at + page.body[at..].find('"').unwrap()];
        let adopted = signs(&planner, &page, adopt, "nakamura-demo-2026").await;
        assert_eq!(adopted.location.as_deref(), Some("/plan"), "{}", adopted.body);
        let view = facility.view();
        let moved = &view.bookings[&booking];
        assert_eq!((&moved.window.suite, moved.window.from), (&agreed.suite, agreed.from));
        assert!(moved.proposed.is_none() && moved.window.suite != closed);
        assert_eq!(view.bookings[&other].window, standing, "the other tenant's booking stays where it is");
        assert!(view.plan.is_some());
        facility.stop().await;
    });
}
