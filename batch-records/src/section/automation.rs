//! Rows 15, 17, 19, 20: automated steps and who checked them, trends, alarms and links, interventions and stoppages.

use mes_core::{
    batch::{BatchEvent, DeviationCause},
    isa88::PhaseKind,
    quantity::Bilingual,
};

use super::device;
use crate::{
    document::{Block, Cell, Mark, Row, Section, column},
    exception::item_name,
    measured::reading,
    source::Source,
    trend::Trend,
    wording,
};

/// Row 15.
pub(super) fn checkers(source: &Source) -> Section {
    let automated =
        source.phases().filter(|phase| matches!(phase.kind, PhaseKind::Set { .. } | PhaseKind::Wait { .. }));
    let rows = automated.filter_map(|phase| {
        let run = source.batch.phases.get(&phase.id).filter(|run| run.started_at.is_some())?;
        let started = run.started_by.as_ref().map(|person| source.name(person));
        let done =
            source.events().filter(|(_, e)| matches!(e, BatchEvent::PhaseCompleted { phase: id } if *id == phase.id));
        let done = done.last().map_or(Cell::both("未完了", "not complete"), |(line, _)| line.actor());
        let result = match &phase.kind {
            PhaseKind::Wait { .. } if run.condition_met => Cell::both("条件成立", "Condition met"),
            PhaseKind::Wait { .. } => Cell::both("条件未成立", "Condition not met"),
            _ => {
                let all = run.writes.values().filter_map(|write| write.outcome.as_ref());
                Cell::lines(
                    all.map(|outcome| {
                        let said = wording::write_result(&outcome.result);
                        Cell::both(format!("{}: {}", outcome.tag, said.ja), format!("{}: {}", outcome.tag, said.en))
                    })
                    .collect(),
                )
            }
        };
        Some(Row::new(vec![
            Cell::bilingual(source.phase_title(&phase.id)),
            result,
            started.map_or(Cell::Empty, Cell::text),
            done,
            Cell::bilingual(wording::sign_off(phase.sign)),
        ]))
    });
    let table = Block::Table {
        key: "automated",
        title: None,
        columns: vec![
            column("phase", 28, "工程", "Step"),
            column("result", 40, "設備の動作結果", "What the equipment did"),
            column("started_by", 24, "開始者", "Started by"),
            column("checked_by", 24, "完了を確認した者", "Completion checked by"),
            column("sign", 18, "必要な署名", "Signatures asked for"),
        ],
        rows: rows.collect(),
    };
    let reports = super::report::table(source);
    Section::new(
        15,
        vec![table, reports],
        Bilingual::new("自動で行われた工程がない。", "No step was carried out by equipment."),
    )
}

/// Row 17.
pub(super) fn trends(trends: &[Trend]) -> Section {
    let row = |trend: &Trend| {
        let limits = trend.limits.iter().map(|limit| Cell::text(limit.range.clone()));
        let mut limits: Vec<Cell> = limits.collect();
        limits.dedup();
        let value = |value: &Option<String>| value.clone().map_or(Cell::Empty, Cell::text);
        let poor = trend.uncertain + trend.bad;
        Row::new(vec![
            Cell::lines(vec![Cell::text(trend.tag.to_string()), Cell::bilingual(trend.title.clone())]),
            Cell::text(trend.unit_shown.clone()),
            Cell::text(trend.samples.to_string()),
            Cell::text(poor.to_string()),
            Cell::text(trend.gaps.len().to_string()),
            value(&trend.min),
            value(&trend.max),
            value(&trend.last),
            Cell::lines(limits),
        ])
        .marked((poor > 0 || !trend.gaps.is_empty()).then_some(Mark::Look))
    };
    let table = Block::Table {
        key: "trends",
        title: None,
        columns: vec![
            column("tag", 44, "タグ", "Tag"),
            column("unit", 10, "単位", "Unit"),
            column("samples", 12, "サンプル", "Samples"),
            column("poor", 12, "良以外", "Not good"),
            column("gaps", 10, "欠測", "Gaps"),
            column("min", 11, "最小", "Min"),
            column("max", 11, "最大", "Max"),
            column("last", 11, "最終", "Last"),
            column("limits", 16, "管理値", "Limits"),
        ],
        rows: trends.iter().map(row).collect(),
    };
    let mut blocks = vec![table];
    if trends.iter().any(|trend| trend.plot.is_some()) {
        blocks.push(Block::Plots);
    }
    blocks.push(gaps(trends));
    Section::new(
        17,
        blocks,
        Bilingual::new("このバッチについて封印されたサンプルがない。", "No sample was sealed for this batch."),
    )
}

fn gaps(trends: &[Trend]) -> Block {
    let gaps = trends.iter().flat_map(|trend| {
        trend.gaps.iter().map(|gap| {
            let lasted = wording::duration(gap.until.since_ms(gap.from));
            Row::new(vec![
                Cell::text(trend.tag.to_string()),
                Cell::time(Some(gap.from)),
                Cell::time(Some(gap.until)),
                Cell::text(lasted),
                Cell::bilingual(gap.why.clone()),
            ])
        })
    });
    Block::Table {
        key: "gaps",
        title: Some(Bilingual::new("良質な値のない区間", "Stretches without a good value")),
        columns: vec![
            column("tag", 28, "タグ", "Tag"),
            column("from", 26, "開始", "From"),
            column("until", 26, "終了", "Until"),
            column("lasted", 16, "長さ", "Lasted"),
            column("why", 40, "理由", "Why"),
        ],
        rows: gaps.collect(),
    }
}

/// Row 19.
pub(super) fn alarms(source: &Source) -> Section {
    let rows = source.events().filter_map(|(line, event)| {
        let (what, object, detail, mark) = match event {
            BatchEvent::DeviationOpened {
                cause: cause @ DeviationCause::Watch { .. }, phase, item, deviation, ..
            } => {
                let name = phase.as_ref().zip(item.as_ref()).map(|(phase, item)| item_name(source, phase, item));
                let said = wording::cause(cause);
                let detail = Cell::both(format!("{deviation}: {}", said.ja), format!("{deviation}: {}", said.en));
                (("管理値逸脱", "Limit violated"), name.map_or(Cell::Empty, Cell::bilingual), detail, Some(Mark::Out))
            }
            BatchEvent::LimitReturned { phase, item, evidence } => {
                let detail = Cell::bilingual(reading(source, evidence));
                (("管理値内に復帰", "Limit kept again"), Cell::bilingual(item_name(source, phase, item)), detail, None)
            }
            event => device::told(event)?,
        };
        let cells = vec![Cell::time(Some(line.at())), Cell::both(what.0, what.1), object, detail, line.actor()];
        Some(Row::of(line, cells).marked(mark))
    });
    let table = Block::Table {
        key: "alarms",
        title: None,
        columns: vec![
            column("at", 22, "日時", "When"),
            column("what", 18, "事象", "Event"),
            column("object", 24, "対象", "Object"),
            column("detail", 56, "内容", "Detail"),
            column("by", 20, "検知", "Noticed by"),
        ],
        rows: rows.collect(),
    };
    Section::new(
        19,
        vec![table],
        Bilingual::new(
            "管理値の逸脱・通信断・機器のイベントのエントリーがない。",
            "No limit was violated, no link was lost and no device told of an event.",
        ),
    )
}

/// Row 20.
pub(super) fn stoppages(source: &Source) -> Section {
    let changes: Vec<_> = source
        .events()
        .filter_map(|(line, event)| match event {
            BatchEvent::StateChanged { command, from, to, row, .. } => Some((line, *command, *from, *to, *row)),
            _ => None,
        })
        .collect();
    let rows = changes.iter().enumerate().map(|(index, (line, command, from, to, row))| {
        let next = changes.get(index + 1).map(|(next, ..)| next.at().since_ms(line.at()));
        let said = command.map_or_else(|| Bilingual::new("自動", "Automatic"), wording::command);
        let (old, new) = (wording::state(*from), wording::state(*to));
        Row::of(
            line,
            vec![
                Cell::time(Some(line.at())),
                Cell::bilingual(said),
                Cell::both(format!("{} → {}", old.ja, new.ja), format!("{} → {} (row {row})", old.en, new.en)),
                next.map_or(Cell::Empty, |ms| Cell::text(wording::duration(ms))),
                line.actor(),
                Cell::words(line),
            ],
        )
    });
    let table = Block::Table {
        key: "states",
        title: Some(Bilingual::new("状態遷移(保留・再始動・停止・中止)", "State changes")),
        columns: vec![
            column("at", 22, "日時", "When"),
            column("command", 14, "指令", "Command"),
            column("change", 34, "遷移", "Change"),
            column("lasted", 16, "その状態の長さ", "Lasted"),
            column("by", 22, "操作者", "By"),
            column("reason", 34, "理由", "Reason"),
        ],
        rows: rows.collect(),
    };
    let comments = source.events().filter_map(|(line, event)| match event {
        BatchEvent::Commented { phase, .. } => {
            let phase = phase.as_ref().map_or(Cell::Empty, |phase| Cell::bilingual(source.phase_title(phase)));
            Some(Row::of(line, vec![Cell::time(Some(line.at())), phase, line.actor(), Cell::words(line)]))
        }
        _ => None,
    });
    let comments = Block::Table {
        key: "comments",
        title: Some(Bilingual::new("コメント", "Comments")),
        columns: vec![
            column("at", 22, "日時", "When"),
            column("phase", 28, "工程", "Step"),
            column("by", 22, "記入者", "By"),
            column("text", 60, "内容", "Text"),
        ],
        rows: comments.collect(),
    };
    Section::new(
        20,
        vec![table, comments],
        Bilingual::new(
            "介入・停止・コメントのエントリーがない。",
            "No entry tells of an intervention, a stoppage or a comment.",
        ),
    )
}
