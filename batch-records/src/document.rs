//! What a section of the record is made of: fields, tables, sentences. One model for record.json and for the PDF, so that
//! both say the same.
//!
//! It holds no layout and no judgement; `section/` fills it, `export/` prints it.

use mes_core::{
    clock::Timestamp,
    journal::{EntryId, Part, PartName},
    quantity::Bilingual,
};
use serde::Serialize;

use crate::source::Line;

/// What stands in one place of a form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cell {
    /// Nothing was recorded here.
    Empty,
    /// Text in the one form it has: an id, a name, a quantity, a person's words.
    Text(String),
    /// Text in both languages.
    Both(Bilingual),
    /// An instant.
    Time {
        /// RFC 3339, UTC.
        utc: Timestamp,
        /// As people see it, with its zone.
        shown: String,
    },
    /// Several lines.
    Lines(Vec<Cell>),
    /// Not disclosed to this reader 開示対象外.
    Withheld,
    /// Erased 消去 by the entry named here.
    Erased {
        /// The entry that erased it.
        by: EntryId,
    },
}

impl Cell {
    /// Text.
    pub fn text(text: impl Into<String>) -> Self {
        let text = text.into();
        if text.is_empty() { Self::Empty } else { Self::Text(text) }
    }
    /// Text in both languages; as one where they are the same.
    pub fn both(ja: impl Into<String>, en: impl Into<String>) -> Self {
        Self::bilingual(Bilingual::new(ja, en))
    }
    /// Text in both languages; as one where they are the same.
    pub fn bilingual(text: Bilingual) -> Self {
        if text.ja == text.en { Self::text(text.ja) } else { Self::Both(text) }
    }
    /// An instant, or nothing.
    pub fn time(at: Option<Timestamp>) -> Self {
        at.map_or(Self::Empty, |utc| Self::Time { utc, shown: utc.shown() })
    }
    /// Several lines; one of them stands alone, none is nothing.
    pub fn lines(mut lines: Vec<Self>) -> Self {
        lines.retain(|line| *line != Self::Empty);
        match (lines.len(), lines.pop()) {
            (0, _) | (_, None) => Self::Empty,
            (1, Some(only)) => only,
            (_, Some(last)) => {
                lines.push(last);
                Self::Lines(lines)
            }
        }
    }
    /// A person's words, or the mark that they are withheld or erased.
    pub fn words(line: &Line) -> Self {
        Self::part(line, PartName::Text)
    }
    /// A part of an entry that is one text, or the mark that it is withheld or erased.
    pub fn part(line: &Line, name: PartName) -> Self {
        match line.entry.parts.get(&name) {
            None => Self::Empty,
            Some(Part::Withheld) => Self::Withheld,
            Some(Part::Erased { by }) => Self::Erased { by: by.clone() },
            Some(Part::Open { value, .. }) => match value {
                serde_json::Value::String(text) => Self::text(text.clone()),
                other => Self::text(other.to_string()),
            },
        }
    }
}

/// Why a line stands out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// It needs a look 要照査.
    Look,
    /// It is outside of what was accepted.
    Out,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Column {
    /// Name for machines.
    pub key: &'static str,
    /// Heading.
    pub label: Bilingual,
    /// Share of the width.
    #[serde(skip)]
    pub share: u8,
}

/// Makes a column.
pub(crate) fn column(key: &'static str, share: u8, ja: &str, en: &str) -> Column {
    Column { key, label: Bilingual::new(ja, en), share }
}

/// A row of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// One cell per column.
    pub cells: Vec<Cell>,
    /// The entry that says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry: Option<EntryId>,
    /// Why it stands out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mark: Option<Mark>,
}

impl Row {
    /// A row without an entry of its own.
    pub fn new(cells: Vec<Cell>) -> Self {
        Self { cells, entry: None, mark: None }
    }
    /// A row that one entry says.
    pub fn of(line: &Line, cells: Vec<Cell>) -> Self {
        Self { cells, entry: Some(line.id()), mark: None }
    }
    /// The same row, marked.
    #[must_use]
    pub fn marked(mut self, mark: Option<Mark>) -> Self {
        self.mark = mark;
        self
    }
}

/// A label and what stands beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Field {
    /// Name for machines.
    pub key: &'static str,
    /// Label.
    pub label: Bilingual,
    /// Value.
    pub value: Cell,
}

/// Makes a field.
pub(crate) fn field(key: &'static str, ja: &str, en: &str, value: Cell) -> Field {
    Field { key, label: Bilingual::new(ja, en), value }
}

/// A piece of a section.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Block {
    /// Labels with values.
    Fields(Vec<Field>),
    /// A table.
    Table {
        /// Name for machines.
        key: &'static str,
        /// Heading, where the section has several tables.
        #[serde(skip_serializing_if = "Option::is_none")]
        title: Option<Bilingual>,
        /// Columns.
        columns: Vec<Column>,
        /// Rows.
        rows: Vec<Row>,
    },
    /// A heading within the section.
    Heading(Bilingual),
    /// A sentence.
    Note(Bilingual),
    /// The plots of the trends stand here.
    Plots,
}

/// One of the 31 rows of what an auditor expects (REQUIREMENTS 4.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Section {
    /// Its number, 1 to 31.
    pub row: u8,
    /// Its title.
    pub title: Bilingual,
    /// The clauses that ask for it.
    pub basis: &'static str,
    /// What it says.
    pub blocks: Vec<Block>,
    /// Why it is empty 該当なし; missing when it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_applicable: Option<Bilingual>,
}

impl Section {
    /// A section that says something; a table without rows does not count as saying something.
    pub fn new(row: u8, blocks: Vec<Block>, otherwise: Bilingual) -> Self {
        let (title, basis) = title(row);
        let says = |block: &Block| match block {
            Block::Fields(fields) => fields.iter().any(|field| field.value != Cell::Empty),
            Block::Table { rows, .. } => !rows.is_empty(),
            Block::Heading(_) | Block::Note(_) | Block::Plots => true,
        };
        if blocks.iter().any(says) {
            let blocks = blocks.into_iter().filter(says).collect();
            Self { row, title, basis, blocks, not_applicable: None }
        } else {
            Self { row, title, basis, blocks: Vec::new(), not_applicable: Some(otherwise) }
        }
    }
    /// A section with nothing to say, and why.
    pub fn not_applicable(row: u8, ja: &str, en: &str) -> Self {
        Self::new(row, Vec::new(), Bilingual::new(ja, en))
    }
}

/// Titles and clauses of the 31 rows.
const TITLES: [(&str, &str, &str); 31] = [
    ("製品名・規格", "Product name and code, strength", "211.188(a) · PIC/S 4.20a · GCTP 11条"),
    ("製造番号(ロット)・仕込量・使用の期限", "Lot, batch size, expiry", "211.188(a) · PIC/S 4.20a · GCTP 11条"),
    ("マスターレシピ・製品標準書・承認", "Master recipe, version, approvals", "211.188(a) · PIC/S 4.3 · GCTP 8条"),
    ("製造指図(指図者・作業者)", "Issue: who instructed whom, when", "211.188(a) · PIC/S 4.3"),
    ("製造及び各工程の開始・終了日時", "Start and end of the batch and of each step", "211.188(b)(1) · PIC/S 4.20b"),
    ("スイート(作業室)・清浄度・ラインクリアランス", "Suite, grade, line clearance", "211.188(b)(6) · PIC/S 4.18c"),
    ("主要設備・校正・状態", "Major equipment and its status", "211.188(b)(2) · PIC/S 4.20e"),
    ("原料細胞・同一性の連鎖(COI)", "Starting cells, chain of identity", "211.188(b)(3) · PIC/S 4.20d"),
    ("原料・出納", "Materials", "211.188(b)(3)–(4) · PIC/S 4.20d"),
    (
        "資材・容器・表示(ラベル)の収支照合",
        "Packaging, labels and their reconciliation",
        "211.188(b)(8)–(9) · PIC/S 4.21",
    ),
    ("指図内容と実施記録", "Instructions as shown, set and actual values", "211.188(b) · PIC/S 4.20e"),
    ("工程内管理試験の結果", "In-process control results", "211.188(b)(5) · PIC/S 4.20f"),
    ("検体採取", "Sampling", "211.188(b)(10) · PIC/S 4.20f"),
    (
        "作業者・確認者及び電子署名",
        "Performers, checkers and their signatures",
        "211.188(b)(11) · Part 11.50 · PIC/S 4.20c",
    ),
    ("自動工程の確認者", "Checkers of automated steps", "211.188(b)(11) · 211.68(c)"),
    ("収量・収支照合", "Yields and reconciliation", "211.188(b)(7) · 211.103 · PIC/S 4.20g"),
    ("工程トレンド", "Process trends", "211.188(b)(5) · PIC/S 4.20e"),
    ("環境モニタリング", "Environmental monitoring", "211.188(b)(5) · Annex 1 10.10"),
    ("警報・管理値の逸脱・通信断", "Alarms, violated limits and lost links", "211.188(b)(12) · Annex 1 5.2"),
    ("介入作業・停止", "Interventions and stoppages", "211.188(b)(12) · Annex 1 8.17"),
    ("保持時間", "Hold times", "211.111 · Annex 1 8.18"),
    ("逸脱・規格外(OOS)・変更", "Deviations, OOS, changes", "211.188(b)(12) · 211.192 · PIC/S 4.20h"),
    ("後日記入・訂正", "Late entries and corrections", "Part 11.10(e) · PIC/S 4.9"),
    ("製造後の清掃・除染", "Cleaning and decontamination after the batch", "211.182 · PIC/S 2A 5.18"),
    ("凍結保存・保管", "Cryopreservation and storage", "PIC/S 2A 5.10"),
    ("梱包・出荷・受領", "Packing, shipping, receipt", "211.150 · PIC/S 2A 4.3"),
    (
        "製造管理の確認・照査・監査証跡の照査",
        "Reviews, and review of the audit trail",
        "211.192 · PIC/S 4.20i · Annex 11 9",
    ),
    ("出荷判定", "Disposition", "211.192 · PIC/S 2A 6.10 · GCTP 13条"),
    ("従事者一覧・役割", "People and their roles", "Part 11.10(i) · PIC/S 4.20c"),
    (
        "ソフトウェア・設定・記録の同一性",
        "Software, configuration, integrity of the record",
        "Part 11.10(a) · Annex 11 10",
    ),
    ("完全性の宣言", "Statement of completeness", "211.194 · PIC/S 4.10"),
];

fn title(row: u8) -> (Bilingual, &'static str) {
    let found = usize::from(row).checked_sub(1).and_then(|index| TITLES.get(index));
    found.map_or_else(Default::default, |(ja, en, basis)| (Bilingual::new(*ja, *en), *basis))
}
