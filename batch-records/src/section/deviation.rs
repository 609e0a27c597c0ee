//! Rows 22 and 23: deviations; late entries and corrections.

use mes_core::{batch::BatchEvent, id::DeviationId, quantity::Bilingual};

use crate::{
    document::{Block, Cell, Mark, Row, Section, column},
    exception::item_name,
    source::{Line, Source},
    wording,
};

/// Row 22.
pub(super) fn deviations(source: &Source) -> Section {
    let opened = source.events().filter_map(|(line, event)| match event {
        BatchEvent::DeviationOpened { deviation, phase, item, cause, .. } => {
            Some((line, deviation, phase.as_ref(), item.as_ref(), cause))
        }
        _ => None,
    });
    let rows = opened.map(|(line, deviation, phase, item, cause)| {
        let on = phase.map_or(Cell::Empty, |phase| Cell::bilingual(source.phase_title(phase)));
        let name = phase.zip(item).map_or(Cell::Empty, |(phase, item)| Cell::bilingual(item_name(source, phase, item)));
        let closed = find(source, deviation, |event| matches!(event, BatchEvent::DeviationClosed { .. }));
        let mark = if closed.is_some() { Mark::Look } else { Mark::Out };
        Row::of(
            line,
            vec![
                Cell::text(deviation.as_str()),
                Cell::lines(vec![Cell::time(Some(line.at())), line.actor()]),
                Cell::lines(vec![on, name]),
                Cell::lines(vec![Cell::bilingual(wording::cause(cause)), Cell::words(line)]),
                classified(source, deviation),
                closed.map_or(Cell::both("未完結", "Open"), |line| closure(source, line)),
            ],
        )
        .marked(Some(mark))
    });
    let table = Block::Table {
        key: "deviations",
        title: None,
        columns: vec![
            column("id", 16, "番号", "Id"),
            column("opened", 20, "発生・発見者", "Opened"),
            column("on", 22, "工程・項目", "Step, item"),
            column("cause", 34, "内容", "What"),
            column("class", 30, "分類・影響評価", "Class, impact"),
            column("closed", 32, "処置・完結", "Decision, closure"),
        ],
        rows: rows.collect(),
    };
    Section::new(22, vec![table], Bilingual::new("逸脱のエントリーがない。", "No deviation was opened."))
}

fn find<'a>(source: &'a Source, id: &DeviationId, wanted: impl Fn(&BatchEvent) -> bool) -> Option<&'a Line> {
    let of = |event: &BatchEvent| match event {
        BatchEvent::DeviationClassified { deviation, .. } | BatchEvent::DeviationClosed { deviation, .. } => {
            deviation == id
        }
        _ => false,
    };
    source.events().filter(|(_, event)| of(event) && wanted(event)).last().map(|(line, _)| line)
}

fn classified(source: &Source, id: &DeviationId) -> Cell {
    let class = source.batch.deviations.get(id).and_then(|known| known.class);
    let line = find(source, id, |event| matches!(event, BatchEvent::DeviationClassified { .. }));
    match (class, line) {
        (Some(class), Some(line)) => Cell::lines(vec![
            Cell::bilingual(wording::class(class)),
            Cell::words(line),
            line.actor(),
            Cell::time(Some(line.at())),
        ]),
        _ => Cell::both("未分類", "Not classified"),
    }
}

fn closure(source: &Source, line: &Line) -> Cell {
    let signature = match line.batch_event() {
        Some(BatchEvent::DeviationClosed { signature, .. }) => source.signature(signature),
        _ => None,
    };
    let signed = signature.map_or_else(
        || line.actor(),
        |(signature, _)| {
            let meaning = wording::meaning(signature.statement.meaning);
            Cell::both(format!("{}: {}", meaning.ja, signature.name), format!("{}: {}", meaning.en, signature.name))
        },
    );
    Cell::lines(vec![Cell::words(line), signed, Cell::time(Some(line.at()))])
}

/// Row 23.
pub(super) fn corrections(source: &Source) -> Section {
    let corrections = source.events().filter_map(|(line, event)| match event {
        BatchEvent::ItemCorrected { phase, item, version, old, value, .. } => Some(Row::of(
            line,
            vec![
                Cell::time(Some(line.at())),
                Cell::lines(vec![
                    Cell::bilingual(source.phase_title(phase)),
                    Cell::bilingual(item_name(source, phase, item)),
                ]),
                Cell::bilingual(wording::value(old)),
                Cell::bilingual(wording::value(value)),
                Cell::text(version.to_string()),
                line.actor(),
                Cell::words(line),
            ],
        )),
        _ => None,
    });
    let corrections = Block::Table {
        key: "corrections",
        title: Some(Bilingual::new("訂正", "Corrections")),
        columns: vec![
            column("at", 22, "日時", "When"),
            column("item", 34, "工程・項目", "Step, item"),
            column("old", 16, "訂正前", "Old value"),
            column("new", 16, "訂正後", "New value"),
            column("version", 11, "版", "Version"),
            column("by", 22, "訂正者", "By"),
            column("reason", 36, "訂正理由", "Reason"),
        ],
        rows: corrections.collect(),
    };
    let late = source.events().filter_map(|(line, event)| match event {
        BatchEvent::LateEntered { phase, claimed, .. } => Some(Row::of(
            line,
            vec![
                Cell::time(Some(line.at())),
                Cell::time(Some(*claimed)),
                Cell::text(wording::duration(line.at().since_ms(*claimed))),
                Cell::bilingual(source.phase_title(phase)),
                line.actor(),
                Cell::words(line),
            ],
        )),
        _ => None,
    });
    let late = Block::Table {
        key: "late_entries",
        title: Some(Bilingual::new("後日記入", "Late entries")),
        columns: vec![
            column("at", 22, "記入日時", "Entered"),
            column("claimed", 22, "実施日時(申告)", "Said to have happened"),
            column("late", 14, "遅れ", "Late by"),
            column("phase", 26, "工程", "Step"),
            column("by", 22, "記入者", "By"),
            column("text", 46, "内容・理由", "What, and why late"),
        ],
        rows: late.collect(),
    };
    Section::new(
        23,
        vec![corrections, late],
        Bilingual::new("訂正・後日記入のエントリーがない。", "Nothing was corrected or entered late."),
    )
}
