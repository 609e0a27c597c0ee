//! The devices' page and the metrics: for whom they are, and what they say.

use std::sync::Arc;

use axum::{body::Body, http::StatusCode};
use mes_core::{
    access::Rejection,
    engine::{AgreedSampling, Command, JudgedCertificate, TagSampling},
    tenant::DeviceCertificate,
};
use tower::ServiceExt;

use super::{
    fixture::{MONITOR, PASSWORD, TestDesk, at, id},
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

/// A certificate that a person has refused.
pub(super) fn refused_certificate() -> JudgedCertificate {
    JudgedCertificate {
        certificate: DeviceCertificate {
            thumbprint: "dd04".into(),
            subject: "CN=dd04".into(),
            issuer: "CN=Maker CA".into(),
            valid_from: at("2026-01-01T00:00:00Z"),
            valid_until: at("2030-01-01T00:00:00Z"),
            equipment: Some(id("BR-02")),
        },
        accepted: false,
        by: id("watanabe"),
        at: at("2026-06-30T00:00:00Z"),
        text: Some("拇印が違う another thumbprint".into()),
    }
}

/// What the bioreactor of the fixture has agreed to.
pub(super) fn sampling() -> AgreedSampling {
    let tag = |name: &str, effective_us, refused: Option<&str>| {
        let refused = refused.map(str::to_owned);
        (id(name), TagSampling { tag: id(name), asked_us: 1_000_000, effective_us, refused })
    };
    [tag("temperature", Some(2_500_000), None), tag("ph", None, Some("BadFilterNotAllowed"))].into()
}

#[tokio::test]
async fn a_device_shows_how_often_it_samples_and_where_that_is_not_as_asked() {
    let desk = TestDesk::new(&[&running()]);
    for (language, words) in [
        ("en", ["2500 ms (asked for 1000 ms)", "refuses to watch it (BadFilterNotAllowed)", "<td>polled</td>"]),
        ("ja", ["2500 ms(要求 1000 ms)", "監視を拒否(BadFilterNotAllowed)", "<td>定期読取り</td>"]),
    ] {
        let body = Browser::of(Arc::clone(&desk), "sato", language).await.get("/devices").await.body;
        for word in words {
            assert!(body.contains(word), "{language}: {word}");
        }
    }
}

#[tokio::test]
async fn di_09_a_link_that_is_down_is_connected_again_by_a_button_for_whoever_may() {
    let desk = TestDesk::new(&[&running()]);
    let asked = |desk: &TestDesk| {
        let acts = desk.acts.lock().unwrap();
        acts.iter()
            .filter(|act| matches!(&act.command, Command::ConnectAgain { equipment } if *equipment == id("INC-01")))
            .count()
    };
    for (person, language, word) in [("nakamura", "en", "Connect again"), ("tanaka", "ja", "つなぎ直す")] {
        let mut browser = Browser::of(Arc::clone(&desk), person, language).await;
        let body = browser.get("/devices").await.body;
        assert!(body.contains(word) && body.contains("action=\"/devices/INC-01/connect\""), "{person}");
        assert!(!body.contains("/devices/BR-01/connect"), "a link that is up is left alone");
        let answer = browser.post("/devices/INC-01/connect", "").await;
        assert_eq!((answer.status, answer.location.as_str()), (StatusCode::SEE_OTHER, "/devices#INC-01"));
        assert_eq!(browser.post("/devices/INC-99/connect", "").await.status, StatusCode::NOT_FOUND);
    }
    assert_eq!(asked(&desk), 2);
    let mut operator = Browser::of(Arc::clone(&desk), "sato", "en").await;
    assert!(!operator.get("/devices").await.body.contains("/devices/INC-01/connect"));
    for person in ["sato", "aoki", "bessho", "endo"] {
        let mut browser = Browser::of(Arc::clone(&desk), person, "en").await;
        assert_eq!(browser.post("/devices/INC-01/connect", "").await.status, StatusCode::FORBIDDEN, "{person}");
    }
    assert_eq!(asked(&desk), 2);
    *desk.refusal.lock().unwrap() = Some(Rejection::new("link-up", "通信できています。", "The link is up."));
    let mut browser = Browser::of(Arc::clone(&desk), "nakamura", "en").await;
    let answer = browser.post("/devices/INC-01/connect", "").await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.body.contains("The link is up. (link-up)"));
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

fn judged(desk: &TestDesk) -> Option<Command> {
    let acts = desk.acts.lock().unwrap();
    let last = acts.last().map(|act| act.command.clone());
    last.filter(|command| matches!(command, Command::JudgeCertificate { .. }))
}

#[tokio::test]
async fn ua_03_a_waiting_certificate_is_accepted_with_a_reason_and_a_password_as_it_is_known_here() {
    let desk = TestDesk::new(&[&running()]);
    for (person, language, words) in [
        ("nakamura", "en", ["waits for a decision", "Accept this certificate", "Withdraw the trust"]),
        ("watanabe", "ja", ["判断待ち", "この証明書を承認する", "信頼を取り消す"]),
    ] {
        let body = Browser::of(Arc::clone(&desk), person, language).await.get("/certificates").await.body;
        for word in words.into_iter().chain(["aa01", "Maker CA", "BR-01", "2030-01-01", "2026-06-30", "拇印が違う"])
        {
            assert!(body.contains(word), "{person}: {word}");
        }
        assert!(body.contains("/certificates/dd04") && !body.contains("/certificates/cc03"), "nobody judges our own");
    }
    let mut browser = Browser::of(Arc::clone(&desk), "nakamura", "en").await;
    let form =
        |accept: bool, password: &str| format!("accept={accept}&text=compared&subject=CN%3Dother&password={password}");
    let right = PASSWORD.replace(' ', "+");
    let wrong = browser.post("/certificates/aa01", &form(true, "wrong")).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.body.contains("value=\"compared\"") && judged(&desk).is_none());
    assert_eq!(browser.post("/certificates/cc03", &form(true, &right)).await.status, StatusCode::NOT_FOUND);
    assert_eq!(browser.post("/certificates/ee05", &form(true, &right)).await.status, StatusCode::NOT_FOUND);
    for (thumbprint, wanted) in [("aa01", true), ("bb02", false)] {
        let answer = browser.post(&format!("/certificates/{thumbprint}"), &form(wanted, &right)).await;
        assert_eq!(answer.location, "/certificates");
        let Some(Command::JudgeCertificate { certificate, accept, text }) = judged(&desk) else { panic!() };
        assert_eq!((certificate.thumbprint.as_str(), accept, text.as_str()), (thumbprint, wanted, "compared"));
        assert_eq!(certificate.subject, format!("CN={thumbprint}"), "nothing is taken as sent");
    }
}

#[tokio::test]
async fn ua_03_others_of_the_facility_see_the_certificates_and_tenants_do_not() {
    let desk = TestDesk::new(&[&running()]);
    let form = format!("accept=true&text=compared&password={}", PASSWORD.replace(' ', "+"));
    let mut operator = Browser::of(Arc::clone(&desk), "sato", "en").await;
    let body = operator.get("/certificates").await.body;
    assert!(body.contains("aa01") && !body.contains("action=\"/certificates"));
    assert_eq!(operator.post("/certificates/aa01", &form).await.status, StatusCode::FORBIDDEN);
    for tenant in ["aoki", "bessho", "endo"] {
        let mut browser = Browser::of(Arc::clone(&desk), tenant, "en").await;
        let answer = browser.get("/certificates").await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{tenant}");
        assert!(!answer.body.contains("aa01"), "{tenant}");
        assert_eq!(browser.post("/certificates/aa01", &form).await.status, StatusCode::FORBIDDEN, "{tenant}");
    }
    assert!(judged(&desk).is_none());
}

#[tokio::test]
async fn ua_03_the_end_of_a_certificate_is_warned_of_where_devices_are_seen() {
    let desk = TestDesk::new(&[&running()]);
    for (language, words) in [
        ("en", ["CN=cc03 ended on 2026-06-01", "CN=bb02 ends on 2026-07-20", "Days left: 18 (warning at 30 days)"]),
        ("ja", ["CN=cc03 は 2026-06-01", "CN=bb02 の有効期限は 2026-07-20", "残り18日(30日前の警告)"]),
    ] {
        let mut browser = Browser::of(Arc::clone(&desk), "sato", language).await;
        for path in ["/devices", "/certificates"] {
            // Fluent puts marks around what it fills in.
            let body = browser.get(path).await.body.replace(['\u{2068}', '\u{2069}'], "");
            for word in words {
                assert!(body.contains(word), "{path}: {word}");
            }
        }
    }
}
