//! Rows 6, 7, 18, 24: suite and line clearance, equipment, environment, cleaning.

use mes_core::{isa88::PhaseKind, quantity::Bilingual};

use crate::{
    document::{Block, Cell, Mark, Row, Section, column, field},
    section::execution::item_rows,
    source::Source,
    wording,
};

/// Row 6.
pub(super) fn suite(source: &Source) -> Section {
    let suite = &source.issued().suite;
    let fields = vec![
        field("suite", "スイート(作業室)", "Suite", Cell::text(suite.id.as_str())),
        field("name", "名称", "Name", Cell::bilingual(suite.name.clone())),
        field("grade", "清浄度グレード", "Grade", Cell::text(format!("{:?}", suite.grade))),
        field(
            "required",
            "レシピの要求グレード",
            "Grade the recipe asks for",
            Cell::text(format!("{:?}", source.recipe().header.suite_grade)),
        ),
        field("qualified_until", "適格性の期限", "Qualified until", Cell::time(Some(suite.qualified_until))),
    ];
    let clearances = source.phases().filter(|phase| matches!(phase.kind, PhaseKind::LineClearance { .. }));
    let rows: Vec<Row> = clearances
        .flat_map(|phase| {
            item_rows(source, phase).into_iter().map(|item| {
                let mut cells = vec![Cell::bilingual(source.phase_title(&phase.id)), Cell::bilingual(item.name)];
                cells.extend([item.value, item.by, item.at]);
                Row { cells, entry: item.entry, mark: item.mark }
            })
        })
        .collect();
    let table = Block::Table {
        key: "line_clearance",
        title: Some(Bilingual::new("ラインクリアランス", "Line clearance")),
        columns: vec![
            column("phase", 22, "工程", "Step"),
            column("line", 44, "確認事項", "Line"),
            column("value", 12, "結果", "Result"),
            column("by", 22, "確認者", "By"),
            column("at", 24, "日時", "When"),
        ],
        rows,
    };
    Section::new(6, vec![Block::Fields(fields), table], Bilingual::default())
}

/// Row 7.
pub(super) fn equipment(source: &Source) -> Section {
    let done = source.completed_at().or_else(|| source.lines.last().map(|line| line.at()));
    let row = |(role, equipment): (&mes_core::id::EquipmentRole, &mes_core::tenant::Equipment)| {
        let ran_out = done.is_some_and(|done| equipment.calibrated_until < done);
        let standing = if ran_out {
            Cell::both("校正期限切れ", "Calibration ran out")
        } else {
            Cell::both("校正有効", "In calibration")
        };
        let link = source.batch.links.get(&equipment.id);
        let link = link.map_or(Cell::both("変化の記録なし", "no change recorded"), |link| {
            let (said, at) = (wording::link(&link.state), link.since.shown());
            Cell::both(format!("{} {at}", said.ja), format!("{} {at}", said.en))
        });
        let (name, version) = (&equipment.link.template, equipment.link.template_version);
        let mark = source.issued().device_templates.iter().find(|one| one.name == *name && one.version == version);
        let mut template = vec![Cell::text(format!("{name} v{version}"))];
        template.extend(mark.map(|mark| Cell::text(format!("SHA-256 {}", mark.hash))));
        Row::new(vec![
            Cell::text(role.as_str()),
            Cell::text(equipment.id.as_str()),
            Cell::bilingual(equipment.name.clone()),
            Cell::bilingual(wording::equipment(equipment.class)),
            Cell::text(equipment.suite.as_str()),
            Cell::lines(template),
            Cell::lines(vec![Cell::time(Some(equipment.calibrated_until)), standing]),
            link,
        ])
        .marked(ran_out.then_some(Mark::Out))
    };
    let table = Block::Table {
        key: "equipment",
        title: None,
        columns: vec![
            column("role", 14, "用途", "Role"),
            column("equipment", 14, "設備番号", "Id"),
            column("name", 22, "名称", "Name"),
            column("class", 14, "種類", "Class"),
            column("suite", 10, "設置", "Suite"),
            column("template", 24, "機器テンプレート", "Device template"),
            column("calibrated_until", 26, "校正期限・状態", "Calibrated until, status"),
            column("link", 24, "最終の通信状態", "Last link state"),
        ],
        rows: source.issued().equipment.iter().map(row).collect(),
    };
    Section::new(
        7,
        vec![table],
        Bilingual::new("マスターレシピは設備を要求していない。", "The master recipe asks for no equipment."),
    )
}

/// Row 18.
pub(super) fn environment() -> Section {
    Section::not_applicable(
        18,
        "環境モニタリングのデータはこのジャーナルに記録されていない。別途の記録を参照すること。",
        "This journal holds no environmental monitoring data; see the records kept elsewhere.",
    )
}

/// Row 24.
pub(super) fn cleaning() -> Section {
    Section::not_applicable(
        24,
        "製造後の清掃・除染はこのバッチのエントリーとして記録されていない。スイートの使用記録を参照すること。",
        "Cleaning after the batch is not recorded among its entries; see the suite's log.",
    )
}
