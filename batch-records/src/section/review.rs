//! Rows 27 and 28: reviews, review of the audit trail, disposition.

use mes_core::{
    access::{Signature, Subject},
    batch::{BatchEvent, Lifecycle, StreamSeal},
    id::SignatureId,
    quantity::Bilingual,
};

use crate::{
    document::{Block, Cell, Row, Section, column, field},
    section::people::signature_rows,
    source::{Line, Source},
    wording,
};

/// Row 27.
pub(super) fn reviews(source: &Source) -> Section {
    let rows = source.events().filter_map(|(line, event)| {
        let (what, detail) = match event {
            BatchEvent::Reviewed { kind, .. } => (Cell::bilingual(wording::review(*kind)), Cell::Empty),
            BatchEvent::AuditTrailReviewed { up_to } => (
                Cell::both("監査証跡の照査", "Review of the audit trail"),
                Cell::both(format!("バッチの第 1–{up_to} エントリー"), format!("entries 1–{up_to} of the batch")),
            ),
            _ => return None,
        };
        Some(Row::of(line, vec![what, detail, line.actor(), Cell::time(Some(line.at()))]))
    });
    let table = Block::Table {
        key: "reviews",
        title: None,
        columns: vec![
            column("what", 34, "照査", "Review"),
            column("scope", 34, "範囲", "Scope"),
            column("by", 28, "照査者", "By"),
            column("at", 26, "日時", "When"),
        ],
        rows: rows.collect(),
    };
    let of = |signature: &Signature| matches!(signature.subject, Subject::ProductionReview | Subject::QualityReview);
    Section::new(
        27,
        vec![table, signature_rows(source, of)],
        Bilingual::new("照査はまだ行われていない。", "No review has been completed yet."),
    )
}

/// Row 28.
pub(super) fn disposition(source: &Source) -> Section {
    let found = source.events().filter_map(|(line, event)| match event {
        BatchEvent::Released { signature, seals, .. } | BatchEvent::Rejected { signature, seals, .. } => {
            Some((line, signature, seals))
        }
        _ => None,
    });
    let Some((line, signature, seals)) = found.last() else {
        return Section::not_applicable(28, "出荷判定はまだ行われていない。", "No disposition has been made yet.");
    };
    let result = if source.batch.lifecycle == Lifecycle::Released {
        Cell::both("出荷可(合格)", "Released")
    } else {
        Cell::both("出荷不可(不合格)", "Rejected")
    };
    let fields = fields(source, line, signature, result, seals);
    let of = |signature: &Signature| signature.subject == Subject::Disposition;
    Section::new(28, vec![Block::Fields(fields), signature_rows(source, of)], Bilingual::default())
}

fn fields(
    source: &Source,
    line: &Line,
    signature: &SignatureId,
    result: Cell,
    seals: &[StreamSeal],
) -> Vec<crate::document::Field> {
    let decider = source.signature(signature).map(|(signature, _)| signature.name.clone());
    vec![
        field("result", "判定", "Result", result),
        field("stage", "段階", "Stage", Cell::both("最終(製造所からの出荷)", "Final (release from site)")),
        field("decider", "出荷判定者", "Decided by", decider.map_or_else(|| line.actor(), Cell::text)),
        field("at", "日時", "When", Cell::time(Some(line.at()))),
        field("conditions", "条件・コメント", "Conditions, comment", Cell::words(line)),
        field(
            "seals",
            "封印されたストリーム",
            "Streams sealed",
            Cell::both(format!("{} 件(第30項)", seals.len()), format!("{} (section 30)", seals.len())),
        ),
    ]
}
