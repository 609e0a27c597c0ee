//! Rows 30 and 31: what keeps the record what it is, and the statement of completeness.

use std::collections::BTreeMap;

use mes_core::{
    batch::BatchEvent,
    journal::{Event, Hash, JournalEvent, Owner, SamplesEvent, StreamId},
    quantity::Bilingual,
};

use crate::{
    document::{Block, Cell, Mark, Row, Section, column, field},
    record::{RECORD_FORM, RENDERER},
    source::Source,
};

/// Row 30.
pub(super) fn integrity(source: &Source) -> Section {
    let issued = source.issued();
    let mut software: Vec<String> =
        source.lines.iter().filter_map(|line| line.who.as_ref()).map(|who| who.software.clone()).collect();
    software.retain(|version| !version.is_empty());
    software.sort();
    software.dedup();
    let opened = source.lines.iter().find_map(|line| match &line.event {
        Some(Event::Journal(JournalEvent::Opened { key, .. })) => Some(*key),
        _ => None,
    });
    let fields = vec![
        field(
            "software",
            "記録時のソフトウェア",
            "Software that recorded",
            Cell::lines(software.into_iter().map(Cell::text).collect()),
        ),
        field("renderer", "本書の作成", "Made by", Cell::text(format!("{RENDERER}, {RECORD_FORM}"))),
        field(
            "policies",
            "方針(アクセス権限)のハッシュ",
            "Hash of the policies",
            Cell::text(issued.policies_hash.to_string()),
        ),
        field(
            "recipe",
            "マスターレシピのハッシュ",
            "Hash of the master recipe",
            Cell::text(issued.recipe_hash.to_string()),
        ),
        field(
            "head",
            "バッチの最終エントリーのハッシュ",
            "Hash of the batch's last entry",
            streams(source)
                .get(&(Owner::Tenant(issued.tenant.id.clone()), source.stream()))
                .map_or(Cell::Empty, |of| Cell::text(of.last.to_string())),
        ),
        field(
            "key",
            "施設の署名鍵(SHA-256)",
            "Facility's key (SHA-256)",
            opened.map_or(Cell::Empty, |key| Cell::text(key.to_string())),
        ),
    ];
    let note = Block::Note(Bilingual::new(
        "本書の真正性は、真正性証明パッケージに含まれる署名済みチェックポイントと証明により、施設のシステムなしに確認できる。",
        "The evidence package holds the signed checkpoint and the proofs by which this record is verified without the facility's system.",
    ));
    Section::new(
        30,
        vec![Block::Fields(fields), seals(source), sealed_samples(source), journal(source), note],
        Bilingual::default(),
    )
}

fn seals(source: &Source) -> Block {
    let rows = source.batch.seals.iter().map(|seal| {
        Row::new(vec![
            Cell::text(seal.stream.to_string()),
            Cell::text(seal.seq.to_string()),
            Cell::text(seal.hash.to_string()),
        ])
    });
    Block::Table {
        key: "seals",
        title: Some(Bilingual::new("出荷判定時に封印されたストリーム", "Streams sealed at disposition")),
        columns: vec![
            column("stream", 40, "ストリーム", "Stream"),
            column("seq", 12, "最終番号", "Last number"),
            column("hash", 76, "最終エントリーのハッシュ", "Hash of its last entry"),
        ],
        rows: rows.collect(),
    }
}

fn sealed_samples(source: &Source) -> Block {
    let rows = source.lines.iter().filter_map(|line| match &line.event {
        Some(Event::Samples(SamplesEvent::Sealed { sealed })) => {
            let count: u64 = sealed.chunks.iter().map(|chunk| chunk.count).sum();
            let late = if sealed.supplement { Cell::both("補遺", "supplement") } else { Cell::Empty };
            Some(Row::of(
                line,
                vec![
                    Cell::text(sealed.equipment.as_str()),
                    Cell::time(Some(sealed.from)),
                    Cell::time(Some(sealed.until)),
                    Cell::text(format!("{} / {count}", sealed.chunks.len())),
                    Cell::text(sealed.root.short()),
                    late,
                ],
            ))
        }
        _ => None,
    });
    Block::Table {
        key: "samples",
        title: Some(Bilingual::new("封印されたサンプル", "Sealed samples")),
        columns: vec![
            column("equipment", 22, "設備", "Equipment"),
            column("from", 28, "開始", "From"),
            column("until", 28, "終了", "Until"),
            column("count", 20, "チャンク/サンプル", "Chunks / samples"),
            column("root", 14, "根", "Root"),
            column("supplement", 12, "備考", "Remark"),
        ],
        rows: rows.collect(),
    }
}

fn journal(source: &Source) -> Block {
    let rows = source.lines.iter().filter_map(|line| {
        let (ja, en, detail) = match &line.event {
            Some(Event::Journal(JournalEvent::Opened { purpose, .. })) => {
                ("ジャーナルの開始", "Journal opened", format!("{purpose}"))
            }
            Some(Event::Journal(JournalEvent::Started { software, .. })) => {
                ("システムの起動", "Process started", software.clone())
            }
            Some(Event::Journal(JournalEvent::RateChanged { rate })) => {
                ("施設時刻の速度", "Rate of facility time", format!("×{rate}"))
            }
            _ => return None,
        };
        Some(Row::of(line, vec![Cell::both(ja, en), Cell::text(detail), Cell::time(Some(line.at()))]))
    });
    Block::Table {
        key: "journal",
        title: Some(Bilingual::new("ジャーナル自体のエントリー", "Entries about the journal itself")),
        columns: vec![
            column("what", 36, "内容", "What"),
            column("detail", 50, "詳細", "Detail"),
            column("at", 30, "日時", "When"),
        ],
        rows: rows.collect(),
    }
}

struct Stream {
    first: u64,
    end: u64,
    count: u64,
    closed: u64,
    last: Hash,
}

fn streams(source: &Source) -> BTreeMap<(Owner, StreamId), Stream> {
    let mut streams: BTreeMap<(Owner, StreamId), Stream> = BTreeMap::new();
    for line in &source.lines {
        let envelope = &line.entry.envelope;
        let seq = envelope.stream_seq;
        let key = (envelope.owner.clone(), envelope.stream.clone());
        let of = streams.entry(key).or_insert(Stream { first: seq, end: seq, count: 0, closed: 0, last: line.leaf });
        of.first = of.first.min(seq);
        if seq >= of.end {
            (of.end, of.last) = (seq, line.leaf);
        }
        of.count += 1;
        of.closed += u64::from(!line.is_disclosed());
    }
    streams
}

fn attachments(source: &Source) -> Vec<Cell> {
    let mut all = vec![
        Cell::both("record.json(本書の構造化データ)", "record.json (this record as data)"),
        Cell::both("audit-trail.json / audit-trail.csv(監査証跡)", "audit-trail.json / audit-trail.csv (audit trail)"),
        Cell::both("trends.csv(全サンプル)", "trends.csv (every sample)"),
    ];
    all.extend(super::report::all(source).map(|(_, report)| {
        let (name, equipment) = (&report.name, &report.equipment);
        Cell::both(
            format!("{name}({equipment} の報告書、真正性証明パッケージの reports/)"),
            format!("{name} (report of {equipment}, in reports/ of the evidence package)"),
        )
    }));
    all
}

/// Row 31.
pub(super) fn completeness(source: &Source) -> Section {
    let rows = streams(source).into_iter().map(|((owner, stream), of)| {
        let whole = of.first == 1 && of.count == of.end;
        let standing = if whole {
            Cell::both("第1番から欠番なし", "no gap from number 1")
        } else {
            Cell::both("一部のみ", "in part only")
        };
        Row::new(vec![
            Cell::text(owner.to_string()),
            Cell::text(stream.to_string()),
            Cell::text(format!("{}–{}", of.first, of.end)),
            Cell::text(of.count.to_string()),
            Cell::text(of.closed.to_string()),
            standing,
        ])
        .marked((!whole && stream == source.stream()).then_some(Mark::Out))
    });
    let table = Block::Table {
        key: "streams",
        title: Some(Bilingual::new("この記録の元となったエントリー", "Entries this record is made of")),
        columns: vec![
            column("owner", 24, "所有者", "Owner"),
            column("stream", 40, "ストリーム", "Stream"),
            column("numbers", 16, "番号", "Numbers"),
            column("count", 12, "件数", "Count"),
            column("closed", 16, "開示対象外・消去", "Withheld, erased"),
            column("standing", 24, "欠番", "Gaps"),
        ],
        rows: rows.collect(),
    };
    let missing: usize = source.series.iter().map(|series| series.missing.len()).sum();
    let chunks: usize = source.series.iter().map(|series| series.chunks).sum();
    let fields = vec![
        field("entries", "エントリー総数", "Entries in all", Cell::text(source.lines.len().to_string())),
        field(
            "chunks",
            "サンプルのチャンク",
            "Chunks of samples",
            Cell::both(format!("{chunks}(欠 {missing})"), format!("{chunks} ({missing} missing)")),
        ),
        field("pages", "頁数", "Pages", Cell::both("各頁の頁番号に示す", "as numbered on each page")),
        field("attachments", "添付", "Attachments", Cell::lines(attachments(source))),
        field(
            "statement",
            "宣言",
            "Statement",
            Cell::both(
                "本書は上記のエントリーと封印されたサンプルのみから作成され、それ以外の記述を含まない。開示対象外・消去の部分はその旨を表示する。",
                "This record is made of the entries and sealed samples above and says nothing else. Parts that are withheld or erased are shown as such.",
            ),
        ),
    ];
    Section::new(31, vec![Block::Fields(fields), table, exports(source)], Bilingual::default())
}

fn exports(source: &Source) -> Block {
    let rows = source.events().flat_map(|(line, event)| {
        let files = match event {
            BatchEvent::Exported { files } => files.as_slice(),
            _ => &[],
        };
        files.iter().map(move |file| {
            Row::of(
                line,
                vec![
                    Cell::time(Some(line.at())),
                    Cell::text(file.name.clone()),
                    Cell::text(file.sha256.to_string()),
                    line.actor(),
                ],
            )
        })
    });
    Block::Table {
        key: "exports",
        title: Some(Bilingual::new("これまでの出力", "Exports so far")),
        columns: vec![
            column("at", 22, "日時", "When"),
            column("name", 28, "ファイル", "File"),
            column("sha256", 64, "SHA-256", "SHA-256"),
            column("by", 22, "出力者", "By"),
        ],
        rows: rows.collect(),
    }
}
