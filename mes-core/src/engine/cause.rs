//! The drivers' causes of a link's state in both languages. An entry keeps the driver's sentence as it was said; here it is
//! only read again. What is not in the table (a device's own code, the operating system's words) is shown as it is.

use crate::quantity::Bilingual;

/// The drivers' sentences, with `{}` for what varies, and the same in Japanese. The first that fits counts.
const SENTENCES: [(&str, &str); 56] = [
    ("first attempt", "最初の接続"),
    ("trying again because a person asked", "担当者の指示により再接続"),
    ("the driver was stopped", "通信ドライバの停止"),
    ("stopped", "停止"),
    ("connected to {}", "{} に接続"),
    ("the folder {} is watched", "フォルダー {} を監視中"),
    ("the folder {} cannot be read ({})", "フォルダー {} を読めない({})"),
    ("the folder {} cannot be made ({})", "フォルダー {} を作れない({})"),
    ("{} file(s) in {} are not taken in; the first is {}", "取り込めないファイル {} 件({})。最初のもの: {}"),
    ("{}: its name does not end as that of a report", "{}: 報告書の拡張子ではない"),
    ("{}: it is larger than {} MiB", "{}: {} MiB を超える"),
    ("{}: it is kept, but cannot be moved to {}", "{}: 取込済みだが {} へ移せない"),
    ("{}: it cannot be read ({})", "{}: 読めない({})"),
    ("{}: it cannot be read", "{}: 読めない"),
    ("the address of a closed device is {}, not {}", "閉鎖系機器の接続先は {} とする。{} は使えない"),
    ("a new connection was asked for", "新しい接続の指示"),
    ("the device works again", "機器が正常に戻った"),
    (
        "the device answers, but its heartbeat has stood still for {} s",
        "機器は応答するが、生存信号が {}秒変化していない",
    ),
    ("the clock of the device differs from ours by about {} s", "機器の時計が約{}秒ずれている"),
    ("the device refuses {} of {} tags: {}", "機器が {} 件のタグを拒否(全 {} 件): {}"),
    ("the link needs a person: {}", "通信の復旧に担当者の操作が必要: {}"),
    ("the link is down: {}", "通信断: {}"),
    ("the link is down", "通信断"),
    ("the link was lost before the write was sent: {}", "書込みの送信前に通信断: {}"),
    ("the link was lost while the write was under way: {}", "書込みの途中で通信断: {}"),
    (
        "the device accepted the write, but the link was lost before it could be read back: {}",
        "書込みは受け付けられたが、読み戻しの前に通信断: {}",
    ),
    ("the device does not know whether the write took effect: {}", "書込みが有効になったか機器が判断できない: {}"),
    ("the template describes no OPC UA address space", "機器テンプレートに OPC UA の定義がない"),
    (
        "the device has no namespace {}; unless it is still starting, its template {} or its address is wrong",
        "機器に名前空間 {} がない。起動中でなければ、テンプレート {} またはアドレスの誤り",
    ),
    (
        "the device offers no endpoint with Basic256Sha256 and SignAndEncrypt; switch it on at the device",
        "機器に Basic256Sha256・SignAndEncrypt の接続口がない。機器側で有効にすること",
    ),
    (
        "the certificate of the device is not trusted: {} (thumbprint {}); compare the thumbprint with the device's and approve it",
        "機器の証明書が未承認: {}(拇印 {})。機器の拇印と照合して承認すること",
    ),
    (
        "the certificate of the device was refused by a person: {} (thumbprint {})",
        "機器の証明書は担当者により拒否されている: {}(拇印 {})",
    ),
    ("the certificate of the device does not hold: {}: {} (thumbprint {})", "機器の証明書が無効({}): {}(拇印 {})"),
    (
        "the device refuses user {} or the password ({}); correct the credentials",
        "機器がユーザー {} またはパスワードを拒否({})。認証情報を直すこと",
    ),
    (
        "the device does not trust our certificate ({}); approve thumbprint {} at the device",
        "機器が本システムの証明書を信頼していない({})。機器側で拇印 {} を承認すること",
    ),
    (
        "the certificate of the device does not hold ({}); correct its address here or renew it there",
        "機器の証明書が無効({})。登録アドレスを直すか、機器側で更新すること",
    ),
    ("no answer within {} s", "{}秒以内に応答なし"),
    ("no answer in time", "時間内に応答なし"),
    ("not ready within {} s", "{}秒以内に準備が整わない"),
    ("an answer of the wrong length", "応答の長さの誤り"),
    ("an answer without a result", "結果のない応答"),
    ("the session ended before it was open", "接続の確立前にセッション終了"),
    ("the subscription has been silent for {} s", "購読が {}秒途絶えた"),
    ("ended", "終了"),
    ("connect: {}", "接続: {}"),
    ("read: {}", "読取り: {}"),
    ("write: {}", "書込み: {}"),
    ("session: {}", "セッション: {}"),
    ("subscription: {}", "購読: {}"),
    ("open session: {}", "セッションの開始: {}"),
    ("prepare session: {}", "セッションの準備: {}"),
    ("ask for endpoints: {}", "接続口の照会: {}"),
    ("resolve nodes: {}", "ノードの解決: {}"),
    ("Connection refused{}", "接続を拒否された{}"),
    ("Connection reset by peer{}", "相手から接続を切られた{}"),
    ("Broken pipe{}", "接続が切れた{}"),
];

/// A driver's sentence in both languages.
pub fn cause_words(said: &str) -> Bilingual {
    Bilingual::new(japanese(said), said)
}

fn japanese(said: &str) -> String {
    let fits = |(pattern, words): &(&str, &str)| Some((parts(pattern, said)?, (*words).to_owned()));
    let Some((parts, words)) = SENTENCES.iter().find_map(fits) else { return said.to_owned() };
    let mut pieces = words.split("{}");
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.zip(parts).fold(first, |text, (piece, part)| text + &japanese(part) + piece)
}

/// What stands at each `{}` of a pattern, when the whole sentence fits it.
fn parts<'s>(pattern: &str, said: &'s str) -> Option<Vec<&'s str>> {
    let mut pieces = pattern.split("{}");
    let mut rest = said.strip_prefix(pieces.next()?)?;
    let mut found = Vec::new();
    let pieces: Vec<&str> = pieces.collect();
    for (index, piece) in pieces.iter().enumerate() {
        let last = index.saturating_add(1) == pieces.len();
        let end = if last { rest.strip_suffix(piece)?.len() } else { rest.find(piece)? };
        let (part, after) = rest.split_at_checked(end)?;
        found.push(part);
        rest = after.strip_prefix(piece)?;
    }
    rest.is_empty().then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drivers_sentence_is_said_in_japanese_with_what_varies_in_its_place() {
        for (said, ja) in [
            ("connect: Connection refused (os error 111)", "接続: 接続を拒否された (os error 111)"),
            ("read: no answer within 3 s", "読取り: 3秒以内に応答なし"),
            ("connected to opc.tcp://127.0.0.1:4840/", "opc.tcp://127.0.0.1:4840/ に接続"),
            (
                "the device refuses 1 of 7 tags: o2 (IllegalDataAddress)",
                "機器が 1 件のタグを拒否(全 7 件): o2 (IllegalDataAddress)",
            ),
            ("the link is down: session: BadSessionClosed", "通信断: セッション: BadSessionClosed"),
            ("stopped", "停止"),
            (
                "2 file(s) in /d are not taken in; the first is a.b: its name does not end as that of a report",
                "取り込めないファイル 2 件(/d)。最初のもの: a.b: 報告書の拡張子ではない",
            ),
        ] {
            assert_eq!(cause_words(said), Bilingual::new(ja, said));
        }
    }

    #[test]
    fn what_no_table_knows_is_shown_as_it_was_said() {
        for said in ["BadWaitingForInitialData", "", "stopped by hand"] {
            assert_eq!(cause_words(said).ja, said);
        }
    }

    #[test]
    fn both_languages_have_the_same_places_for_what_varies() {
        for (en, ja) in SENTENCES {
            assert_eq!(en.matches("{}").count(), ja.matches("{}").count(), "{en}");
        }
    }
}
