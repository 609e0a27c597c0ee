//! What a verification says: the purpose first, then what was checked, what holds, the first thing that does not, and what
//! no package can prove.

use mes_core::{
    id::BatchId,
    journal::{Hash, Purpose},
    quantity::{Bilingual, Language},
};

use crate::wording;

/// The outcome as a whole; its number is the exit status of `mes verify`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Everything holds, and a key that the reader trusts signed it.
    Verified,
    /// Something does not hold.
    Failed,
    /// Consistent in itself; no key was given, so the signer is not established.
    SignerNotEstablished,
    /// It could not be read as a package at all.
    Unreadable,
}

impl Status {
    /// Exit status: 0, 1, 2, 3 in this order.
    pub fn code(self) -> u8 {
        match self {
            Self::Verified => 0,
            Self::Failed => 1,
            Self::SignerNotEstablished => 2,
            Self::Unreadable => 3,
        }
    }
}

/// What one check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It holds; in numbers or names.
    Holds(Bilingual),
    /// It does not hold.
    Fails {
        /// The member or entry.
        object: String,
        /// What is wrong.
        why: Bilingual,
    },
    /// It could not or need not be checked; why.
    NotChecked(Bilingual),
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What is checked.
    pub what: Bilingual,
    /// What was found.
    pub outcome: Outcome,
}

/// The report of one verification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The outcome.
    pub status: Status,
    /// Purpose, once a signed note said it.
    pub purpose: Option<Purpose>,
    /// Batch.
    pub batch: Option<BatchId>,
    /// Fingerprint of the key that signed, as the manifest says.
    pub fingerprint: Option<Hash>,
    /// What the package is: facility, checkpoint, number of entries.
    pub about: Vec<Bilingual>,
    /// What was left out, as the manifest says.
    pub left_out: Vec<String>,
    /// The checks in order, up to the first that does not hold.
    pub checks: Vec<Check>,
    /// What is not proven.
    pub not_proven: Vec<Bilingual>,
}

impl Report {
    /// The first thing that does not hold: member or entry, and why.
    pub fn first_failure(&self) -> Option<(&str, &Bilingual)> {
        self.checks.iter().find_map(|check| match &check.outcome {
            Outcome::Fails { object, why } => Some((object.as_str(), why)),
            Outcome::Holds(_) | Outcome::NotChecked(_) => None,
        })
    }
    /// The line that says how it ended.
    pub fn verdict(&self) -> Bilingual {
        let fingerprint = self.fingerprint.map_or_else(|| "–".to_owned(), |hash| hash.to_string());
        match self.status {
            Status::Verified => Bilingual::new(
                format!("真正性を確認した。署名者の指紋 {fingerprint}"),
                format!("Verified. Signed by {fingerprint}"),
            ),
            Status::SignerNotEstablished => Bilingual::new(
                format!("内部に矛盾はない。署名者は確認していない(鍵の指定なし)。指紋 {fingerprint}"),
                format!("Signer not checked: consistent in itself, signer not established, fingerprint {fingerprint}"),
            ),
            Status::Failed => Bilingual::new(
                "確認できない。最初に一致しない点を下に示す。",
                "FAILED. The first thing that does not hold is named below.",
            ),
            Status::Unreadable => Bilingual::new("パッケージとして読めない。", "UNREADABLE as a package."),
        }
    }
    /// The report for people, in one language.
    pub fn text(&self, language: Language) -> String {
        let say = |text: &Bilingual| text.get(language).to_owned();
        let t = |ja: &str, en: &str| Bilingual::new(ja, en).get(language).to_owned();
        let purpose = self.purpose.map(wording::purpose);
        let mut lines = vec![purpose.map_or_else(|| t("目的不明", "Purpose unknown"), |text| say(&text))];
        lines.push(say(&self.verdict()));
        lines.extend(self.about.iter().map(say));
        lines.push(String::new());
        lines.push(t("確認したこと", "Checked"));
        for Check { what, outcome } in &self.checks {
            lines.push(match outcome {
                Outcome::Holds(detail) => format!("  [OK]   {} – {}", say(what), say(detail)),
                Outcome::Fails { object, why } => format!("  [FAIL] {} – {object}: {}", say(what), say(why)),
                Outcome::NotChecked(why) => format!("  [ -- ] {} – {}", say(what), say(why)),
            });
        }
        if !self.left_out.is_empty() {
            lines.push(String::new());
            lines.push(t("マニフェストによれば除外されているもの", "Left out, as the manifest says"));
            lines.extend(self.left_out.iter().map(|line| format!("  - {line}")));
        }
        if !self.not_proven.is_empty() {
            lines.push(String::new());
            lines.push(t("証明されていないこと", "Not proven"));
            lines.extend(self.not_proven.iter().map(|line| format!("  - {}", say(line))));
        }
        lines.push(String::new());
        lines.join("\n")
    }
}
