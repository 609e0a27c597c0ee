//! One event of every type, as version 1 wrote it. Used once, to write a golden journal; never to check one.

use mes_core::{
    isa88::RecipeBody,
    journal::Event,
    tenant::{DeviceTemplate, Facility, FacilityItem, difference},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

const ZERO: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The event in some JSON with a `type`.
pub(crate) fn event(value: Value) -> Event {
    fn read<T: DeserializeOwned>(value: Value) -> T {
        let shown = value["type"].clone();
        serde_json::from_value(value).unwrap_or_else(|error| panic!("{shown}: {error}"))
    }
    match value["type"].as_str().unwrap().split('.').next().unwrap() {
        "journal" => Event::Journal(read(value)),
        "facility" => Event::Facility(read(value)),
        "equipment" => Event::Equipment(read(value)),
        "person" => Event::Person(read(value)),
        "recipe" => Event::Recipe(read(value)),
        "booking" => Event::Booking(read(value)),
        "plan" => Event::Plan(read(value)),
        "batch" => Event::Batch(read(value)),
        "samples" => Event::Samples(read(value)),
        other => panic!("{other}"),
    }
}

fn items() -> Vec<FacilityItem> {
    let said = |ja: &str, en: &str| json!({"ja": ja, "en": en});
    let tag = json!({
        "name": "temperature", "title": said("温度", "Temperature"), "unit": "Cel", "decimals": 2, "writable": true,
        "limits": {"range": {"low": "30", "high": "45.5"}, "stale_after_s": 10}
    });
    let shift = json!({"days": [1, 2, 3, 4, 5], "from_min": 480, "until_min": 1020, "staffed_percent": 100});
    let all = json!([
        {"name": {"name": said("試験施設", "Test facility"), "permit": "27FZ000001", "shifts": [shift]}},
        {"tenant": {"id": "TEN-A", "name": said("入居者A", "Tenant A")}},
        {"agreement": {
            "id": "AG-A", "tenant": "TEN-A", "product": "MSC", "manufacturer": "facility", "permit": "27FZ000001",
            "suites": ["SU-1"], "tolerance_h": 24
        }},
        {"suite": {
            "id": "SU-1", "name": said("スイート1", "Suite 1"), "grade": "B", "places": 1, "viral": true,
            "qualified_until": "2030-01-01T00:00:00Z"
        }},
        {"terminal": {"id": "T-1", "suite": "SU-1"}},
        {"equipment": {
            "id": "INC-01", "name": said("培養器1", "Incubator 1"), "class": "incubator", "suite": "SU-1",
            "calibrated_until": "2030-01-01T00:00:00Z",
            "link": {"template": "co2-incubator", "address": "127.0.0.1:502", "unit_id": 2, "user": "mes"}, "tags": [tag]
        }},
        {"person": {
            "id": "sato", "name": {"ja": "佐藤 花子", "en": "Sato Hanako"}, "employer": "TEN-A",
            "roles": [{"role": "OP", "tenant": "TEN-A", "until": "2027-01-01T00:00:00Z"}], "language": "en", "active": false
        }},
    ]);
    serde_json::from_value(all).unwrap()
}

/// A recipe with every kind of phase. It is read as a record, not checked as a recipe.
fn recipe() -> RecipeBody {
    serde_json::from_str(include_str!("recipe-1.json")).unwrap()
}

fn at(minute: u32) -> String {
    format!("2026-07-01T05:{minute:02}:00.000Z")
}

fn reading(value: Value) -> Value {
    json!({
        "tag": "INC-01/temperature", "value": value, "quality": {"grade": "good"},
        "source_time": at(1), "receive_time": at(1), "seq": 7
    })
}

fn signature() -> Value {
    json!({
        "id": "SIG-1", "subject": {"phase": "P010"}, "name": "佐藤 花子 (Sato Hanako)", "role": "OP",
        "statement": {
            "records": [{"record": "MSC-2607-01/P010/viability", "version": 1, "hash": ZERO}],
            "meaning": "performed", "signer": "sato", "shown_at": at(8), "language": "ja"
        },
        "statement_hash": ZERO, "at": at(9), "method": "password"
    })
}

fn issued() -> Value {
    let mut facility = Facility::default();
    items().into_iter().for_each(|item| facility.adopt(item));
    json!({
        "batch": "MSC-2607-01", "booking": "BK-1", "tenant": facility.tenants.values().next(),
        "facility": facility.name, "agreement": facility.agreements.values().next(), "recipe": recipe(),
        "recipe_hash": ZERO, "approvals": {"author": "abe", "production": "tanaka", "quality": "watanabe"},
        "lot": "L2607", "coi": "COI-0001", "suite": facility.suites.values().next(),
        "equipment": {"incubator": facility.equipment.values().last()}, "policies_hash": ZERO
    })
}

fn window() -> Value {
    json!({"suite": "SU-1", "equipment": {"incubator": "INC-01"}, "from": at(0), "until": at(59), "activities": [{"phase": "P010", "from": at(0), "until": at(9)}]})
}

/// The stream and the event, for every event type or version that joined since the last golden journal.
pub(crate) fn newest() -> Vec<(&'static str, Value)> {
    let booking = |value| ("booking:BK-1", value);
    let reason = json!({"ja": "合意した時刻に空きがなくなったため", "en": "no capacity of this kind at the agreed time any more"});
    vec![
        booking(json!({
            "type": "booking.move_proposed", "booking": "BK-1", "old": window(), "window": window(), "reason": reason,
            "until": at(40), "by": "nakamura"
        })),
        booking(json!({"type": "booking.move_accepted", "booking": "BK-1", "signature": booking_signature("consent")})),
        booking(
            json!({"type": "booking.move_refused", "booking": "BK-2", "by": "aoki", "text": "患者の都合 the patient's date"}),
        ),
        booking(json!({"type": "booking.move_lapsed", "booking": "BK-3", "due": at(40), "noticed": at(41)})),
        booking(json!({"type": "booking.move_withdrawn", "booking": "BK-4", "plan": "PLN-1"})),
    ]
}

/// The same for the seventh golden journal.
pub(crate) fn seventh() -> Vec<(&'static str, Value)> {
    let file = json!({"name": "記録 17.csv", "sha256": ZERO});
    let taken = json!({"type": "equipment.report_exported", "equipment": "CP-01", "file": file, "by": "nakamura"});
    vec![("equipment:CP-01", taken)]
}

/// The same for the sixth golden journal.
pub(crate) fn sixth() -> Vec<(&'static str, Value)> {
    let tags = json!([
        {"tag": "temperature", "asked_us": 500_000, "effective_us": 1_000_000},
        {"tag": "ph", "asked_us": 100_500, "refused": "BadFilterNotAllowed"}
    ]);
    let happened = json!({
        "equipment": "INC-01", "source": "Door", "message": "扉 open", "severity": 700, "source_time": at(3),
        "receive_time": at(4)
    });
    let left_out = json!({"kind": "alarms", "count": 12, "since": at(2)});
    let certificate = json!({
        "thumbprint": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b", "subject": "CN=PROBE", "issuer": "CN=Maker CA",
        "valid_from": at(0), "valid_until": at(59), "equipment": "INC-01"
    });
    let unit = |value| ("equipment:INC-01", value);
    let batch = |value| ("batch:MSC-2607-01", value);
    vec![
        unit(json!({"type": "equipment.sampling_agreed", "equipment": "INC-01", "tags": tags})),
        unit(json!({"type": "equipment.event_reported", "happened": happened, "again": 0})),
        unit(json!({"type": "equipment.messages_left_out", "equipment": "INC-01", "left_out": left_out})),
        unit(json!({"type": "equipment.connect_asked", "equipment": "INC-01", "by": "sato"})),
        unit(json!({"type": "equipment.certificate_ends", "certificate": certificate, "within_days": 30})),
        unit(json!({
            "type": "equipment.samples_exported", "tag": "INC-01/temperature", "from": at(0), "until": at(59),
            "file": {"name": "INC-01-temperature.csv", "sha256": ZERO}, "by": "sato"
        })),
        batch(json!({"type": "batch.sampling_agreed", "role": "incubator", "equipment": "INC-01", "tags": tags})),
        batch(json!({"type": "batch.device_event_reported", "role": "incubator", "happened": happened, "again": 7})),
        batch(json!({
            "type": "batch.messages_left_out", "role": "incubator", "equipment": "INC-01",
            "left_out": {"kind": "link_causes", "count": 3, "since": at(2)}
        })),
    ]
}

/// The same for the fifth golden journal.
pub(crate) fn fifth() -> Vec<(&'static str, Value)> {
    let report = json!({
        "equipment": "CP-01", "name": "記録 17.csv", "sha256": ZERO, "bytes": 4096, "written": at(3),
        "template": "cell-processor-report", "template_version": 1, "lot": "LOT-1",
        "values": [{"tag": "viability", "value": {"real": "91.5"}, "unit": "%"}],
        "problems": [{"ja": "F0: 空欄である", "en": "F0: it is empty"}]
    });
    vec![
        ("equipment:CP-01", json!({"type": "equipment.report_received", "report": report})),
        ("batch:MSC-2607-01", json!({"type": "batch.report_received", "role": "processor", "report": report})),
    ]
}

/// The same for the fourth golden journal.
pub(crate) fn fourth() -> Vec<(&'static str, Value)> {
    let sealed = json!({
        "equipment": "INC-01", "from": at(0), "until": at(59), "root": ZERO,
        "chunks": [{"tag": "INC-01/temperature", "from": at(0), "until": at(1), "count": 2, "hash": ZERO}],
        "supplement": true
    });
    vec![("samples:INC-01", json!({"type": "samples.facility_sealed", "sealed": sealed}))]
}

/// The same for the third golden journal.
pub(crate) fn third() -> Vec<(&'static str, Value)> {
    let template = DeviceTemplate::read(
        "name: probe\nversion: 2\nsummary: pH\nprotocol: opc_ua\ntags:\n  - { name: ph, unit: \"[pH]\", access: read, range: [0, 14] }\n",
    );
    let template = template.unwrap();
    let mark = json!({"name": "probe", "version": 2, "hash": template.hash});
    let link = json!({
        "template": "probe", "template_version": 2, "address": "opc.tcp://10.0.0.9:4840/", "unit_id": 1,
        "token": "certificate", "security": {"policy": "Basic256", "mode": "Sign", "exception": "旧型 old firmware"}
    });
    let mut unit = serde_json::to_value(items().into_iter().find(|item| item.key().kind == "equipment")).unwrap();
    unit["equipment"]["link"] = link.clone();
    let changes = json!([{"new": {"device_template": template}, "old": null}, {"new": unit, "old": null}]);
    let mut issued = issued();
    issued["equipment"]["incubator"]["link"] = link;
    issued["device_templates"] = json!([mark]);
    vec![
        (
            "facility:facility",
            json!({"type": "facility.change_proposed", "change": "CH-2", "items": changes, "by": "nakamura", "text": null}),
        ),
        ("batch:MSC-2607-01", json!({"type": "batch.issued", "issued": issued})),
        (
            "equipment:INC-01",
            json!({"type": "equipment.certificate_judged", "accepted": true, "by": "nakamura", "text": "銘板と照合 compared",
                "certificate": {
                    "thumbprint": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b", "subject": "CN=PROBE", "issuer": "CN=Maker CA",
                    "valid_from": at(0), "valid_until": at(59), "equipment": "INC-01"
                }
            }),
        ),
    ]
}

/// The same for the second golden journal.
pub(crate) fn second() -> Vec<(&'static str, Value)> {
    let booking = |value| ("booking:BK-1", value);
    let asked = json!({
        "recipe": "MBR-1", "version": 1, "earliest": at(0), "latest": at(59),
        "series": {"batches": 2, "cadence_d": 7, "tolerance_h": 12}
    });
    let stated = json!({"regime": "gctp", "open_handling": true, "infection": "unknown", "patient_date": at(58)});
    let answers = json!({
        "separated": "satisfied", "cabinets": "not_applicable", "vectors": "satisfied", "infected": "not_satisfied"
    });
    let objective = json!({
        "total": 4_123, "tardiness": 1, "changeover": 2, "route": 3, "drop": 4, "makespan": 123
    });
    vec![
        booking(json!({
            "type": "booking.offered", "booking": "BK-1", "tenant": "TEN-A", "asked": asked,
            "offers": [{"kind": "earliest", "windows": [window(), window()]}], "valid_until": at(30), "refusal": null
        })),
        booking(json!({
            "type": "booking.held", "booking": "BK-1-1", "until": at(40), "request": "BK-1", "position": 1, "of": 2,
            "stated": stated, "text": "液体窒素 dry shipper"
        })),
        booking(json!({"type": "booking.lapsed", "booking": "BK-1-2", "due": at(40), "noticed": at(41)})),
        booking(json!({
            "type": "booking.risk_assessed", "booking": "BK-1-1", "assessment": {"answers": answers, "acceptable": false},
            "signature": booking_signature("risk_assessment"), "text": "閉鎖系 closed"
        })),
        booking(json!({
            "type": "booking.approved", "booking": "BK-1-1", "signature": booking_signature("approval")
        })),
        booking(json!({
            "type": "booking.confirmed", "booking": "BK-1-1", "by": "nakamura",
            "signature": booking_signature("confirmation")
        })),
        booking(json!({
            "type": "booking.moved", "booking": "BK-1-1", "old": window(), "window": window(), "plan": "PLN-1"
        })),
        (
            "plan:plan",
            json!({"type": "plan.adopted", "plan": "PLN-1", "by": "nakamura", "adopted": {
                "inputs": ZERO, "seed": 1, "steps": 20_000, "solver": "scheduler 0.1.0", "objective": objective,
                "origin": at(0), "slot_min": 5, "cause": {"ja": "遅れ", "en": "late"},
                "batches": [{
                    "booking": "BK-1-1", "route": "SU-1", "starts": [0, 12], "suites": ["SU-1"], "equipment": ["INC-01"]
                }],
                "moves": [{"booking": "BK-1-1", "window": window(), "reason": {"ja": "遅れ", "en": "late"}}]
            }}),
        ),
    ]
}

fn booking_signature(step: &str) -> Value {
    let mut signed = signature();
    signed["subject"] = json!({"booking": ["BK-1", step]});
    signed
}

/// The stream and the event, for every event type of the first golden journal.
pub(crate) fn first() -> Vec<(&'static str, Value)> {
    [journal_and_facility(), recipes_and_bookings(), batch_execution(), batch_review()].concat()
}

fn journal_and_facility() -> Vec<(&'static str, Value)> {
    let changes = difference(&Facility::default(), items());
    let mut events = vec![
        (
            "journal:facility",
            json!({"type": "journal.opened", "purpose": "demo", "facility_time": at(0), "wall_time": at(0), "key": ZERO}),
        ),
        ("journal:facility", json!({"type": "journal.started", "software": "0.1.0", "wall_time": at(0)})),
        ("journal:facility", json!({"type": "journal.rate_changed", "rate": 3600})),
        (
            "facility:facility",
            json!({"type": "facility.change_proposed", "change": "CH-1", "items": changes, "by": "nakamura", "text": "最初の構成 first"}),
        ),
        ("facility:facility", json!({"type": "facility.change_approved", "change": "CH-1", "by": "watanabe"})),
        (
            "equipment:INC-01",
            json!({"type": "equipment.link_changed", "equipment": "INC-01", "state": {"degraded": "slow"}, "cause": "timeout", "at": at(2)}),
        ),
    ];
    for person in [
        json!({"type": "person.logged_in", "person": "sato"}),
        json!({"type": "person.logged_out", "person": "sato", "timed_out": true}),
        json!({"type": "person.credential_refused", "person": "sato", "failures": 5, "locked": true}),
        json!({"type": "person.refused", "person": "sato", "command": "release", "object": "MSC-2607-01", "rule": "SOD-01", "count": 2}),
        json!({"type": "person.credential_set", "person": "sato"}),
        json!({"type": "person.language_chosen", "person": "sato", "language": "en"}),
    ] {
        events.push(("person:sato", person));
    }
    events
}

fn recipes_and_bookings() -> Vec<(&'static str, Value)> {
    let booking = |value| ("booking:BK-1", value);
    let said = json!({"ja": "空きなし", "en": "no capacity of this kind in this window"});
    vec![
        ("recipe:MBR-1", json!({"type": "recipe.submitted", "body": recipe(), "hash": ZERO, "author": "abe"})),
        (
            "recipe:MBR-1",
            json!({"type": "recipe.approved", "recipe": "MBR-1", "version": 1, "approval": "quality", "signature": signature()}),
        ),
        booking(json!({
            "type": "booking.quoted", "booking": "BK-1", "tenant": "TEN-A", "recipe": "MBR-1", "version": 1,
            "earliest": at(0), "latest": at(59), "offer": window(), "refusal": said
        })),
        booking(json!({
            "type": "booking.requested", "booking": "BK-1", "tenant": "TEN-A", "product": "MSC", "recipe": "MBR-1",
            "version": 1, "window": window(), "by": "aoki"
        })),
        booking(json!({"type": "booking.confirmed", "booking": "BK-1", "by": "nakamura"})),
        booking(json!({"type": "booking.refused", "booking": "BK-2", "reason": said})),
        booking(json!({"type": "booking.withdrawn", "booking": "BK-3"})),
        booking(json!({"type": "booking.batch_issued", "booking": "BK-1", "batch": "MSC-2607-01"})),
    ]
}

fn batch_execution() -> Vec<(&'static str, Value)> {
    let value = json!({"quantity": {"value": "93.5", "unit": "%"}});
    let outcome = json!({
        "effect": "tenant:TEN-A#9", "tag": "BR-01/temperature-setpoint", "result": "confirmed",
        "before": {"real": "36"}, "read_back": {"real": "37"}, "at": at(5)
    });
    let events = vec![
        json!({"type": "batch.issued", "issued": issued()}),
        json!({"type": "batch.phase_started", "phase": "P010"}),
        json!({
            "type": "batch.item_recorded", "phase": "P010", "item": "viability", "value": value,
            "source": {"tag": reading(json!({"real": "93.46"}))}, "verdict": "out_of_normal", "performer": "mori",
            "text": "濁りあり cloudy"
        }),
        json!({
            "type": "batch.item_corrected", "phase": "P010", "item": "viability", "version": 2, "old": value,
            "value": "confirmed", "source": {"calculated": {"expression": "a / b", "inputs": {"a": "v1"}}},
            "verdict": "normal", "text": "misread"
        }),
        json!({"type": "batch.write_requested", "phase": "P020", "item": "set", "tag": "BR-01/temperature-setpoint", "value": {"real": "37"}, "tolerance": "0.1"}),
        json!({"type": "batch.write_resolved", "phase": "P020", "item": "set", "effect": "tenant:TEN-A#9", "outcome": outcome}),
        json!({
            "type": "batch.condition_met", "phase": "P030",
            "evidence": {"expression": "reactor.glucose < 3.0", "since": at(3), "readings": [reading(json!({"integer": "3"}))]}
        }),
        json!({"type": "batch.limit_returned", "phase": "P030", "item": "w1", "evidence": reading(json!({"flag": true}))}),
        json!({"type": "batch.link_changed", "role": "incubator", "equipment": "INC-01", "state": "online", "cause": "connected", "at": at(6)}),
        json!({"type": "batch.signed", "signature": signature(), "text": "done"}),
        json!({"type": "batch.signature_rejected", "signature": "SIG-1", "phase": "P010", "text": "look again"}),
        json!({"type": "batch.phase_completed", "phase": "P010"}),
        json!({"type": "batch.state_changed", "command": "hold", "from": "running", "to": "holding", "row": 4, "text": "pause"}),
        json!({"type": "batch.commented", "phase": "P010", "text": "\u{0}\u{7f}\u{2028}𠮷 \"\\ /"}),
        json!({"type": "batch.late_entered", "phase": "P010", "claimed": at(1), "text": "terminal was down"}),
        json!({"type": "batch.execution_completed"}),
    ];
    events.into_iter().map(|event| ("batch:MSC-2607-01", event)).collect()
}

fn batch_review() -> Vec<(&'static str, Value)> {
    let seals = json!([{"stream": "batch:MSC-2607-01", "seq": 16, "hash": ZERO}]);
    let cause = json!({"hold_time": {"due": at(1), "noticed": at(2)}});
    let sealed = json!({
        "batch": "MSC-2607-01", "equipment": "INC-01", "from": at(0), "until": at(59), "root": ZERO,
        "chunks": [{"tag": "INC-01/temperature", "from": at(0), "until": at(1), "count": 2, "hash": ZERO}],
        "supplement": false
    });
    let batch = |value| ("batch:MSC-2607-01", value);
    vec![
        batch(
            json!({"type": "batch.deviation_opened", "deviation": "DEV-1", "phase": "P010", "item": null, "cause": cause, "text": "seen"}),
        ),
        batch(
            json!({"type": "batch.deviation_classified", "deviation": "DEV-1", "class": "minor", "text": "no impact"}),
        ),
        batch(
            json!({"type": "batch.deviation_closed", "deviation": "DEV-1", "signature": "SIG-1", "text": "accepted"}),
        ),
        ("samples:MSC-2607-01/INC-01", json!({"type": "samples.sealed", "sealed": sealed})),
        batch(json!({"type": "batch.audit_trail_reviewed", "up_to": 16})),
        batch(json!({"type": "batch.reviewed", "kind": "quality", "signature": "SIG-1"})),
        batch(json!({"type": "batch.released", "signature": "SIG-1", "seals": seals, "text": "ok"})),
        batch(json!({"type": "batch.rejected", "signature": "SIG-1", "seals": seals, "text": "no"})),
        batch(json!({"type": "batch.exported", "files": [{"name": "record.pdf", "sha256": ZERO}]})),
    ]
}
