//! The devices' page and the metrics: for whom they are, and what they say.

use std::sync::Arc;

use axum::{body::Body, http::StatusCode};
use tower::ServiceExt;

use super::{
    fixture::{MONITOR, TestDesk},
    tests::{Browser, read, running},
};

#[tokio::test]
async fn the_devices_page_is_for_the_facility_and_says_state_since_cause_and_figures() {
    let desk = TestDesk::new(&[&running()]);
    for (language, words) in [
        ("en", ["Online", "co2-incubator v1", "Timeouts: <b>3</b>", "12.3 ms", "Read only"]),
        ("ja", ["接続済", "co2-incubator v1", "時間切れ: <b>3</b>", "12.3 ms", "読取りのみ"]),
    ] {
        let body = Browser::of(Arc::clone(&desk), "nakamura", language).await.get("/devices").await.body;
        for word in words {
            assert!(body.contains(word), "{language}: {word}");
        }
    }
    for tenant in ["aoki", "bessho", "endo"] {
        let answer = Browser::of(Arc::clone(&desk), tenant, "en").await.get("/devices").await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{tenant}");
        assert!(!answer.body.contains("co2-incubator"), "{tenant}");
    }
}

#[tokio::test]
async fn metrics_are_given_for_the_token_and_hold_nothing_of_a_tenant() {
    let browser = Browser::new(TestDesk::new(&[&running()]));
    let ask = |token: &str| {
        let request = browser.request("GET", "/metrics").header("authorization", format!("Bearer {token}"));
        browser.app.clone().oneshot(request.body(Body::empty()).unwrap())
    };
    assert_eq!(ask("another-token-of-16").await.unwrap().status(), StatusCode::NOT_FOUND);
    let body = read(ask(MONITOR).await.unwrap()).await.body;
    for line in [
        "mes_device_timeouts_total{equipment=\"INC-01\"} 3",
        "mes_device_latency_p99_seconds{equipment=\"INC-01\"} 0.01234",
        "mes_device_link_state{equipment=\"INC-01\",state=\"online\"} ",
        "mes_process_threads ",
        "# EOF",
    ] {
        assert!(body.contains(line), "{line}: {body}");
    }
    for foreign in ["TEN-", "MSC-", "Aoba", "temperature"] {
        assert!(!body.contains(foreign), "{foreign}");
    }
}
