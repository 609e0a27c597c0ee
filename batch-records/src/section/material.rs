//! Rows 8 to 10, 13, 25, 26: starting cells, materials, packaging, sampling, cryopreservation, shipping.

use mes_core::{isa88::PhaseKind, quantity::Bilingual};

use crate::{
    document::{Block, Cell, Row, Section, column, field},
    section::execution::item_rows,
    source::Source,
};

/// Row 8.
pub(super) fn starting_cells(source: &Source) -> Section {
    let fields = vec![
        field("coi", "同一性の連鎖(COI)コード", "Chain-of-identity code", Cell::text(source.issued().coi.clone())),
        field(
            "donor",
            "ドナー・採取・受入試験",
            "Donor, collection, receipt tests",
            Cell::both("このジャーナルの記録の対象外", "not held in this journal"),
        ),
    ];
    let checks = source.phases().filter(|phase| matches!(phase.kind, PhaseKind::IdentityCheck));
    let rows: Vec<Row> = checks
        .flat_map(|phase| {
            item_rows(source, phase).into_iter().map(|item| Row {
                cells: vec![
                    Cell::bilingual(source.phase_title(&phase.id)),
                    item.value,
                    item.source,
                    item.verdict,
                    item.by,
                    item.at,
                ],
                entry: item.entry,
                mark: item.mark,
            })
        })
        .collect();
    let table = Block::Table {
        key: "identity",
        title: Some(Bilingual::new("同一性の確認", "Identity checks")),
        columns: vec![
            column("phase", 24, "工程", "Step"),
            column("code", 22, "読取コード", "Code read"),
            column("source", 14, "方法", "How"),
            column("verdict", 12, "判定", "Verdict"),
            column("by", 22, "作業者", "By"),
            column("at", 24, "日時", "When"),
        ],
        rows,
    };
    Section::new(8, vec![Block::Fields(fields), table], Bilingual::default())
}

/// Row 9.
pub(super) fn materials() -> Section {
    Section::not_applicable(
        9,
        "このバッチのエントリーに原料の出納(秤量・使用・返却)はない。マスターレシピは原料の消費を電子記録の工程として含まない。",
        "No entry of this batch dispenses, uses or returns a material; the master recipe has no step that records it here.",
    )
}

/// Row 10.
pub(super) fn packaging() -> Section {
    Section::not_applicable(
        10,
        "このバッチのエントリーに資材・表示の発行はない。収支照合は別途の記録による。",
        "No entry of this batch issues labels or packaging; they are reconciled in records kept elsewhere.",
    )
}

/// Row 13.
pub(super) fn sampling() -> Section {
    Section::not_applicable(
        13,
        "マスターレシピに検体採取の工程はなく、検体のエントリーもない。工程内の測定は第12項に示す。",
        "The master recipe has no sampling step and no entry takes a sample; in-process measurements are in section 12.",
    )
}

/// Row 25.
pub(super) fn cryo() -> Section {
    Section::not_applicable(
        25,
        "このバッチのエントリーに凍結・保管・移動の記録はない。",
        "No entry of this batch freezes, stores or moves the product.",
    )
}

/// Row 26.
pub(super) fn shipping() -> Section {
    Section::not_applicable(
        26,
        "このバッチのエントリーに梱包・出荷・受領の記録はない。",
        "No entry of this batch packs, ships or receives the product.",
    )
}
