//! Rows 14 and 29: performers and checkers with their signatures; the people and their roles.

use std::collections::BTreeMap;

use mes_core::{
    access::{Actor, Signature, SignatureStatus},
    batch::BatchEvent,
    clock::Timestamp,
    id::PersonId,
    quantity::Bilingual,
    tenant::Role,
};

use crate::{
    document::{Block, Cell, Mark, Row, Section, column},
    source::{Line, Source},
    wording,
};

/// Every signature with all that REQUIREMENTS 4.3 prints (P11-17, P11-18).
pub(super) fn signature_rows(source: &Source, wanted: impl Fn(&Signature) -> bool) -> Block {
    let rows = source.events().filter_map(|(line, event)| match event {
        BatchEvent::Signed { signature, .. } if wanted(signature) => Some(signature_row(source, line, signature)),
        _ => None,
    });
    Block::Table {
        key: "signatures",
        title: None,
        columns: vec![
            column("name", 23, "署名者氏名・ID", "Printed name, id"),
            column("role", 16, "役割", "Role in effect"),
            column("meaning", 15, "署名の意味", "Meaning"),
            column("at", 21, "署名日時", "Date and time"),
            column("record", 25, "対象の記録・版", "Record, version"),
            column("hash", 16, "ハッシュ", "Hash"),
            column("method", 20, "認証方法", "Authenticated"),
            column("status", 14, "状態", "Status"),
            column("reason", 18, "理由・コメント", "Reason"),
        ],
        rows: rows.collect(),
    }
}

fn signature_row(source: &Source, line: &Line, signature: &Signature) -> Row {
    let standing =
        source.signature(&signature.id).map(|(_, standing)| standing.clone()).unwrap_or(SignatureStatus::Valid);
    let versions: Vec<u32> = signature.statement.records.iter().map(|record| record.version).collect();
    let count = versions.len();
    let newest = versions.into_iter().max().unwrap_or(1);
    let records = match signature.statement.records.as_slice() {
        [] => Cell::Empty,
        [only] => Cell::text(format!("{} v{}", only.record, only.version)),
        _ => Cell::both(format!("{count} 件の記録(最新 v{newest})"), format!("{count} records (newest v{newest})")),
    };
    let mark = match standing {
        SignatureStatus::Valid => None,
        SignatureStatus::SupersededFor(_) | SignatureStatus::Superseded => Some(Mark::Look),
        SignatureStatus::Rejected => Some(Mark::Out),
    };
    Row::of(
        line,
        vec![
            Cell::lines(vec![Cell::text(signature.name.clone()), Cell::text(signature.statement.signer.as_str())]),
            Cell::bilingual(wording::role(signature.role)),
            Cell::bilingual(wording::meaning(signature.statement.meaning)),
            Cell::text(signature.at.shown_signed()),
            Cell::lines(vec![Cell::bilingual(wording::subject(&signature.subject)), records]),
            Cell::text(signature.statement_hash.short()),
            Cell::bilingual(wording::auth(signature.method)),
            Cell::bilingual(wording::signature_status(&standing)),
            Cell::words(line),
        ],
    )
    .marked(mark)
}

/// Row 14.
pub(super) fn signatures(source: &Source) -> Section {
    let rejected = source.events().filter_map(|(line, event)| match event {
        BatchEvent::SignatureRejected { signature, phase, .. } => {
            let whose = source.signature(signature).map(|(known, _)| known.name.clone()).unwrap_or_default();
            Some(Row::of(
                line,
                vec![
                    Cell::text(format!("{whose} {signature}")),
                    Cell::bilingual(source.phase_title(phase)),
                    line.actor(),
                    Cell::time(Some(line.at())),
                    Cell::words(line),
                ],
            ))
        }
        _ => None,
    });
    let rejected = Block::Table {
        key: "rejected",
        title: Some(Bilingual::new("却下された署名", "Rejected signatures")),
        columns: vec![
            column("signature", 26, "署名", "Signature"),
            column("phase", 24, "工程", "Step"),
            column("by", 22, "却下した者", "Rejected by"),
            column("at", 22, "日時", "When"),
            column("reason", 40, "理由", "Reason"),
        ],
        rows: rejected.collect(),
    };
    Section::new(
        14,
        vec![performers(source), signature_rows(source, |_| true), rejected],
        Bilingual::new("署名のエントリーがない。", "No entry is a signature."),
    )
}

fn performers(source: &Source) -> Block {
    use mes_core::access::{Meaning, Subject};
    let signers = |phase: &mes_core::id::PhaseId, verified: bool| {
        let of = source.batch.signatures.iter().filter(|(signature, standing)| {
            let subject = matches!(&signature.subject, Subject::Phase(of) | Subject::Corrections(of) | Subject::Items(of, _) if of == phase);
            subject && *standing != SignatureStatus::Rejected && (signature.statement.meaning == Meaning::Verified) == verified
        });
        Cell::lines(
            of.map(|(signature, _)| Cell::text(format!("{} {}", signature.name, signature.at.shown()))).collect(),
        )
    };
    let rows = source.phases().filter_map(|phase| {
        let run = source.batch.phases.get(&phase.id).filter(|run| run.started_at.is_some())?;
        let people = run.performers.iter().map(|person| Cell::text(source.name(person)));
        Some(Row::new(vec![
            Cell::bilingual(source.phase_title(&phase.id)),
            Cell::bilingual(wording::sign_off(phase.sign)),
            Cell::lines(people.collect()),
            signers(&phase.id, false),
            signers(&phase.id, true),
        ]))
    });
    Block::Table {
        key: "performers",
        title: Some(Bilingual::new("各工程の作業者・確認者", "Performers and checkers of each step")),
        columns: vec![
            column("phase", 28, "工程", "Step"),
            column("required", 18, "必要な署名", "Signatures asked for"),
            column("performers", 24, "作業者", "Performed by"),
            column("performed", 32, "実施の署名", "Signed as performed"),
            column("verified", 32, "二重確認の署名", "Signed as verified"),
        ],
        rows: rows.collect(),
    }
}

/// What one person did in one role.
struct Acts {
    id: PersonId,
    first: Timestamp,
    last: Timestamp,
    count: u64,
}

/// Row 29.
pub(super) fn workforce(source: &Source) -> Section {
    let mut people: BTreeMap<(String, Option<Role>), Acts> = BTreeMap::new();
    for line in &source.lines {
        let Some(Actor::Person { id, name, role }) = line.who.as_ref().map(|who| &who.actor) else { continue };
        let acts = people.entry((name.clone(), *role)).or_insert(Acts {
            id: id.clone(),
            first: line.at(),
            last: line.at(),
            count: 0,
        });
        acts.last = line.at();
        acts.count += 1;
    }
    let rows = people.into_iter().map(|((name, role), Acts { id, first, last, count })| {
        let signed = source.batch.signatures.iter().filter(|(signature, _)| signature.statement.signer == id).count();
        Row::new(vec![
            Cell::text(name),
            Cell::text(id.as_str()),
            role.map_or(Cell::Empty, |role| Cell::bilingual(wording::role(role))),
            Cell::text(count.to_string()),
            Cell::text(signed.to_string()),
            Cell::time(Some(first)),
            Cell::time(Some(last)),
        ])
    });
    let table = Block::Table {
        key: "people",
        title: None,
        columns: vec![
            column("name", 28, "氏名", "Name"),
            column("id", 16, "ID", "Id"),
            column("role", 20, "役割", "Role in effect"),
            column("acts", 10, "エントリー", "Entries"),
            column("signatures", 10, "署名", "Signatures"),
            column("first", 22, "最初", "First act"),
            column("last", 22, "最後", "Last act"),
        ],
        rows: rows.collect(),
    };
    let note = Block::Note(Bilingual::new(
        "署名は電子署名であり、筆跡見本はない。教育訓練の有効性はこのジャーナルの記録の対象外。",
        "Signatures are electronic; there are no handwriting specimens. Training records are not held in this journal.",
    ));
    Section::new(29, vec![table, note], Bilingual::default())
}
