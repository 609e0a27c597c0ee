//! Rows 5, 11, 12, 16, 21: times, instructions with values, in-process results, yields, hold times.

use mes_core::{
    batch::{BatchEvent, ConditionEvidence, RecordedItem, Verdict, WriteStatus},
    engine::WriteResult,
    id::ItemId,
    isa88::{Phase, PhaseKind, RecordItem, SetPoint},
    journal::EntryId,
    quantity::Bilingual,
};

use crate::{
    document::{Block, Cell, Column, Mark, Row, Section, column, field},
    exception::item_name,
    measured::{asked, reading, sampled, settings},
    source::Source,
    wording,
};

/// What is known of one item of a phase.
pub(super) struct ItemRow {
    pub(super) id: ItemId,
    pub(super) name: Bilingual,
    pub(super) set: Cell,
    pub(super) value: Cell,
    pub(super) normal: Cell,
    pub(super) acceptable: Cell,
    pub(super) source: Cell,
    pub(super) verdict: Cell,
    pub(super) by: Cell,
    pub(super) at: Cell,
    pub(super) entry: Option<EntryId>,
    pub(super) mark: Option<Mark>,
}

impl ItemRow {
    fn missing(id: &ItemId, name: Bilingual, set: Cell, (normal, acceptable): (Cell, Cell)) -> Self {
        let value = Cell::both("記録なし", "not recorded");
        let (source, verdict, by, at) = (Cell::Empty, Cell::Empty, Cell::Empty, Cell::Empty);
        Self { id: id.clone(), name, set, value, normal, acceptable, source, verdict, by, at, entry: None, mark: None }
    }
}

/// The items of a phase in the recipe's order, each with what was recorded of it.
pub(super) fn item_rows(source: &Source, phase: &Phase) -> Vec<ItemRow> {
    let run = source.batch.phases.get(&phase.id);
    let mut rows: Vec<ItemRow> = Vec::new();
    let mut known: Vec<ItemId> = Vec::new();
    let expected: Vec<ItemId> = match &phase.kind {
        PhaseKind::Instruction | PhaseKind::IdentityCheck | PhaseKind::Wait { .. } => Vec::new(),
        PhaseKind::Record { items } => items.iter().map(|item: &RecordItem| item.parameter.clone()).collect(),
        PhaseKind::Calculate { items } => items.clone(),
        PhaseKind::Yield { items, calculate } => {
            items.iter().map(|item| item.parameter.clone()).chain(calculate.iter().cloned()).collect()
        }
        PhaseKind::LineClearance { lines } => lines.iter().map(|line| line.item.clone()).collect(),
        PhaseKind::Set { points } => {
            for point in points {
                rows.push(set_point(source, point, run.and_then(|run| run.writes.get(&point.item))));
                known.push(point.item.clone());
            }
            Vec::new()
        }
    };
    let recorded = run.into_iter().flat_map(|run| run.items.keys().cloned());
    for id in expected.into_iter().chain(recorded) {
        if !known.contains(&id) {
            rows.push(recorded_item(source, phase, &id, run.and_then(|run| run.items.get(&id))));
            known.push(id);
        }
    }
    rows
}

fn recorded_item(source: &Source, phase: &Phase, id: &ItemId, item: Option<&RecordedItem>) -> ItemRow {
    let name = item_name(source, &phase.id, id);
    let parameter = source.recipe().parameter(id);
    let set = parameter.and_then(|of| of.target.map(|target| (target, of.unit.shown())));
    let set = set.map_or(Cell::Empty, |(target, unit)| Cell::text(format!("{target} {unit}").trim_end().to_owned()));
    let range = |range: &mes_core::quantity::Range| {
        let shown = range.shown();
        if shown == "–" { Cell::Empty } else { Cell::text(shown) }
    };
    let ranges = parameter.map_or((Cell::Empty, Cell::Empty), |of| (range(&of.normal), range(&of.acceptable)));
    let Some(item) = item else { return ItemRow::missing(id, name, set, ranges) };
    let (normal, acceptable) = ranges;
    let who = |person: &Option<mes_core::id::PersonId>| person.as_ref().map(|person| source.name(person));
    let by = match (who(&item.performer), who(&item.recorder)) {
        (Some(performer), Some(recorder)) if performer != recorder => {
            Cell::lines(vec![Cell::text(performer), Cell::both("記録者", "recorder"), Cell::text(recorder)])
        }
        (Some(performer), _) => Cell::text(performer),
        (None, Some(recorder)) => Cell::text(recorder),
        (None, None) => Cell::both("システム", "System"),
    };
    let value = if item.version > 1 {
        let old: Vec<String> = item.corrected.iter().map(|old| old.old.shown()).collect();
        let new = wording::value(&item.value);
        Cell::lines(vec![
            Cell::bilingual(new),
            Cell::both(format!("訂正前 {}", old.join(" → ")), "was"),
            Cell::text(format!("v{}", item.version)),
        ])
    } else {
        Cell::bilingual(wording::value(&item.value))
    };
    ItemRow {
        id: id.clone(),
        name,
        set,
        value,
        normal,
        acceptable,
        source: Cell::bilingual(wording::value_source(&item.source)),
        verdict: Cell::bilingual(wording::verdict(item.verdict)),
        by,
        at: Cell::time(Some(item.at)),
        entry: Some(item.entry.clone()),
        mark: match item.verdict {
            Verdict::Normal => (item.version > 1).then_some(Mark::Look),
            Verdict::OutOfNormal => Some(Mark::Look),
            Verdict::OutOfAcceptable => Some(Mark::Out),
        },
    }
}

fn set_point(source: &Source, point: &SetPoint, write: Option<&WriteStatus>) -> ItemRow {
    let settings = settings(source, &point.to);
    let set = Cell::bilingual(asked(point, settings));
    let tolerance = Cell::text(format!("±{}", point.tolerance));
    let Some(write) = write else {
        return ItemRow::missing(&point.item, point.name.clone(), set, (Cell::Empty, tolerance));
    };
    let asked = source.lines.iter().find(|line| line.id() == write.effect);
    let outcome = write.outcome.as_ref();
    let back = outcome.and_then(|outcome| outcome.read_back.as_ref());
    let value = back.map_or(Cell::Empty, |back| Cell::bilingual(sampled(back, point.unit.shown(), settings)));
    let confirmed = outcome.is_some_and(|outcome| outcome.result == WriteResult::Confirmed);
    let verdict = outcome.map_or(Cell::both("結果の記録なし", "no outcome"), |o| {
        Cell::bilingual(wording::write_result(&o.result))
    });
    let equipment = source.issued().equipment.get(&point.to.role);
    let tag = equipment.map_or_else(|| point.to.role.to_string(), |of| of.id.to_string());
    ItemRow {
        id: point.item.clone(),
        name: point.name.clone(),
        set,
        value,
        normal: Cell::Empty,
        acceptable: tolerance,
        source: Cell::text(format!("{tag}/{}", point.to.tag)),
        verdict,
        by: asked.map_or(Cell::Empty, |line| line.actor()),
        at: Cell::time(outcome.map(|outcome| outcome.at)),
        entry: Some(write.effect.clone()),
        mark: (!confirmed).then_some(Mark::Out),
    }
}

/// Row 5.
pub(super) fn times(source: &Source) -> Section {
    let rows = source.phases().map(|phase| {
        let run = source.batch.phases.get(&phase.id);
        let (from, until) = run.map_or((None, None), |run| (run.started_at, run.completed_at));
        let lasted = from.zip(until).map(|(from, until)| wording::duration(until.since_ms(from)));
        let by = run.and_then(|run| run.started_by.as_ref()).map(|person| source.name(person));
        let restarts =
            source.events().filter(|(_, e)| matches!(e, BatchEvent::PhaseStarted { phase: id } if *id == phase.id));
        let times = restarts.count();
        let started = match times {
            0 => Cell::both("未開始", "not started"),
            _ => Cell::time(from),
        };
        Row::new(vec![
            Cell::bilingual(source.phase_title(&phase.id)),
            started,
            if times > 0 && until.is_none() { Cell::both("未完了", "not complete") } else { Cell::time(until) },
            lasted.map_or(Cell::Empty, Cell::text),
            by.map_or(Cell::Empty, Cell::text),
        ])
    });
    let mut rows: Vec<Row> = rows.collect();
    let (from, until) = (source.started_at(), source.completed_at());
    let lasted = from.zip(until).map(|(from, until)| wording::duration(until.since_ms(from)));
    rows.push(Row::new(vec![
        Cell::both("バッチ全体", "The whole batch"),
        Cell::time(from),
        Cell::time(until),
        lasted.map_or(Cell::Empty, Cell::text),
        Cell::Empty,
    ]));
    let columns = vec![
        column("phase", 40, "工程", "Step"),
        column("from", 26, "開始", "Start"),
        column("until", 26, "終了", "End"),
        column("lasted", 16, "所要", "Lasted"),
        column("by", 24, "開始者", "Started by"),
    ];
    Section::new(5, vec![Block::Table { key: "times", title: None, columns, rows }], Bilingual::default())
}

fn value_columns() -> Vec<Column> {
    vec![
        column("item", 22, "項目", "Item"),
        column("set", 12, "指図値", "Set"),
        column("value", 18, "実績値", "Actual"),
        column("normal", 13, "管理幅", "Normal"),
        column("acceptable", 14, "許容範囲", "Acceptable"),
        column("verdict", 14, "判定", "Verdict"),
        column("source", 17, "出所", "Source"),
        column("by", 21, "作業者", "By"),
        column("at", 20, "日時", "When"),
    ]
}

fn value_row(item: ItemRow) -> Row {
    let cells = vec![
        Cell::bilingual(item.name),
        item.set,
        item.value,
        item.normal,
        item.acceptable,
        item.verdict,
        item.source,
        item.by,
        item.at,
    ];
    Row { cells, entry: item.entry, mark: item.mark }
}

/// Row 11.
pub(super) fn instructions(source: &Source) -> Section {
    let mut blocks = Vec::new();
    for phase in source.phases() {
        let title = source.phase_title(&phase.id);
        let sign = wording::sign_off(phase.sign);
        blocks.push(Block::Heading(title));
        blocks.push(Block::Fields(vec![
            field("instruction", "指図", "Instruction", instruction(phase)),
            field("sign", "署名", "Signatures", Cell::bilingual(sign)),
        ]));
        let met: Vec<Row> = conditions(source, phase).collect();
        if !met.is_empty() {
            blocks.push(Block::Table { key: "conditions", title: None, columns: condition_columns(), rows: met });
        }
        let rows: Vec<Row> = item_rows(source, phase).into_iter().map(value_row).collect();
        if !rows.is_empty() {
            blocks.push(Block::Table { key: "values", title: None, columns: value_columns(), rows });
        }
    }
    Section::new(11, blocks, Bilingual::new("マスターレシピに工程がない。", "The master recipe has no step."))
}

fn instruction(phase: &Phase) -> Cell {
    let mut lines = vec![Cell::bilingual(phase.instruction.clone())];
    if let PhaseKind::Wait { condition, for_s, max_s } = &phase.kind {
        let (held, max) = (wording::duration(i64::from(*for_s) * 1000), wording::duration(i64::from(*max_s) * 1000));
        lines.push(Cell::both(
            format!("待機条件: {condition}({held} 継続、期限 {max})"),
            format!("Wait for: {condition} (held {held}, due within {max})"),
        ));
    }
    for watch in &phase.watch {
        let held = wording::duration(i64::from(watch.for_s) * 1000);
        let (role, tag, range) = (&watch.tag.role, &watch.tag.tag, watch.range.shown());
        lines.push(Cell::both(
            format!("監視: {} {role}.{tag} {range}({held} 超で逸脱)", watch.name.ja),
            format!("Watched: {} {role}.{tag} {range} (deviation after {held})", watch.name.en),
        ));
    }
    Cell::lines(lines)
}

fn conditions<'a>(source: &'a Source, phase: &'a Phase) -> impl Iterator<Item = Row> + 'a {
    source.events().filter_map(move |(line, event)| match event {
        BatchEvent::ConditionMet { phase: of, evidence } if *of == phase.id => Some(Row::of(
            line,
            vec![
                Cell::text(evidence.expression.clone()),
                Cell::time(Some(evidence.since)),
                readings(source, evidence),
                line.actor(),
                Cell::time(Some(line.at())),
            ],
        )),
        _ => None,
    })
}

fn condition_columns() -> Vec<Column> {
    vec![
        column("condition", 44, "成立した条件", "Condition met"),
        column("since", 22, "成立の開始", "Held since"),
        column("readings", 36, "成立時の値", "Readings then"),
        column("by", 22, "判定", "Judged by"),
        column("at", 22, "日時", "When"),
    ]
}

fn readings(source: &Source, evidence: &ConditionEvidence) -> Cell {
    let shown = evidence.readings.iter().map(|one| Cell::bilingual(reading(source, one)));
    Cell::lines(shown.collect())
}

fn measured(source: &Source, wanted: impl Fn(&Phase) -> bool) -> Vec<Row> {
    let phases = source.phases().filter(|phase| wanted(phase));
    let rows = phases.flat_map(|phase| {
        item_rows(source, phase).into_iter().map(|item| {
            let name = item.name.clone();
            let title = Cell::lines(vec![Cell::bilingual(name), Cell::text(format!("{} · {}", phase.id, item.id))]);
            let mut row = value_row(item);
            if let Some(first) = row.cells.first_mut() {
                *first = title;
            }
            row
        })
    });
    rows.collect()
}

/// Row 12.
pub(super) fn in_process(source: &Source) -> Section {
    let rows = measured(source, |phase| matches!(phase.kind, PhaseKind::Record { .. } | PhaseKind::Calculate { .. }));
    let table = Block::Table { key: "in_process", title: None, columns: value_columns(), rows };
    Section::new(
        12,
        vec![table],
        Bilingual::new("マスターレシピに測定の工程がない。", "The master recipe has no step that measures."),
    )
}

/// Row 16.
pub(super) fn yields(source: &Source) -> Section {
    let rows = measured(source, |phase| matches!(phase.kind, PhaseKind::Yield { .. }));
    let table = Block::Table { key: "yields", title: None, columns: value_columns(), rows };
    Section::new(
        16,
        vec![table],
        Bilingual::new("マスターレシピに収量・収支照合の工程がない。", "The master recipe has no yield step."),
    )
}

/// Row 21.
pub(super) fn hold_times(source: &Source) -> Section {
    let rows = source.phases().filter_map(|phase| {
        let hold = phase.hold.as_ref()?;
        let since = source.batch.phases.get(&hold.since).and_then(|run| run.completed_at);
        let run = source.batch.phases.get(&phase.id);
        let started = run.and_then(|run| run.started_at);
        let actual_ms = since.zip(started).map(|(since, started)| started.since_ms(since));
        let limit = |s: u32| wording::duration(i64::from(s) * 1000);
        let range = if hold.min_s > 0 {
            format!("{} – {}", limit(hold.min_s), limit(hold.max_s))
        } else {
            format!("≤ {}", limit(hold.max_s))
        };
        let exceeded = run.is_some_and(|run| run.hold_exceeded);
        let within = actual_ms.map(|ms| ms >= i64::from(hold.min_s) * 1000 && ms <= i64::from(hold.max_s) * 1000);
        let verdict = match (exceeded, within) {
            (false, Some(true)) => Cell::both("適", "Within"),
            (true, _) | (_, Some(false)) => Cell::both("超過・範囲外", "Outside"),
            (false, None) => Cell::both("未確定", "Not known yet"),
        };
        let out = exceeded || within == Some(false);
        Some(
            Row::new(vec![
                Cell::bilingual(source.phase_title(&hold.since)),
                Cell::bilingual(source.phase_title(&phase.id)),
                Cell::time(since),
                Cell::time(started),
                Cell::text(range),
                actual_ms.map_or(Cell::Empty, |ms| Cell::text(wording::duration(ms))),
                verdict,
            ])
            .marked(out.then_some(Mark::Out)),
        )
    });
    let columns = vec![
        column("since", 24, "起点(完了)", "Since completion of"),
        column("until", 24, "終点(開始)", "Until start of"),
        column("from", 22, "起点の時刻", "From"),
        column("to", 22, "終点の時刻", "To"),
        column("limit", 18, "保持時間の限度", "Limit"),
        column("actual", 14, "実績", "Actual"),
        column("verdict", 12, "判定", "Verdict"),
    ];
    let table = Block::Table { key: "hold_times", title: None, columns, rows: rows.collect() };
    Section::new(
        21,
        vec![table],
        Bilingual::new("マスターレシピに保持時間の定めがない。", "The master recipe sets no hold time."),
    )
}
