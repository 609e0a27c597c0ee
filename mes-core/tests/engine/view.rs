//! What a view holds, and what a person's cut of it does not (TEN-01, SOD-13, SOD-14).

use mes_core::engine::{Command, View};
use mes_core::quantity::Language;

use crate::bench::{Bench, id};

fn shown(view: &View) -> String {
    format!("{view:?}")
}

fn two_tenants() -> Bench {
    let mut bench = Bench::with_batch();
    bench.book("BK-2", "baba", "MBR-B", &bench.window("SU-2", 0, 5)).unwrap();
    bench.act("baba", Command::ChooseLanguage { language: Language::En }).unwrap();
    bench.reads("temperature", 37.0);
    bench
}

#[test]
fn ten_01_the_cut_of_one_tenant_names_nothing_of_another() {
    let bench = two_tenants();
    let view = bench.engine.view(bench.now);
    let a = shown(&view.cut(&Bench::scope("aida")));
    for foreign in ["TEN-B", "MBR-B", "MSC-B", "BK-2", "AG-B", "baba", "bito", "Bessho"] {
        assert!(!a.contains(foreign), "{foreign}");
    }
    let b = shown(&view.cut(&Bench::scope("bito")));
    for foreign in ["TEN-A", "MBR-A", "MSC-A", "BK-1", "B-1", "AG-A", "aoki", "Aida", "BR-01"] {
        assert!(!b.contains(foreign), "{foreign}");
    }
    assert!(a.contains("B-1") && b.contains("BK-2"));
}

#[test]
fn facility_staff_see_all_an_auditor_what_was_granted_until_it_ends_and_a_stranger_nothing() {
    let bench = two_tenants();
    let view = bench.engine.view(bench.now);
    let all = view.cut(&Bench::scope("tanaka"));
    assert_eq!((all.bookings.len(), all.batches.len(), all.recipes.len()), (2, 1, 2));
    let granted = view.cut(&Bench::scope("arai"));
    assert_eq!((granted.bookings.len(), granted.batches.len()), (1, 1));
    let mut later = view.clone();
    later.now = "2027-01-01T00:00:00Z".parse().unwrap();
    assert!(later.cut(&Bench::scope("arai")).batches.is_empty());
    assert!(view.cut(&Bench::scope("stranger")).batches.is_empty());
}

#[test]
fn ten_02_what_is_taken_says_when_and_never_for_whom() {
    let bench = two_tenants();
    let view = bench.engine.view(bench.now);
    let taken = view.taken(&Bench::scope("bito"));
    assert_eq!(taken, vec![(id("SU-1"), bench.window("SU-1", 0, 10).from, bench.window("SU-1", 0, 10).until)]);
}
