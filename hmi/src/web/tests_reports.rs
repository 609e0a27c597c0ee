//! Reports of closed devices on the record page: for whom they are, what they say, and that taking one home asks for permission.

use std::sync::Arc;

use axum::http::StatusCode;

use super::{
    fixture::TestDesk,
    fixture_reports::REPORT,
    tests::{Browser, running},
};

#[tokio::test]
async fn ten_01_a_report_is_listed_with_its_batch_and_taken_home_by_whoever_may_export() {
    let story = running();
    let batch = story.batch.issued.batch.to_string();
    let desk = TestDesk::new(&[&story]);
    let hash = desk.view.reports_of(&story.batch.issued.batch)[0].report.sha256.to_string();
    let (page, file) = (format!("/batches/{batch}/record"), format!("/batches/{batch}/reports/{hash}"));
    for (language, words) in [
        ("en", ["Reports of closed devices", "451 °C lies outside 0 – 80", "F0: it is empty", "2 kB"]),
        ("ja", ["閉鎖系機器の報告書", "451 °C は 0 – 80 の外", "F0: 空欄である", "2 kB"]),
    ] {
        let body = Browser::of(Arc::clone(&desk), "watanabe", language).await.get(&page).await.body;
        for word in words {
            assert!(body.contains(word), "{language}: {word}: {body}");
        }
    }
    let mut quality = Browser::of(Arc::clone(&desk), "watanabe", "en").await;
    let home = quality.post(&file, "").await;
    assert_eq!((home.status, home.body.as_bytes()), (StatusCode::OK, REPORT));
    assert!(home.headers["content-disposition"].to_str().unwrap().contains("run-"));
    let absent = quality.post(&format!("/batches/{batch}/reports/{}", "0".repeat(64)), "").await;
    assert_eq!(absent.status, StatusCode::NOT_FOUND);
    assert_eq!(quality.post(&format!("/batches/{batch}/reports/none"), "").await.status, StatusCode::NOT_FOUND);
    let mut stranger = Browser::of(Arc::clone(&desk), "bessho", "en").await;
    assert_eq!(stranger.get(&page).await.status, StatusCode::NOT_FOUND);
    let theirs = stranger.post(&file, "").await;
    assert!(matches!(theirs.status, StatusCode::NOT_FOUND | StatusCode::FORBIDDEN), "{}", theirs.status);
}
