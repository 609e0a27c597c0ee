//! The seven signature flow tests of REQUIREMENTS 4.3, over the running facility.

use mes_core::{
    access::{Meaning, SignatureStatus, Subject},
    batch::{BatchCommand, Entered, PhaseStatus},
    engine::Command,
    id::BatchId,
    journal::{Event, StreamId, StreamKind},
    store::WRONG_TRIES_MAX,
    tenant::PersonEvent,
};
use reqwest::StatusCode;
use tests::{Browser, Facility, Page, Place, facility::TEST_COUNT, story};

const COUNT: &str = "TEST-COUNT";

/// A facility with a batch whose count is recorded and waits for the performer's signature.
async fn counted(place: &Place) -> (Facility, BatchId) {
    let facility = Facility::start_with(place, &[TEST_COUNT]).await;
    let batch = facility.batch(COUNT, 1).await;
    let sato = facility.person("sato");
    sato.starts(&batch, "P010").await.unwrap();
    sato.records(&batch, "P010", "viability", Entered::Number("95.0".into())).await.unwrap();
    sato.records(&batch, "P010", "volume", Entered::Number("10.0".into())).await.unwrap();
    (facility, batch)
}

fn p010() -> Subject {
    Subject::Phase("P010".parse().unwrap())
}

fn dialog_address(batch: &BatchId, meaning: &str) -> String {
    format!("/batches/{batch}/sign?subject=%7B%22phase%22:%22P010%22%7D&meaning={meaning}")
}

/// Posts the dialog that a page shows, with what the person types.
async fn post_dialog(browser: &Browser, batch: &BatchId, page: &Page, typed: &[(&str, &str)]) -> Page {
    let address = format!("/batches/{batch}/sign");
    let mut form = page.fields(&address);
    form.extend(typed.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    browser.post(&address, &form).await
}

fn signatures(facility: &Facility, batch: &BatchId) -> usize {
    facility.view().batches[batch].signatures.len()
}

#[test]
fn p11_29_wrong_passwords_lock_the_account_and_every_one_is_entered() {
    story(async |place| {
        let (facility, batch) = counted(place).await;
        let sato = facility.person("sato");
        for _ in 0..WRONG_TRIES_MAX {
            assert_eq!(sato.enters("not my password").await.unwrap_err().rule, "P11-30");
        }
        // Now even the right one does not help, neither to sign nor to log in.
        assert_eq!(sato.signs(&batch, p010(), Meaning::Performed).await.unwrap_err().rule, "P11-30");
        assert_eq!(signatures(&facility, &batch), 0);
        let browser = Browser::new(facility.web);
        let page = browser.post("/login", &[("person", "sato"), ("password", &Facility::password(sato.id()))]).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
        // Others are not locked out, and the administrator reads of it in the person's stream.
        facility.person("takahashi").enters(&Facility::password(&"takahashi".parse().unwrap())).await.unwrap();
        let scope = facility.person("kobayashi").scope();
        let stream = StreamId::new(StreamKind::Person, "sato");
        let entries = facility.desk.history(scope, stream).await.unwrap();
        let refused = entries.iter().filter_map(|entry| match Event::of(entry).unwrap() {
            Event::Person(PersonEvent::CredentialRefused { failures, locked, .. }) => Some((failures, locked)),
            _ => None,
        });
        let refused: Vec<(u32, bool)> = refused.collect();
        let counted: Vec<(u32, bool)> = (1..=WRONG_TRIES_MAX).map(|n| (n, n == WRONG_TRIES_MAX)).collect();
        assert_eq!(refused.get(..counted.len()), Some(counted.as_slice()), "{refused:?}");
        assert!(refused[counted.len()..].iter().all(|(_, locked)| *locked) && refused.len() > counted.len());
        facility.stop().await;
    });
}

#[test]
fn p11_24_signatures_in_a_series_ask_the_person_logged_in_for_one_component_each() {
    story(async |place| {
        let (facility, batch) = counted(place).await;
        let browser = facility.person("sato").browser().await;
        let page = browser.get(&dialog_address(&batch, "performed")).await;
        assert_eq!(page.status, StatusCode::OK);
        let signer = page.fields(&format!("/batches/{batch}/sign")).into_iter().find(|(name, _)| name == "signer");
        assert_eq!(signer.unwrap().1, "sato", "the id is known from the session");
        let no_password = post_dialog(&browser, &batch, &page, &[("password", "")]).await;
        assert_eq!(no_password.status, StatusCode::UNPROCESSABLE_ENTITY, "the session alone signs nothing");
        assert_eq!(signatures(&facility, &batch), 0);
        let signed = post_dialog(&browser, &batch, &page, &[("password", "sato-demo-2026")]).await;
        assert_eq!(signed.status, StatusCode::SEE_OTHER, "{}", signed.body);
        // The second person at the same terminal: a new series, so both components are asked for.
        let page = browser.get(&dialog_address(&batch, "verified")).await;
        assert!(page.body.contains("name=\"signer\"") && !page.body.contains("name=\"password\""), "{}", page.body);
        let page = browser.get(&format!("{}&signer=takahashi", dialog_address(&batch, "verified"))).await;
        let signed = post_dialog(&browser, &batch, &page, &[("password", "takahashi-demo-2026")]).await;
        assert_eq!(signed.status, StatusCode::SEE_OTHER, "{}", signed.body);
        // And the next of the first person's series: again the password, and only it.
        facility.person("sato").starts(&batch, "P020").await.unwrap();
        let page = browser.get(&dialog_address(&batch, "performed").replace("P010", "P020")).await;
        let signed = post_dialog(&browser, &batch, &page, &[("password", "sato-demo-2026")]).await;
        assert_eq!(signed.status, StatusCode::SEE_OTHER, "{}", signed.body);
        assert_eq!(signatures(&facility, &batch), 3);
        facility.stop().await;
    });
}

#[test]
fn p11_24_after_the_session_ended_everything_is_asked_again() {
    story(async |place| {
        let (facility, batch) = counted(place).await;
        let mut browser = facility.person("sato").browser().await;
        let page = browser.get(&dialog_address(&batch, "performed")).await;
        browser.post("/logout", &[("", "")]).await;
        let again = browser.get(&dialog_address(&batch, "performed")).await;
        assert!(again.location.unwrap().starts_with("/login?next="), "the dialog leads to the log-in");
        let late = post_dialog(&browser, &batch, &page, &[("password", "sato-demo-2026")]).await;
        assert!(late.location.unwrap().starts_with("/login?next="), "an old dialog signs nothing, password or not");
        assert_eq!(signatures(&facility, &batch), 0);
        for half in [[("person", "sato"), ("password", "")], [("person", ""), ("password", "sato-demo-2026")]] {
            assert_ne!(browser.post("/login", &half).await.status, StatusCode::SEE_OTHER);
        }
        browser.log_in("sato", "sato-demo-2026").await;
        let page = browser.get(&dialog_address(&batch, "performed")).await;
        let signed = post_dialog(&browser, &batch, &page, &[("password", "sato-demo-2026")]).await;
        assert_eq!(signed.status, StatusCode::SEE_OTHER, "{}", signed.body);
        facility.stop().await;
    });
}

#[test]
fn sod_01_the_performer_of_a_step_does_not_check_it() {
    story(async |place| {
        let facility = Facility::start_with(place, &[TEST_COUNT]).await;
        let batch = facility.batch(COUNT, 1).await;
        // Suzuki may do both, but not in the same step, and not from somebody else's session either.
        let suzuki = facility.person("suzuki");
        suzuki.starts(&batch, "P010").await.unwrap();
        suzuki.records(&batch, "P010", "viability", Entered::Number("95.0".into())).await.unwrap();
        suzuki.records(&batch, "P010", "volume", Entered::Number("10.0".into())).await.unwrap();
        suzuki.signs_phase(&batch, "P010", Meaning::Performed).await.unwrap();
        for suzuki in [suzuki.clone(), suzuki.clone().at_session_of("takahashi")] {
            assert_eq!(suzuki.signs_phase(&batch, "P010", Meaning::Verified).await.unwrap_err().rule, "SOD-01");
        }
        let run = |facility: &Facility| facility.view().batches[&batch].phases[&"P010".parse().unwrap()].status;
        assert_eq!(run(&facility), PhaseStatus::AwaitingVerification);
        facility.person("takahashi").signs_phase(&batch, "P010", Meaning::Verified).await.unwrap();
        assert_eq!(run(&facility), PhaseStatus::Complete);
        facility.stop().await;
    });
}

#[test]
fn p11_17_the_meanings_are_limited_by_role_and_step() {
    story(async |place| {
        let (facility, batch) = counted(place).await;
        let meanings = [
            Meaning::Verified,
            Meaning::Authored,
            Meaning::Reviewed,
            Meaning::Approved,
            Meaning::Released,
            Meaning::Rejected,
            Meaning::Witnessed,
        ];
        for person in ["sato", "takahashi", "tanaka", "watanabe", "yamamoto", "kobayashi"] {
            for meaning in meanings {
                let refused = facility.person(person).signs_phase(&batch, "P010", meaning).await.unwrap_err();
                let by_rule = refused.rule.starts_with("P11-") || refused.rule.starts_with("SOD-");
                assert!(by_rule, "{person}, {meaning:?}: {refused}");
            }
        }
        for person in ["watanabe", "yamamoto", "kobayashi", "nakamura", "aida"] {
            let refused = facility.person(person).signs_phase(&batch, "P010", Meaning::Performed).await.unwrap_err();
            assert!(matches!(refused.rule.as_str(), "P11-11" | "SOD-07"), "{person}: {refused}");
        }
        for subject in [Subject::ProductionReview, Subject::QualityReview, Subject::Disposition] {
            let refused = facility.person("sato").signs(&batch, subject, Meaning::Reviewed).await.unwrap_err();
            assert!(matches!(refused.rule.as_str(), "P11-11" | "SOD-03"), "{refused}");
        }
        assert_eq!(signatures(&facility, &batch), 0);
        // A page that was changed to post another meaning than it offered signs nothing either.
        let browser = facility.person("sato").browser().await;
        let page = browser.get(&dialog_address(&batch, "performed")).await;
        let address = format!("/batches/{batch}/sign");
        let mut form = page.fields(&address);
        form.iter_mut().filter(|(name, _)| name == "meaning").for_each(|(_, value)| *value = "approved".into());
        form.push(("password".into(), "sato-demo-2026".into()));
        assert_eq!(browser.post(&address, &form).await.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(signatures(&facility, &batch), 0);
        facility.person("sato").signs_phase(&batch, "P010", Meaning::Performed).await.unwrap();
        facility.stop().await;
    });
}

#[test]
fn p11_08_the_edit_of_a_signed_field_makes_a_new_version_and_unsigns_it() {
    story(async |place| {
        let (facility, batch) = counted(place).await;
        facility.person("sato").signs_phase(&batch, "P010", Meaning::Performed).await.unwrap();
        facility.person("takahashi").signs_phase(&batch, "P010", Meaning::Verified).await.unwrap();
        let before = facility.view().batches[&batch].signatures.clone();
        let (phase, item) = ("P010".parse().unwrap(), "viability".parse().unwrap());
        let correct = |reason: &str| BatchCommand::Correct {
            phase: "P010".parse().unwrap(),
            item: "viability".parse().unwrap(),
            value: Entered::Number("94.0".into()),
            reason: reason.to_owned(),
        };
        let silent = facility.person("takahashi").does(&batch, correct(" ")).await.unwrap_err();
        assert_eq!(silent.rule, "A11-14", "a correction says why: {silent}");
        facility.person("takahashi").does(&batch, correct("読み違い / misread")).await.unwrap();
        let view = facility.view();
        let after = &view.batches[&batch];
        let known = &after.phases[&phase].items[&item];
        assert_eq!((known.version, known.value.shown().as_str()), (2, "94.0 %"));
        assert_eq!(known.corrected.len(), 1);
        assert_eq!(known.corrected[0].old.shown(), "95.0 %", "what was there before is kept");
        for ((old, _), (kept, standing)) in before.iter().zip(&after.signatures) {
            assert_eq!(old, kept, "a signature is never changed");
            assert_eq!(*standing, SignatureStatus::SupersededFor(vec![item.clone()]));
        }
        assert!(!after.signed_item(&phase, &item) && after.signed_item(&phase, &"volume".parse().unwrap()));
        assert_eq!(after.phases[&phase].unverified, std::slice::from_ref(&item), "it waits for a second person");
        let corrections = Subject::Corrections(phase.clone());
        let own = facility.person("takahashi").signs(&batch, corrections.clone(), Meaning::Verified).await.unwrap_err();
        assert_eq!(own.rule, "SOD-01");
        facility.person("tanaka").signs(&batch, corrections, Meaning::Verified).await.unwrap();
        assert!(facility.view().batches[&batch].signed_item(&phase, &item));
        facility.stop().await;
    });
}

#[test]
fn p11_19_a_signature_copied_to_another_record_does_not_verify() {
    story(async |place| {
        let (facility, batch) = counted(place).await;
        let sato = facility.person("sato");
        let dialog = sato.dialog(&batch, &p010(), Meaning::Performed).unwrap();
        let BatchCommand::Sign { statement, shown_at, signature, meaning, language, .. } = dialog.clone() else {
            panic!("a dialog posts a signature");
        };
        let signer = sato.enters("sato-demo-2026").await.unwrap();
        let give = |command| sato.act_with(signer.clone(), Command::Batch { batch: batch.clone(), command });
        give(dialog.clone()).await.unwrap();
        facility.person("takahashi").signs_phase(&batch, "P010", Meaning::Verified).await.unwrap();
        sato.starts(&batch, "P020").await.unwrap();
        // The row for another record, under its own id and under a new one; and the very same row once more.
        for id in [signature.clone(), "SIG-copied".parse().unwrap()] {
            let subject = Subject::Phase("P020".parse().unwrap());
            let copied =
                BatchCommand::Sign { subject, meaning, statement, shown_at, language, signature: id, text: None };
            assert_eq!(give(copied).await.unwrap_err().rule, "P11-19");
        }
        assert!(give(dialog).await.is_err(), "a signature is used once");
        assert_eq!(signatures(&facility, &batch), 2);
        // Whoever checks the row offline rebuilds the statement of the record it stands at, and finds another hash.
        let view = facility.view();
        let state = &view.batches[&batch];
        let row = &state.signatures[0].0;
        let there = |subject: &Subject| {
            let (meaning, signer) = (row.statement.meaning, &row.statement.signer);
            let made = state.statement(subject, meaning, signer, row.statement.shown_at, row.statement.language);
            made.unwrap().hash().unwrap()
        };
        assert_eq!(row.statement.hash().unwrap(), row.statement_hash);
        assert_eq!(there(&p010()), row.statement_hash);
        assert_ne!(there(&Subject::Phase("P020".parse().unwrap())), row.statement_hash);
        facility.stop().await;
    });
}
