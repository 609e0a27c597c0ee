//! What QA sees first 例外(要照査事項): everything that did not go as the recipe said, in one list, worst first.
//!
//! Nothing is filtered by anybody's choice, and nothing is judged anew: each line names the entry that says so.

use std::collections::BTreeMap;

use mes_core::{
    batch::{BatchEvent, DeviationCause, Verdict},
    clock::Timestamp,
    engine::{LinkState, MessageKind, WriteResult, cause_words},
    id::{DeviationId, EquipmentId, ItemId, PhaseId},
    isa88::{Command, State},
    journal::{EntryId, PartName},
    quantity::Bilingual,
};
use serde::Serialize;

use crate::{
    document::Cell,
    section::report,
    source::{Line, Source},
    trend::{self, Trend},
    wording,
};

/// Kinds of exceptions, worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A deviation.
    Deviation,
    /// A value outside its acceptable range without a deviation.
    OutOfAcceptable,
    /// A set-point that was not confirmed, or whose outcome is unknown.
    Write,
    /// A hold, stop or abort.
    Stoppage,
    /// A signature was rejected.
    SignatureRejected,
    /// A correction.
    Correction,
    /// A late entry.
    LateEntry,
    /// A value outside its normal range.
    OutOfNormal,
    /// The report of a closed device has something to be looked at.
    Report,
    /// An alarm of a device, by its severity.
    DeviceAlarm,
    /// A link was lost.
    LinkGap,
    /// A stretch without good samples.
    SampleGap,
    /// Entered by somebody else than the performer.
    Recorder,
    /// Something still waits for a person.
    Open,
    /// A part is withheld or erased.
    NotDisclosed,
}

impl Kind {
    /// In words.
    pub fn shown(self) -> Bilingual {
        let (ja, en) = match self {
            Self::Deviation => ("逸脱", "Deviation"),
            Self::OutOfAcceptable => ("許容範囲外", "Out of acceptable range"),
            Self::Write => ("設定値の未確認", "Set-point not confirmed"),
            Self::Stoppage => ("保留・停止・中止", "Hold, stop, abort"),
            Self::SignatureRejected => ("署名の却下", "Signature rejected"),
            Self::Correction => ("訂正", "Correction"),
            Self::LateEntry => ("後日記入", "Late entry"),
            Self::OutOfNormal => ("管理幅外", "Out of normal range"),
            Self::Report => ("機器報告書", "Report of a device"),
            Self::DeviceAlarm => ("機器の警報", "Alarm of a device"),
            Self::LinkGap => ("通信断", "Link lost"),
            Self::SampleGap => ("データ欠測", "Gap in data"),
            Self::Recorder => ("記録者による記入", "Entered by a recorder"),
            Self::Open => ("未完了事項", "Still open"),
            Self::NotDisclosed => ("開示対象外・消去", "Withheld or erased"),
        };
        Bilingual::new(ja, en)
    }
}

/// One exception.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Exception {
    /// Kind.
    pub kind: Kind,
    /// Kind, in words.
    pub title: Bilingual,
    /// Since when.
    pub at: Timestamp,
    /// As people see it.
    pub at_shown: String,
    /// Phase.
    pub phase: Option<PhaseId>,
    /// What it is.
    pub what: Bilingual,
    /// A person's words, or the mark that they are not disclosed.
    pub words: Cell,
    /// Where it stands: closed, explained, open.
    pub standing: Bilingual,
    /// Whether something remains to be done.
    pub open: bool,
    /// The entry that says so.
    pub entry: Option<EntryId>,
}

struct Found<'a> {
    source: &'a Source,
    list: Vec<Exception>,
}

impl Found<'_> {
    fn add(&mut self, kind: Kind, line: &Line, phase: Option<&PhaseId>, what: Bilingual, standing: (bool, Bilingual)) {
        self.list.push(Exception {
            kind,
            title: kind.shown(),
            at: line.at(),
            at_shown: line.at().shown(),
            phase: phase.cloned(),
            what,
            words: Cell::words(line),
            standing: standing.1,
            open: standing.0,
            entry: Some(line.id()),
        });
    }
    fn named(&self, phase: &PhaseId, item: &ItemId) -> Bilingual {
        item_name(self.source, phase, item)
    }
}

/// The name of an item: of the recipe's parameter, set-point, watched limit or checklist line.
pub(crate) fn item_name(source: &Source, phase: &PhaseId, item: &ItemId) -> Bilingual {
    use mes_core::isa88::PhaseKind;
    if let Some(parameter) = source.recipe().parameter(item) {
        return parameter.name.clone();
    }
    let phase = source.recipe().phase(phase);
    let watch = phase.and_then(|phase| phase.watch.iter().find(|watch| watch.item == *item)).map(|w| w.name.clone());
    let kind = phase.and_then(|phase| match &phase.kind {
        PhaseKind::Set { points } => points.iter().find(|point| point.item == *item).map(|point| point.name.clone()),
        PhaseKind::LineClearance { lines } => {
            lines.iter().find(|line| line.item == *item).map(|line| line.text.clone())
        }
        PhaseKind::IdentityCheck => Some(Bilingual::new("同一性の連鎖(COI)コード", "Chain-of-identity code")),
        PhaseKind::Wait { condition, .. } => {
            Some(Bilingual::new(format!("条件 {condition}"), format!("Condition {condition}")))
        }
        PhaseKind::Instruction => Some(Bilingual::new("実施の確認", "Confirmation")),
        PhaseKind::Record { .. } | PhaseKind::Calculate { .. } | PhaseKind::Yield { .. } => None,
    });
    watch.or(kind).unwrap_or_else(|| Bilingual::new(item.to_string(), item.to_string()))
}

/// Nobody here can tell whether the device still says so.
fn told() -> (bool, Bilingual) {
    (false, Bilingual::new("機器の報告", "As the device told it"))
}

fn explained() -> (bool, Bilingual) {
    (false, Bilingual::new("理由記載", "Reason given"))
}

/// All exceptions, worst first, then by time.
pub(crate) fn exceptions(source: &Source, trends: &[Trend]) -> Vec<Exception> {
    let mut found = Found { source, list: Vec::new() };
    for (line, event) in source.events() {
        of_event(&mut found, line, event);
    }
    links(&mut found);
    gaps(&mut found, trends);
    waiting(&mut found);
    for line in source.lines.iter().filter(|line| !line.is_disclosed()) {
        let parts = line.entry.parts.iter().filter(|(_, part)| !matches!(part, mes_core::journal::Part::Open { .. }));
        let parts: Vec<&str> = parts.map(|(name, _)| part_name(*name)).collect();
        let what = format!("{} {}: {}", line.id(), line.entry.envelope.event_type, parts.join(", "));
        found.add(
            Kind::NotDisclosed,
            line,
            None,
            Bilingual::new(what.clone(), what),
            (false, Bilingual::new("証明は有効", "Proofs hold")),
        );
    }
    found.list.sort_by(|a, b| (a.kind, a.at, &a.entry).cmp(&(b.kind, b.at, &b.entry)));
    found.list
}

/// The written name of a part.
pub(crate) fn part_name(name: PartName) -> &'static str {
    match name {
        PartName::Who => "who",
        PartName::Facts => "facts",
        PartName::Text => "text",
        PartName::Other => "other",
    }
}

fn of_event(found: &mut Found<'_>, line: &Line, event: &BatchEvent) {
    match event {
        BatchEvent::DeviationOpened { deviation, phase, cause, item, .. } => {
            deviation_opened(found, line, deviation, phase.as_ref(), item.as_ref(), cause);
        }
        BatchEvent::ItemRecorded { .. } | BatchEvent::ItemCorrected { .. } => of_item(found, line, event),
        BatchEvent::WriteResolved { phase, item, outcome, .. } if outcome.result != WriteResult::Confirmed => {
            let (name, result) = (found.named(phase, item), wording::write_result(&outcome.result));
            let what = Bilingual::new(format!("{}: {}", name.ja, result.ja), format!("{}: {}", name.en, result.en));
            let later = found.source.batch.phases.get(phase).and_then(|run| run.writes.get(item));
            let confirmed =
                later.and_then(|write| write.outcome.as_ref()).is_some_and(|o| o.result == WriteResult::Confirmed);
            let standing = if confirmed {
                ("後の書込みで確認", "Confirmed by a later write")
            } else {
                ("未確認", "Not confirmed")
            };
            found.add(Kind::Write, line, Some(phase), what, (!confirmed, Bilingual::new(standing.0, standing.1)));
        }
        BatchEvent::StateChanged { command: Some(command), from, to, .. }
            if matches!(command, Command::Hold | Command::Stop | Command::Abort | Command::Pause) =>
        {
            let (command, from, to) = (wording::command(*command), wording::state(*from), wording::state(*to));
            let what = Bilingual::new(
                format!("{}: {} → {}", command.ja, from.ja, to.ja),
                format!("{}: {} → {}", command.en, from.en, to.en),
            );
            let still =
                matches!(found.source.batch.state, State::Held | State::Holding | State::Paused | State::Pausing);
            let standing = if still { ("継続中", "Continues") } else { ("終了", "Ended") };
            found.add(Kind::Stoppage, line, None, what, (still, Bilingual::new(standing.0, standing.1)));
        }
        BatchEvent::SignatureRejected { signature, phase, .. } => {
            let who = found.source.signature(signature).map(|(known, _)| known.name.clone()).unwrap_or_default();
            let what = Bilingual::new(format!("{who} の署名 {signature}"), format!("Signature {signature} of {who}"));
            found.add(Kind::SignatureRejected, line, Some(phase), what, explained());
        }
        BatchEvent::DeviceEventReported { happened, again, .. } if happened.is_alarm() => {
            let (equipment, said) = (&happened.equipment, happened.said(*again));
            let what = Bilingual::new(format!("{equipment}: {}", said.ja), format!("{equipment}: {}", said.en));
            found.add(Kind::DeviceAlarm, line, None, what, told());
        }
        BatchEvent::MessagesLeftOut { equipment, left_out, .. } if left_out.kind == MessageKind::Alarms => {
            let said = left_out.said();
            let what = Bilingual::new(format!("{equipment}: {}", said.ja), format!("{equipment}: {}", said.en));
            found.add(Kind::DeviceAlarm, line, None, what, told());
        }
        BatchEvent::LateEntered { phase, claimed, .. } => {
            let late = wording::duration(line.at().since_ms(*claimed));
            let what = Bilingual::new(
                format!("実施時刻(申告){}、{late} 後に記入", claimed.shown()),
                format!("Said to have happened {}, entered {late} later", claimed.shown()),
            );
            found.add(Kind::LateEntry, line, Some(phase), what, explained());
        }
        BatchEvent::ReportReceived { report, .. } => {
            let outside = report::outside(found.source, report);
            let (name, equipment) = (&report.name, &report.equipment);
            for said in outside.iter().chain(&report.problems) {
                let what = Bilingual::new(
                    format!("{equipment} {name}: {}", said.ja),
                    format!("{equipment} {name}: {}", said.en),
                );
                let standing = Bilingual::new("第15項、原本を照合", "Section 15; compare with the file");
                found.add(Kind::Report, line, None, what, (false, standing));
            }
        }
        _ => {}
    }
}

fn of_item(found: &mut Found<'_>, line: &Line, event: &BatchEvent) {
    match event {
        BatchEvent::ItemRecorded { phase, item, value, verdict, performer, .. } => {
            judged(found, line, phase, item, (&value.shown(), *verdict));
            if let Some(performer) = performer {
                let (name, who) = (found.named(phase, item), found.source.name(performer));
                let due = found.source.batch.phases.get(phase).and_then(|run| run.items.get(item));
                let due = due.is_some_and(|item| item.countersign_due);
                let what =
                    Bilingual::new(format!("{} – 作業者 {who}", name.ja), format!("{} – performed by {who}", name.en));
                let standing = if due {
                    ("作業者の署名待ち", "Countersignature due")
                } else {
                    ("作業者が署名", "Countersigned")
                };
                found.add(Kind::Recorder, line, Some(phase), what, (due, Bilingual::new(standing.0, standing.1)));
            }
        }
        BatchEvent::ItemCorrected { phase, item, old, value, verdict, version, .. } => {
            let (name, old, new) = (found.named(phase, item), old.shown(), value.shown());
            let what = Bilingual::new(
                format!("{}: {old} → {new}(第{version}版)", name.ja),
                format!("{}: {old} → {new} (v{version})", name.en),
            );
            let unverified = found.source.batch.phases.get(phase).is_some_and(|run| run.unverified.contains(item));
            let standing =
                if unverified { ("二重確認待ち", "To be verified") } else { ("理由記載", "Reason given") };
            found.add(Kind::Correction, line, Some(phase), what, (unverified, Bilingual::new(standing.0, standing.1)));
            judged(found, line, phase, item, (&new, *verdict));
        }
        _ => {}
    }
}

fn deviation_opened(
    found: &mut Found<'_>,
    line: &Line,
    deviation: &DeviationId,
    phase: Option<&PhaseId>,
    item: Option<&ItemId>,
    cause: &DeviationCause,
) {
    let said = wording::cause(cause);
    let of = phase.zip(item).map(|(phase, item)| found.named(phase, item));
    let (ja, en) = of.map_or_else(Default::default, |name| (format!("{}: ", name.ja), format!("{}: ", name.en)));
    let what = Bilingual::new(format!("{deviation} {ja}{}", said.ja), format!("{deviation} {en}{}", said.en));
    let known = found.source.batch.deviations.get(deviation);
    let class = known.and_then(|known| known.class).map(wording::class);
    let closed = known.and_then(|known| known.closed.as_ref()).is_some();
    let standing = match (class, closed) {
        (Some(class), true) => Bilingual::new(format!("{}、完結", class.ja), format!("{}, closed", class.en)),
        (Some(class), false) => Bilingual::new(format!("{}、未完結", class.ja), format!("{}, open", class.en)),
        (None, _) => Bilingual::new("未分類", "Not classified"),
    };
    found.add(Kind::Deviation, line, phase, what, (!closed, standing));
}

/// A value outside a range; one outside its acceptable range is listed here only when no deviation names it.
fn judged(found: &mut Found<'_>, line: &Line, phase: &PhaseId, item: &ItemId, (value, verdict): (&str, Verdict)) {
    let name = found.named(phase, item);
    let ranges = found.source.recipe().parameter(item).map(|of| (of.normal.shown(), of.acceptable.shown()));
    let (normal, acceptable) = ranges.unwrap_or_default();
    match verdict {
        Verdict::Normal => {}
        Verdict::OutOfNormal => {
            let what = Bilingual::new(
                format!("{} {value}(管理幅 {normal})", name.ja),
                format!("{} {value} (normal {normal})", name.en),
            );
            found.add(Kind::OutOfNormal, line, Some(phase), what, explained());
        }
        Verdict::OutOfAcceptable => {
            let named = found.source.batch.deviations.values();
            let named = named.filter(|of| of.phase.as_ref() == Some(phase) && of.item.as_ref() == Some(item)).count();
            if named == 0 {
                let what = Bilingual::new(
                    format!("{} {value}(許容範囲 {acceptable})に逸脱の記録がない", name.ja),
                    format!("{} {value} (acceptable {acceptable}) without a deviation", name.en),
                );
                found.add(
                    Kind::OutOfAcceptable,
                    line,
                    Some(phase),
                    what,
                    (true, Bilingual::new("未処置", "Not handled")),
                );
            }
        }
    }
}

fn links(found: &mut Found<'_>) {
    let mut ended: BTreeMap<EquipmentId, Vec<(Timestamp, Option<Timestamp>, String)>> = BTreeMap::new();
    let lines: Vec<(&Line, EquipmentId, Timestamp)> = found
        .source
        .events()
        .filter_map(|(line, event)| match event {
            BatchEvent::LinkChanged { equipment, state, at, .. }
                if !matches!(state, LinkState::Online | LinkState::Degraded(_)) =>
            {
                Some((line, equipment.clone(), *at))
            }
            _ => None,
        })
        .collect();
    let mut told: Vec<(EquipmentId, Timestamp)> = Vec::new();
    for (line, equipment, at) in lines {
        // Another cause of the same gap is not another gap.
        if told.contains(&(equipment.clone(), at)) {
            continue;
        }
        told.push((equipment.clone(), at));
        let known = ended.entry(equipment.clone()).or_insert_with(|| trend::down(&equipment, &found.source.lines));
        let Some((_, until, cause)) = known.iter().find(|(from, _, _)| *from == at) else { continue };
        let open = until.is_none();
        let lasted = until.map(|until| format!(" {} ({})", until.shown(), wording::duration(until.since_ms(at))));
        let lasted = lasted.unwrap_or_default();
        let said = |cause: &str| format!("{equipment}: {cause}, {} –{lasted}", at.shown());
        let cause = cause_words(cause);
        let what = Bilingual::new(said(&cause.ja), said(&cause.en));
        let standing = if open { ("復旧の記録なし", "No return recorded") } else { ("復旧", "Returned") };
        let standing = (open, Bilingual::new(standing.0, standing.1));
        found.add(Kind::LinkGap, line, None, what, standing);
    }
}

fn gaps(found: &mut Found<'_>, trends: &[Trend]) {
    for trend in trends.iter().filter(|trend| !trend.gaps.is_empty()) {
        let Some(first) = trend.gaps.first() else { continue };
        let total: i64 = trend.gaps.iter().map(|gap| gap.until.since_ms(gap.from)).sum();
        let (count, total) = (trend.gaps.len(), wording::duration(total));
        found.list.push(Exception {
            kind: Kind::SampleGap,
            title: Kind::SampleGap.shown(),
            at: first.from,
            at_shown: first.from.shown(),
            phase: None,
            what: Bilingual::new(
                format!("{} {}: {count} 区間、合計 {total}", trend.tag, trend.title.ja),
                format!("{} {}: {count} gaps, {total} in all", trend.tag, trend.title.en),
            ),
            words: Cell::Empty,
            standing: Bilingual::new("第17項に一覧", "Listed in section 17"),
            open: false,
            entry: None,
        });
    }
}

/// What still waits for a person when the newest entry was made.
fn waiting(found: &mut Found<'_>) {
    let source = found.source;
    let mut open: Vec<(Option<PhaseId>, Bilingual)> = Vec::new();
    for phase in source.phases() {
        let Some(run) = source.batch.phases.get(&phase.id) else { continue };
        for (item, write) in run.writes.iter().filter(|(_, write)| write.outcome.is_none()) {
            let name = found.named(&phase.id, item);
            let effect = &write.effect;
            let what = Bilingual::new(
                format!("{}: 書込み {effect} の結果の記録がない", name.ja),
                format!("{}: no outcome of write {effect} is recorded", name.en),
            );
            open.push((Some(phase.id.clone()), what));
        }
        for (item, deviation) in &run.violated {
            let name = found.named(&phase.id, item);
            let what = Bilingual::new(
                format!("{}: 管理値内への復帰の記録がない({deviation})", name.ja),
                format!("{}: no return within the limit is recorded ({deviation})", name.en),
            );
            open.push((Some(phase.id.clone()), what));
        }
    }
    let Some(last) = source.lines.last() else { return };
    for (phase, what) in open {
        found.list.push(Exception {
            kind: Kind::Open,
            title: Kind::Open.shown(),
            at: last.at(),
            at_shown: last.at().shown(),
            phase,
            what,
            words: Cell::Empty,
            standing: Bilingual::new("未完了", "Open"),
            open: true,
            entry: None,
        });
    }
}
