//! The drivers' causes of a link's state in both languages. An entry keeps the driver's sentence as it was said; here it is
//! only read again. What is not in the table (a device's own code, the operating system's words) is shown as it is.

use crate::quantity::Bilingual;

/// The drivers' sentences, with `{}` for what varies, and the same in Japanese. The first that fits counts.
const SENTENCES: &[(&str, &str)] = &[
    ("first attempt", "最初の接続"),
    ("trying again because a person asked", "担当者の指示により再接続"),
    ("the driver was stopped", "通信ドライバの停止"),
    ("stopped", "停止"),
    ("the process was started anew", "システムの再起動"),
    ("the process stopped before the outcome was known", "結果が分かる前にシステムが停止"),
    ("connected to {} ({})", "{} に接続({})"),
    ("connected to {}", "{} に接続"),
    ("its device template is not in force", "機器テンプレートが有効になっていない"),
    ("its device template does not say which files are reports", "機器テンプレートに報告書ファイルの定義がない"),
    (
        "{} leads into the data folder; use {} or a folder elsewhere",
        "{} はデータフォルダーの中を指す。{} または別のフォルダーを使うこと",
    ),
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
    ("the device reports service level {} of 255: {}", "機器のサービスレベルが 255 中 {}: {}"),
    ("maintenance", "保守中"),
    ("no data", "データなし"),
    ("degraded", "機能低下"),
    ("healthy", "正常"),
    ("the link needs a person: {}", "通信の復旧に担当者の操作が必要: {}"),
    ("a closed device cannot be connected to", "閉鎖系機器には接続できない"),
    ("the address of a device that is spoken to", "通信する機器のアドレス"),
    ("the link is down: {}", "通信断: {}"),
    ("the link is down", "通信断"),
    ("the link was stopped", "通信の停止"),
    ("there is no connection: {}", "接続がない: {}"),
    ("the device has no place on a Modbus link", "機器が Modbus 回線に割り当てられていない"),
    (
        "no driver took the order to connect again: none runs for this device, or the gateway is away",
        "再接続の指示を受ける通信ドライバがない(この機器には未起動、またはゲートウェイ不在)",
    ),
    ("no driver runs for this equipment", "この機器の通信ドライバが動いていない"),
    ("no driver is configured for {}", "{} の通信ドライバが設定されていない"),
    ("the gateway is away: {}", "ゲートウェイ不在: {}"),
    ("the gateway is away", "ゲートウェイ不在"),
    ("it has left", "接続を終了した"),
    (
        "the gateway's buffer was full or damaged: reports {} to {} are lost",
        "ゲートウェイの保存領域が満杯または破損: 報告 {} 〜 {} が失われた",
    ),
    ("the link was lost before the write was sent: {}", "書込みの送信前に通信断: {}"),
    ("the link was lost before anything was sent: {}", "何も送信しないうちに通信断: {}"),
    ("the link was lost while the write was under way: {}", "書込みの途中で通信断: {}"),
    (
        "the device accepted the write, but the link was lost before it could be read back: {}",
        "書込みは受け付けられたが、読み戻しの前に通信断: {}",
    ),
    ("the device does not know whether it took effect: {}", "書込みが有効になったか機器が判断できない: {}"),
    ("the result of the command cannot be read", "指令の結果を読み取れない"),
    (
        "the device is not ready for a command: the last one is not executed",
        "前の指令が未完了のため、機器が指令を受けられない",
    ),
    ("{} writes are already waiting for this device", "この機器への書込みがすでに {} 件待っている"),
    (
        "{} is written only while {}, and that cannot be read now",
        "{} は「{}」の間だけ書き込めるが、今はそれを読み取れない",
    ),
    ("{} is written only while {}, and it is {}", "{} は「{}」の間だけ書き込めるが、現在は {}"),
    ("{} can only be read", "{} は読取り専用"),
    ("{} is not one of the values of {}", "{} は {} の値ではない"),
    ("{} lies outside the range from {} of {}", "{} は範囲 {} 以上の外({})"),
    ("{} lies outside the range up to {} of {}", "{} は範囲 {} 以下の外({})"),
    ("{} lies outside the range {} to {} of {}", "{} は範囲 {} 〜 {} の外({})"),
    ("{} takes a number, not \"{}\"", "{} は数値で指定すること(「{}」は不可)"),
    ("{} is not a number that fits into registers", "{} はレジスタに書ける数値ではない"),
    ("{} is not a number", "{} は数値ではない"),
    ("{} does not fit into a register of type {}", "{} は型 {} のレジスタに入らない"),
    ("{} does not fit into {} registers of two ASCII characters", "{} は ASCII 2文字のレジスタ {} 個に入らない"),
    ("{} does not fit into a node of type {}", "{} は型 {} のノードに入らない"),
    ("{} cannot be written exactly: the register would hold {}", "{} を正確に書き込めない(レジスタには {} が入る)"),
    ("{} is what this register shows when it has no value", "{} はこのレジスタで「値なし」を表す"),
    ("no such tag", "このタグはない"),
    ("device template \"{}\" has no tag \"{}\"", "機器テンプレート「{}」にタグ「{}」がない"),
    ("the device did not say of which type this node is", "機器がこのノードの型を示していない"),
    ("this tag has no value to be written", "このタグに書き込む値はない"),
    ("this tag has no value", "このタグに値はない"),
    ("this tag has no method", "このタグに呼び出すメソッドはない"),
    ("this tag is not read by itself", "このタグは単独では読み取れない"),
    ("the template has no register for this tag", "テンプレートにこのタグのレジスタがない"),
    ("the template has no node for this tag", "テンプレートにこのタグのノードがない"),
    ("Modbus has no methods to call", "Modbus にメソッドの呼出しはない"),
    ("a value of this type is not supported", "この型の値は扱えない"),
    ("the registers hold no ASCII text", "レジスタの内容が ASCII 文字ではない"),
    ("devices {} and {} share the address {}: {}", "機器 {} と {} のアドレス {} が重複: {}"),
    ("device template \"{}\": tag \"{}\", field \"{}\": {}", "機器テンプレート「{}」のタグ「{}」、項目「{}」: {}"),
    ("device template {} v{} is not in force", "機器テンプレート {} v{} は有効になっていない"),
    ("device {} is configured twice", "機器 {} が二重に設定されている"),
    ("device {}: {}", "機器 {}: {}"),
    ("the address {} is not of the form {}", "アドレス {} が形式 {} に合わない"),
    ("an OPC UA device needs an address of its own", "OPC UA 機器には固有のアドレスが必要"),
    ("one link has one kind of frames and one speed", "一つの回線のフレーム形式と速度は一種類"),
    ("devices on one link need different unit ids", "同じ回線の機器には異なるユニット番号が必要"),
    ("{} is not the unit id of one device; they are from 1 to 247", "{} は一台の機器のユニット番号ではない(1〜247)"),
    ("own certificate for OPC UA: {}", "本システムの OPC UA 証明書: {}"),
    ("there is no such tag; known are: {}", "このタグはない。あるのは: {}"),
    ("the facility says {}, the template {}", "施設の登録は {}、テンプレートは {}"),
    ("must be longer than the {} s of a poll", "読取り周期 {}秒より長くすること"),
    ("{} has nothing in common with the template's", "{} はテンプレートの範囲と重ならない"),
    ("there is no device template {}; known are: {}", "機器テンプレート {} がない。あるのは: {}"),
    ("the template describes no OPC UA address space", "機器テンプレートに OPC UA の定義がない"),
    (
        "the device has no namespace {}; unless it is still starting, its template {} or its address is wrong",
        "機器に名前空間 {} がない。起動中でなければ、テンプレート {} またはアドレスの誤り",
    ),
    ("the device has no namespace {}", "機器に名前空間 {} がない"),
    ("{}, by exception: {}", "{}、例外の理由: {}"),
    ("{}, not signed, not encrypted", "{}、署名なし・暗号化なし"),
    ("{}, signed, not encrypted", "{}、署名あり・暗号化なし"),
    ("{}, signed and encrypted", "{}、署名・暗号化あり"),
    ("signed and encrypted with {}", "署名・暗号化あり({})"),
    (
        "the device offers no endpoint that is {}; it offers {}; change it at the device",
        "機器に次の接続口がない: {}。機器の接続口は {}。機器側で変更すること",
    ),
    (
        "security policy {} needs an exception with a reason on record",
        "セキュリティポリシー {} には、理由を記録した例外が必要",
    ),
    ("an exception to the security of the connection needs a reason", "接続の安全性の例外には理由が必要"),
    ("the user certificate {} or its key {} cannot be read", "利用者証明書 {} またはその鍵 {} を読めない"),
    (
        "the device does not let in {}: it offers no such login; correct the credentials",
        "機器が {} のログインを受け付けない(その方式がない)。認証情報を直すこと",
    ),
    (
        "the device refuses {} or the password ({}); correct the credentials",
        "機器が {} またはパスワードを拒否({})。認証情報を直すこと",
    ),
    ("the device refuses {} ({}); correct the credentials", "機器が {} を拒否({})。認証情報を直すこと"),
    ("nobody (anonymous)", "匿名"),
    ("user \"{}\"", "ユーザー「{}」"),
    ("the user certificate {}", "利用者証明書 {}"),
    ("OPC UA client: {}", "OPC UA クライアント: {}"),
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
        "the certificate of the device, or ours for the device, does not hold ({})",
        "機器の証明書、または機器に示す本システムの証明書が無効({})",
    ),
    (
        "the device does not trust our certificate ({}); approve thumbprint {} at the device",
        "機器が本システムの証明書を信頼していない({})。機器側で拇印 {} を承認すること",
    ),
    ("it expired on {}", "有効期限 {} を過ぎている"),
    ("it is valid only from {}", "{} から有効"),
    ("it names {}, the device calls itself {}", "証明書の名称は {}、機器の名乗りは {}"),
    ("it names {}, the device was reached at {}", "証明書の名称は {}、接続先は {}"),
    ("nothing", "なし"),
    ("it was revoked by {} on {}", "{} が {} に失効させた"),
    ("it or an authority above it was revoked", "証明書または上位の認証局が失効している"),
    ("its authority {} was revoked on {}", "認証局 {} が {} に失効"),
    ("its authority {} is valid only from {}", "認証局 {} は {} から有効"),
    ("its authority {} expired on {}", "認証局 {} の有効期限 {} を過ぎている"),
    ("its certificate cannot be read: {}", "証明書を読めない: {}"),
    ("its signature is not that of {}, which it names as its issuer", "発行者とする {} の署名ではない"),
    ("its chain does not hold: {}", "証明書チェーンが成り立たない: {}"),
    (
        "the chain to a root is incomplete: the certificate of {} or of one above it is missing",
        "ルートまでの証明書が揃っていない: {} またはその上位の証明書がない",
    ),
    (
        "there is no revocation list (CRL) of its issuer, or of an authority above it",
        "発行者または上位認証局の失効リスト(CRL)がない",
    ),
    ("there is no revocation list (CRL) of its issuer", "発行者の失効リスト(CRL)がない"),
    (
        "the revocation list (CRL) of its issuer is out of date: the next one was due on {}",
        "発行者の失効リスト(CRL)が古い(次回更新予定 {})",
    ),
    (
        "the revocation list (CRL) of its issuer is not signed by that issuer",
        "発行者の失効リスト(CRL)の署名が発行者のものではない",
    ),
    ("it is the certificate of an authority, not of a device", "機器ではなく認証局の証明書である"),
    ("what the device sent as its certificate is not a DER certificate", "機器が送った証明書が DER 形式ではない"),
    ("a key pair could not be made in {}: {}", "{} に鍵の対を作れない: {}"),
    ("no answer from unit {} within {} ms", "ユニット {} から {} ms 以内に応答なし"),
    ("no answer within {} ms", "{} ms 以内に応答なし"),
    ("no answer within {} s", "{}秒以内に応答なし"),
    ("no answer in time", "時間内に応答なし"),
    ("no answer", "応答なし"),
    ("not ready within {} s", "{}秒以内に準備が整わない"),
    ("nothing has come from the device for {} s", "機器から {}秒間何も届かない"),
    ("an answer of the wrong length", "応答の長さの誤り"),
    ("the answer has the wrong length", "応答の長さの誤り"),
    ("an answer without a result", "結果のない応答"),
    ("an answer that does not belong to its request: {}", "要求に対応しない応答: {}"),
    ("{} registers instead of {}", "レジスタ {} 個(要求は {} 個)"),
    ("{} bits instead of {}", "{} ビット(要求は {} ビット)"),
    ("the acknowledgement of another write", "別の書込みへの応答"),
    ("another kind of answer", "種類の異なる応答"),
    ("the device answered {}", "機器の応答: {}"),
    ("the device closed the connection", "機器が接続を閉じた"),
    ("the gateway does not reach unit {}", "変換器がユニット {} に到達できない"),
    ("the session ended before it was open", "接続の確立前にセッション終了"),
    ("the device ended the subscription: {}", "機器が購読を終了: {}"),
    ("the subscription has been silent for {} s", "購読が {}秒途絶えた"),
    ("ended", "終了"),
    ("connect: {}", "接続: {}"),
    ("connection: {}", "接続: {}"),
    ("read: {}", "読取り: {}"),
    ("read record status: {}", "測定記録の状態の読取り: {}"),
    ("read record count: {}", "測定記録の件数の読取り: {}"),
    ("read record: {}", "測定記録の読取り: {}"),
    ("choose record: {}", "測定記録の選択: {}"),
    ("write: {}", "書込み: {}"),
    ("call: {}", "メソッド呼出し: {}"),
    ("session: {}", "セッション: {}"),
    ("subscribe: {}", "購読の開始: {}"),
    ("subscription: {}", "購読: {}"),
    ("open session: {}", "セッションの開始: {}"),
    ("prepare session: {}", "セッションの準備: {}"),
    ("ask for endpoints: {}", "接続口の照会: {}"),
    ("resolve nodes: {}", "ノードの解決: {}"),
    ("Connection refused{}", "接続を拒否された{}"),
    ("Connection reset by peer{}", "相手から接続を切られた{}"),
    ("Connection timed out{}", "接続の時間切れ{}"),
    ("No route to host{}", "到達経路がない{}"),
    ("Network is unreachable{}", "ネットワークに到達できない{}"),
    ("Broken pipe{}", "接続が切れた{}"),
    ("{} ({}), {}", "{}({})、{}"),
    ("{} ({})", "{}({})"),
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
            ("connect: Connection refused (os error 111)", "接続: 接続を拒否された(os error 111)"),
            ("read: no answer within 3 s", "読取り: 3秒以内に応答なし"),
            ("connected to opc.tcp://127.0.0.1:4840/", "opc.tcp://127.0.0.1:4840/ に接続"),
            (
                "connected to opc.tcp://h:1/ (None, not signed, not encrypted, by exception: PLC of 2009)",
                "opc.tcp://h:1/ に接続(None、署名なし・暗号化なし、例外の理由: PLC of 2009)",
            ),
            (
                "the device refuses 2 of 7 tags: o2 (BadNodeIdUnknown), co2 (this tag has no value)",
                "機器が 2 件のタグを拒否(全 7 件): o2(BadNodeIdUnknown)、co2(このタグに値はない)",
            ),
            (
                "device BR-01: device template \"x\": tag \"ph\", field \"unit\": the facility says Cel, the template [pH]",
                "機器 BR-01: 機器テンプレート「x」のタグ「ph」、項目「unit」: 施設の登録は Cel、テンプレートは [pH]",
            ),
            (
                "50 °C lies outside the range 4 to 45 °C of BR-01/temperature_setpoint",
                "50 °C は範囲 4 〜 45 °C の外(BR-01/temperature_setpoint)",
            ),
            (
                "the device refuses 1 of 7 tags: o2 (IllegalDataAddress)",
                "機器が 1 件のタグを拒否(全 7 件): o2(IllegalDataAddress)",
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
            assert!(!ja.is_empty() && ja != en, "{en}");
            assert_eq!(en.matches("{}").count(), ja.matches("{}").count(), "{en}");
        }
    }
}
