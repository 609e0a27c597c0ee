//! Pages as a browser sees them: every one of them, in both languages, for whom it is there and for whom it is not.

use std::{collections::BTreeSet, sync::Arc};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, StatusCode, header},
    response::Response,
};
use mes_core::{
    access::{Meaning, Rejection, Subject},
    batch::{BatchCommand, BatchEvent, DeviationCause, Entered, Verdict},
    engine::Command,
    isa88::State,
    tenant::Role,
};
use tower::ServiceExt;

use super::{
    AppState, api,
    fixture::{PASSWORD, Story, TestDesk, id, recipe_a},
    policy::Policy,
    router, table,
};

const JA: &str = include_str!("../../locales/ja.ftl");
const EN: &str = include_str!("../../locales/en.ftl");

pub(super) struct Browser {
    pub(super) app: Router,
    pub(super) desk: Arc<TestDesk>,
    cookies: Vec<String>,
}

pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) location: String,
    pub(super) body: String,
    pub(super) headers: axum::http::HeaderMap,
}

impl Browser {
    pub(super) fn new(desk: Arc<TestDesk>) -> Self {
        let shared: Arc<dyn super::port::Desk> = Arc::<TestDesk>::clone(&desk);
        Self { app: router(AppState::new(shared, false)), desk, cookies: Vec::new() }
    }
    pub(super) async fn of(desk: Arc<TestDesk>, person: &str, language: &str) -> Self {
        let mut browser = Self::new(desk);
        let answer = browser.post("/login", &format!("person={person}&password={}", PASSWORD.replace(' ', "+"))).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
        browser.post("/language", &format!("language={language}&back=/")).await;
        browser
    }
    async fn send(&mut self, request: Request<Body>) -> Response {
        let response = self.app.clone().oneshot(request).await.unwrap();
        for cookie in response.headers().get_all(header::SET_COOKIE) {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap().to_owned();
            let name = pair.split('=').next().unwrap().to_owned();
            self.cookies.retain(|known| !known.starts_with(&format!("{name}=")));
            self.cookies.push(pair);
        }
        response
    }
    pub(super) fn request(&self, method: &str, path: &str) -> axum::http::request::Builder {
        Request::builder()
            .method(method)
            .uri(path)
            .header("host", "operator.localhost")
            .header("cookie", self.cookies.join("; "))
    }
    pub(super) async fn get(&mut self, path: &str) -> Answer {
        let request = self.request("GET", path).body(Body::empty()).unwrap();
        read(self.send(request).await).await
    }
    pub(super) async fn post(&mut self, path: &str, form: &str) -> Answer {
        let kind = "application/x-www-form-urlencoded";
        let request =
            self.request("POST", path).header("content-type", kind).body(Body::from(form.to_owned())).unwrap();
        read(self.send(request).await).await
    }
}

pub(super) async fn read(response: Response) -> Answer {
    let (parts, body) = response.into_parts();
    let location = parts.headers.get(header::LOCATION).map(|l| l.to_str().unwrap().to_owned()).unwrap_or_default();
    let body = String::from_utf8_lossy(&to_bytes(body, 1 << 24).await.unwrap()).into_owned();
    Answer { status: parts.status, location, body, headers: parts.headers }
}

pub(super) fn running() -> Story {
    let mut story = Story::new("MSC-2607-01", "TEN-A", "SU-1", recipe_a()).up_to("P030");
    story.record("P030", "seeded_cells", "135.0", Verdict::OutOfNormal, Some("解凍後の損失 loss at thawing"));
    story.deviate("DEV-1", "P030", DeviationCause::Observed);
    story
}

fn at_review() -> Story {
    let mut story = Story::new("MSC-2607-01", "TEN-A", "SU-1", recipe_a()).up_to("none");
    story.record("P030", "seeded_cells", "100.0", Verdict::OutOfAcceptable, Some("loss"));
    story.deviate("DEV-1", "P030", DeviationCause::Value { shown: "100.0".into(), range: "120 – 180".into() });
    story.then(BatchEvent::ExecutionCompleted, ("tanaka", Role::Sup));
    story.sign(Subject::ProductionReview, Meaning::Reviewed, "tanaka", Role::Sup);
    story
}

pub(super) fn encoded(subject: &Subject, meaning: Meaning) -> String {
    super::page::sign::subject_text(subject, meaning)
}

/// Every page, with a person who may see it.
fn pages() -> Vec<(&'static str, String)> {
    let batch = "/batches/MSC-2607-01";
    let sign = |subject: Subject, meaning| format!("{batch}/sign?{}", encoded(&subject, meaning));
    let mut pages: Vec<(&str, String)> = vec![
        ("sato", "/".into()),
        ("aoki", "/".into()),
        ("endo", "/".into()),
        ("sato", "/batches".into()),
        ("sato", "/devices".into()),
        ("sato", "/certificates".into()),
        ("nakamura", "/certificates".into()),
        ("sato", batch.into()),
        ("aoki", "/bookings/BKG-A1".into()),
        ("tanaka", "/bookings/BKG-A1".into()),
        ("aoki", "/plan".into()),
        ("nakamura", "/plan?weeks=8&at=BKG-A1".into()),
        ("tanaka", format!("{batch}/deviations")),
        ("watanabe", format!("{batch}/deviations")),
        ("tanaka", format!("{batch}/review")),
        ("watanabe", format!("{batch}/review")),
        ("watanabe", format!("{batch}/trail")),
        ("watanabe", format!("{batch}/trail?show=values")),
        ("sato", format!("{batch}/trend?tag=BR-01/temperature")),
        ("endo", format!("{batch}/record")),
        ("sato", format!("{batch}/record")),
        ("sato", sign(Subject::Phase(id("P030")), Meaning::Performed)),
        ("sato", sign(Subject::Phase(id("P030")), Meaning::Verified)),
        ("sato", format!("{}&signer=takahashi", sign(Subject::Phase(id("P030")), Meaning::Verified))),
        ("watanabe", sign(Subject::Deviation(id("DEV-1")), Meaning::Approved)),
        ("tanaka", sign(Subject::ProductionReview, Meaning::Reviewed)),
        ("watanabe", sign(Subject::QualityReview, Meaning::Reviewed)),
        ("yamamoto", sign(Subject::Disposition, Meaning::Released)),
        ("aoki", "/bookings".into()),
        ("nakamura", "/bookings".into()),
        ("tanaka", "/bookings".into()),
        ("tanaka", "/bookings/BKG-A2/issue".into()),
        ("tanaka", "/recipes".into()),
        ("tanaka", "/recipes/MBR-MSC-001-S/1".into()),
        ("watanabe", "/recipes/MBR-MSC-001-S/1?approval=quality".into()),
        ("watanabe", "/changes".into()),
        ("sato", "/demo".into()),
    ];
    for phase in recipe_a().phases() {
        pages.push(("sato", format!("{batch}?phase={}", phase.id)));
    }
    pages
}

fn sound(path: &str, answer: &Answer) {
    assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.body);
    let body = &answer.body;
    if let Some(at) = body.find('⟦') {
        panic!("{path} shows a missing text: {}", body[at..].chars().take(60).collect::<String>());
    }
    for forbidden in [" style=\"", "<script>", " onclick", "hx-on", "javascript:"] {
        assert!(!body.contains(forbidden), "{path} holds {forbidden}, which the content policy forbids");
    }
    let policy = answer.headers.get("content-security-policy").unwrap().to_str().unwrap();
    assert!(policy.contains("script-src 'self'") && !policy.contains("unsafe"), "{policy}");
    assert!(body.contains("class=\"purpose\""), "{path} of a demo is not marked as one");
}

#[tokio::test]
async fn every_page_renders_in_both_languages_with_its_identity_band_hmi_11_hmi_12() {
    for story in [running(), at_review()] {
        let desk = TestDesk::new(&[&story]);
        for language in ["ja", "en"] {
            for (person, path) in pages() {
                let mut browser = Browser::of(Arc::clone(&desk), person, language).await;
                let answer = browser.get(&path).await;
                sound(&path, &answer);
                assert!(answer.body.contains(&format!("<html lang=\"{language}\">")), "{path}");
                if path.starts_with("/batches/") {
                    for identity in ["id=\"band\"", "MSC-2607-01", "COI-MSC-2607-01"] {
                        assert!(answer.body.contains(identity), "{path} lacks {identity}");
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn the_log_in_and_the_demo_are_there_without_a_session() {
    let mut browser = Browser::new(TestDesk::new(&[&running()]));
    for path in ["/", "/login"] {
        sound(path, &browser.get(path).await);
    }
    assert!(browser.get("/").await.body.contains("operator.localhost"));
}

fn keys(text: &str) -> BTreeSet<&str> {
    text.lines().filter_map(|line| line.split_once(" = ").map(|(key, _)| key)).collect()
}

/// Every `t("…")`, `t1("…`, `t2("…` in a source.
fn used(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for call in [".t(\"", ".t1(\"", ".t2(\""] {
        for rest in text.split(call).skip(1) {
            found.insert(rest.split('"').next().unwrap().to_owned());
        }
    }
    found
}

#[test]
fn both_locales_have_the_same_keys_and_every_text_that_pages_ask_for() {
    let (ja, en) = (keys(JA), keys(EN));
    assert_eq!(ja, en);
    let mut wanted = BTreeSet::new();
    for folder in ["templates", "src/web", "src/web/page"] {
        for file in std::fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            if path.is_file() {
                wanted.extend(used(&std::fs::read_to_string(path).unwrap()));
            }
        }
    }
    wanted.retain(|key| !key.contains('…'));
    let missing: Vec<_> = wanted.iter().filter(|key| !ja.contains(key.as_str())).collect();
    assert!(missing.is_empty(), "{missing:?}");
    let terms = include_str!("term.rs");
    let said: Vec<&str> = terms.split("=> \"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert!(said.len() > 60);
    for key in said {
        assert!(ja.contains(key), "{key}");
    }
}

#[test]
fn states_commands_and_roles_each_have_their_own_word() {
    for text in [JA, EN] {
        for group in ["role-", "state-", "lifecycle-", "phase-", "meaning-", "booking-"] {
            let states =
                ["booking-requested", "booking-confirmed", "booking-refused", "booking-issued", "booking-withdrawn"];
            let of_group = |key: &&str| key.starts_with(group) && (group != "booking-" || states.contains(key));
            let words: Vec<&str> =
                text.lines().filter_map(|l| l.split_once(" = ")).filter(|(k, _)| of_group(k)).map(|(_, v)| v).collect();
            let distinct: BTreeSet<&str> = words.iter().copied().collect();
            assert_eq!(words.len(), distinct.len(), "{group}: {words:?}");
        }
    }
}

fn filled(path: &str) -> String {
    let known = [
        ("{batch}", "MSC-2607-01"),
        ("{deviation}", "DEV-1"),
        ("{booking}", "BKG-A2"),
        ("{plan}", "PLN-1"),
        ("{recipe}", "MBR-MSC-001-S"),
        ("{change}", "CHG-1"),
        ("{equipment}", "BR-01"),
        ("{thumbprint}", "aa01"),
        ("{name}", "style.css"),
    ];
    let path = path.replace("{recipe}/{version}", "MBR-MSC-001-S/1").replace("{version}", "x");
    known.iter().fold(path, |path, (name, value)| path.replace(name, value))
}

#[tokio::test]
async fn nothing_but_log_in_language_and_assets_is_reachable_without_a_session_p11_06() {
    let mut browser = Browser::new(TestDesk::new(&[&running()]));
    let open: Vec<&str> = table().iter().filter(|route| route.policy == Policy::Open).map(|route| route.path).collect();
    assert_eq!(open, ["/", "/login", "/login", "/logout", "/language", "/assets/{version}/{name}"]);
    for route in table().iter().filter(|route| route.policy != Policy::Open) {
        let path = filled(route.path);
        let answer = if route.method == "GET" { browser.get(&path).await } else { browser.post(&path, "").await };
        if route.policy == Policy::Monitor {
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        } else if path.starts_with("/api/") || path.starts_with("/live/") {
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
        } else {
            assert!(answer.location.starts_with("/login?next="), "{} {path} → {}", route.method, answer.status);
        }
    }
    assert!(browser.desk.acts.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_tenant_cannot_tell_another_tenants_batch_from_none_ten_01_sod_14() {
    let mut browser = Browser::of(TestDesk::new(&[&running()]), "bessho", "en").await;
    for route in table().iter().filter(|route| route.path.contains("{batch}")) {
        let there = filled(route.path);
        let nowhere = there.replace("MSC-2607-01", "NO-SUCH-BATCH");
        let mut both = Vec::new();
        for path in [&there, &nowhere] {
            let answer = if route.method == "GET" { browser.get(path).await } else { browser.post(path, "").await };
            both.push((answer.status, answer.body));
        }
        assert_eq!(both[0].0, StatusCode::NOT_FOUND, "{there}");
        assert_eq!(both[0], both[1], "{there}");
    }
    for path in ["/", "/batches", "/bookings", "/recipes", "/api/v1/batches", "/api/v1/bookings"] {
        let body = browser.get(path).await.body;
        for secret in ["MSC-2607-01", "TEN-A", "Aoba", "MBR-MSC-001-S", "BKG-A"] {
            assert!(!body.contains(secret), "{path} tells a tenant of {secret}");
        }
    }
}

#[tokio::test]
async fn a_window_of_somebody_else_is_not_free_and_nothing_more_ten_02() {
    let mut view = super::fixture::view(&[]);
    let mut bookings = (*view.bookings).clone();
    bookings.get_mut(&id::<mes_core::id::BookingId>("BKG-A2")).unwrap().window.suite = id("SU-3");
    view.bookings = Arc::new(bookings);
    let mut desk = TestDesk::new(&[]);
    Arc::get_mut(&mut desk).unwrap().view = Arc::new(view);
    let mut browser = Browser::of(desk, "baba", "ja").await;
    let body = browser.get("/bookings").await.body;
    assert!(body.contains("空きなし") && !body.contains("BKG-A2") && !body.contains("あおば"));
}

#[tokio::test]
async fn a_refused_value_stays_in_its_field_and_the_reason_is_asked_for() {
    let story = Story::new("MSC-2607-01", "TEN-A", "SU-1", recipe_a()).up_to("P030");
    let mut browser = Browser::of(TestDesk::new(&[&story]), "sato", "ja").await;
    let refusal = Rejection::new("DI-05", "通常範囲外です。理由を入力してください。", "Out of normal: give a reason.")
        .about("reason");
    *browser.desk.refusal.lock().unwrap() = Some(refusal);
    let form = "phase=P030&item=seeded_cells&kind=number&value=135.0&performer=suzuki";
    let answer = browser.post("/batches/MSC-2607-01/record", form).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    for kept in
        ["value=\"135.0\"", "value=\"suzuki\" selected", "id=\"reason-seeded_cells\"", "通常範囲外です", "DI-05"]
    {
        assert!(answer.body.contains(kept), "{kept}");
    }
    let acts = browser.desk.acts.lock().unwrap();
    let Command::Batch { command: BatchCommand::Record { value, performer, .. }, .. } = &acts.last().unwrap().command
    else {
        panic!()
    };
    assert_eq!((value, performer), (&Entered::Number("135.0".into()), &Some(id("suzuki"))));
}

#[tokio::test]
async fn htmx_gets_the_working_area_alone_and_a_refusal_with_its_status() {
    let mut browser = Browser::of(TestDesk::new(&[&running()]), "sato", "en").await;
    for (refusal, status) in
        [(None, StatusCode::OK), (Some(Rejection::new("X-1", "否", "no")), StatusCode::UNPROCESSABLE_ENTITY)]
    {
        *browser.desk.refusal.lock().unwrap() = refusal;
        let request = browser.request("POST", "/batches/MSC-2607-01/comment").header("hx-request", "true");
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let answer = read(browser.send(request.body(Body::from("phase=P030&text=cloudy")).unwrap()).await).await;
        assert_eq!(answer.status, status);
        assert!(answer.body.contains("id=\"work\"") && !answer.body.contains("<html"));
        assert!(answer.body.contains("<hx-partial hx-target=\"#band\""));
        assert_eq!(answer.body.contains(">cloudy</textarea>"), status != StatusCode::OK);
    }
}

#[tokio::test]
async fn a_second_person_signs_at_the_first_ones_terminal_what_the_dialog_showed_p11_19_hmi_15() {
    let story = running();
    let mut browser = Browser::of(TestDesk::new(&[&story]), "sato", "ja").await;
    let asked = encoded(&Subject::Phase(id("P030")), Meaning::Verified);
    let first = browser.get(&format!("/batches/MSC-2607-01/sign?{asked}")).await.body;
    assert!(!first.contains("name=\"password\""), "the second person says who they are first");
    let dialog = browser.get(&format!("/batches/MSC-2607-01/sign?{asked}&signer=takahashi")).await.body;
    let field = |name: &str| {
        dialog.split(&format!("name=\"{name}\" value=\"")).nth(1).unwrap().split('"').next().unwrap().to_owned()
    };
    let shown_at = field("shown_at").parse().unwrap();
    let statement = story.batch.statement(
        &Subject::Phase(id("P030")),
        Meaning::Verified,
        &id("takahashi"),
        shown_at,
        mes_core::quantity::Language::Ja,
    );
    assert_eq!(field("statement"), statement.unwrap().hash().unwrap().to_string());
    assert!(dialog.contains("135.0"), "the dialog shows the values that are signed");
    let form = format!(
        "{asked}&signer=takahashi&statement={}&shown_at={}&signature=SIG-9&password=",
        field("statement"),
        field("shown_at")
    );
    let wrong = browser.post("/batches/MSC-2607-01/sign", &format!("{form}wrong")).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.body.contains(&field("statement")) && browser.desk.acts.lock().unwrap().len() == 1);
    let signed = browser.post("/batches/MSC-2607-01/sign", &format!("{form}{}", PASSWORD.replace(' ', "+"))).await;
    assert_eq!(signed.location, "/batches/MSC-2607-01");
    let acts = browser.desk.acts.lock().unwrap();
    let act = acts.last().unwrap();
    assert_eq!((act.scope.person.as_str(), act.signer.as_ref().unwrap().person.as_str()), ("sato", "takahashi"));
}

#[tokio::test]
async fn a_wrong_password_keeps_the_id_and_sets_no_session() {
    let mut browser = Browser::new(TestDesk::new(&[]));
    let answer = browser.post("/login", "person=sato&password=wrong&next=/batches").await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        answer.body.contains("value=\"sato\"")
            && answer.body.contains("value=\"/batches\"")
            && browser.cookies.is_empty()
    );
    let answer =
        browser.post("/login", &format!("person=sato&password={}&next=//elsewhere", PASSWORD.replace(' ', "+"))).await;
    assert_eq!(answer.location, "/", "a log-in leads to our own pages only");
    let mut all = answer.headers.get_all(header::SET_COOKIE).iter().map(|cookie| cookie.to_str().unwrap());
    let cookie = all.find(|cookie| cookie.starts_with("mes_session=")).unwrap();
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict") && !cookie.contains("Domain"),
        "{cookie}"
    );
    browser.post("/logout", "").await;
    assert!(browser.get("/batches").await.location.starts_with("/login"));
}

#[tokio::test]
async fn a_change_from_a_foreign_page_is_refused_before_anything_happens() {
    let mut browser = Browser::of(TestDesk::new(&[&running()]), "sato", "ja").await;
    let before = browser.desk.acts.lock().unwrap().len();
    let request = browser.request("POST", "/batches/MSC-2607-01/hold").header("sec-fetch-site", "cross-site");
    let request =
        request.header("content-type", "application/x-www-form-urlencoded").body(Body::from("reason=x")).unwrap();
    assert_eq!(read(browser.send(request).await).await.status, StatusCode::FORBIDDEN);
    assert_eq!(browser.desk.acts.lock().unwrap().len(), before);
}

#[tokio::test]
async fn a_page_that_breaks_becomes_an_error_page_in_both_languages() {
    let mut story = Story::new("BROKEN-1", "TEN-A", "SU-1", recipe_a()).up_to("P030");
    story.then(
        BatchEvent::StateChanged { command: None, from: State::Running, to: State::Held, row: 1, text: None },
        ("sato", Role::Op),
    );
    let mut browser = Browser::of(TestDesk::new(&[&story]), "watanabe", "en").await;
    let answer = browser.get("/batches/BROKEN-1/trail").await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(answer.body.contains("記録には影響ありません") && answer.body.contains("The record is not affected"));
    assert!(answer.body.contains("製造記録ではありません"), "an error page of a demo is marked as one too");
    assert_eq!(browser.get("/batches/BROKEN-1").await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_trail_shows_old_and_new_values_and_marks_what_is_withheld_p11_08() {
    use mes_core::{
        batch::{ItemValue, Source},
        journal::{Part, PartName},
        quantity::Quantity,
    };
    let mut story = running();
    let value =
        |text: &str| ItemValue::Quantity(Quantity::new(mes_core::quantity::parse_decimal(text).unwrap(), "10*6"));
    let corrected = BatchEvent::ItemCorrected {
        phase: id("P030"),
        item: id("seeded_cells"),
        version: 2,
        old: value("135.0"),
        value: value("153.0"),
        source: Source::Manual,
        verdict: Verdict::Normal,
        text: Some("数字の入れ違い".into()),
    };
    story.then(corrected, ("sato", Role::Op));
    story.entries.last_mut().unwrap().parts.insert(PartName::Text, Part::Withheld);
    let mut browser = Browser::of(TestDesk::new(&[&story]), "watanabe", "ja").await;
    let body = browser.get("/batches/MSC-2607-01/trail").await.body;
    assert!(body.contains("<s>135.0 ×10⁶</s>") && body.contains("153.0 ×10⁶"));
    assert!(body.contains("一部 開示対象外") && !body.contains("数字の入れ違い"));
    let step = browser.get("/batches/MSC-2607-01?phase=P030").await.body;
    assert!(step.contains("135.0") && step.contains("153.0"), "the earlier value stays readable on the step screen");
}

#[tokio::test]
async fn a_stale_value_is_a_dash_with_its_cause_never_a_number_hmi_06() {
    let mut browser = Browser::of(TestDesk::new(&[&running()]), "sato", "ja").await;
    let body = browser.get("/batches/MSC-2607-01").await.body;
    let value = body.split("data-tag=\"BR-01/ph\"").nth(1).unwrap().split("</dd>").next().unwrap();
    assert!(value.contains("<b>—</b>") && value.contains("更新停止"), "{value}");
    let good = body.split("data-tag=\"BR-01/temperature\"").nth(1).unwrap().split("</dd>").next().unwrap();
    assert!(
        good.contains("<b>37.02</b>") && good.contains("data-age-ms=\"33\""),
        "2 s of facility time at rate 60: {good}"
    );
}

#[tokio::test]
async fn a_quote_is_an_offer_or_a_reason_and_keeps_what_was_asked() {
    let mut browser = Browser::of(TestDesk::new(&[]), "aoki", "en").await;
    let ask = |latest: &str| format!("recipe=MBR-MSC-001-S%401&earliest=2026-07-02T09%3A00&latest={latest}");
    let no = browser.post("/bookings/quote", &ask("2026-07-02T10%3A00")).await.body;
    assert!(no.contains("shorter than the process") && no.contains("2026-07-02T10:00"));
    let yes = browser.post("/bookings/quote", &ask("2026-07-30T10%3A00")).await.body;
    assert!(yes.contains("action=\"/bookings/request\""));
    let odd = browser.post("/bookings/quote", &ask("soon")).await;
    assert!(odd.status == StatusCode::UNPROCESSABLE_ENTITY && odd.body.contains("cannot be read"));
}

#[test]
fn the_openapi_document_describes_exactly_the_api_routes() {
    let document: serde_json::Value = serde_json::from_str(api::OPENAPI).unwrap();
    let mut described = BTreeSet::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for method in operations.as_object().unwrap().keys().filter(|key| *key != "parameters") {
            described.insert(format!("{} {path}", method.to_uppercase()));
        }
    }
    let routes = table();
    let served = routes.iter().filter(|r| r.path.starts_with("/api/")).map(|r| format!("{} {}", r.method, r.path));
    assert_eq!(described, served.collect::<BTreeSet<_>>());
}

#[tokio::test]
async fn a_refusal_over_the_api_is_data_with_the_rules_id() {
    let mut browser = Browser::of(TestDesk::new(&[&running()]), "sato", "en").await;
    *browser.desk.refusal.lock().unwrap() = Some(Rejection::new("SOD-01", "別の人", "another person"));
    let request =
        browser.request("POST", "/api/v1/batches/MSC-2607-01/commands").header("content-type", "application/json");
    let request = request.body(Body::from(r#"{"command":{"start_phase":{"phase":"P040"}}}"#)).unwrap();
    let answer = read(browser.send(request).await).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(serde_json::from_str::<serde_json::Value>(&answer.body).unwrap()["rule"], "SOD-01");
}

#[tokio::test]
async fn streams_end_when_the_server_stops() {
    let desk: Arc<dyn super::port::Desk> = TestDesk::new(&[&running()]);
    let state = AppState::new(desk, false);
    let mut browser = Browser::of(TestDesk::new(&[&running()]), "sato", "ja").await;
    browser.app = router(state.clone());
    let form = format!("person=sato&password={}", PASSWORD.replace(' ', "+"));
    browser.post("/login", &form).await;
    let request = browser.request("GET", "/live/overview").body(Body::empty()).unwrap();
    let response = browser.send(request).await;
    state.close();
    let whole = tokio::time::timeout(std::time::Duration::from_secs(10), to_bytes(response.into_body(), 1 << 24)).await;
    assert!(whole.unwrap().is_ok(), "the stream ends by itself");
}

#[tokio::test]
async fn the_stream_of_a_page_sends_its_parts_and_the_time() {
    use futures_util::StreamExt;
    let mut browser = Browser::of(TestDesk::new(&[&running()]), "sato", "ja").await;
    let request = browser.request("GET", "/live/batches/MSC-2607-01").body(Body::empty()).unwrap();
    let response = browser.send(request).await;
    assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
    let first = response.into_body().into_data_stream().next().await.unwrap().unwrap();
    let text = String::from_utf8_lossy(&first);
    assert!(text.starts_with("data: ") && !text.contains("event:"), "fragments have no name");
    for target in ["#clock", "#work", "#band", "[data-tag='BR-01/temperature']"] {
        assert!(text.contains(&format!("hx-target=\"{target}\"")), "{target}");
    }
}
