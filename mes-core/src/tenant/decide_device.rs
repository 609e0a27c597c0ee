//! What is refused about a device template or a device record. Whether the text fits the wire is judged by whoever knows the drivers.

use std::collections::BTreeSet;

use crate::{
    access::Rejection,
    engine::LinkState,
    id::{EquipmentId, PersonId},
    tenant::{
        DeviceCertificate, DeviceTemplate, Equipment, EquipmentEvent, Facility, LinkSettings, Tag, UserToken,
        decide::{missing, wrong},
    },
};

/// A template is what its text says, and joins the versions in force as the newest.
pub(super) fn check_template(before: &Facility, template: &DeviceTemplate) -> Result<(), Rejection> {
    let key = template.key();
    let no = |ja: String, en: String| Err(Rejection::new("MB-02", ja, en).about("device_template"));
    match DeviceTemplate::read(&template.yaml) {
        Ok(read) if read == *template => {}
        Ok(_) => {
            return no(
                format!("機器テンプレート {key} の項目が本文と一致しません。ファイルから差分を取り直してください。"),
                format!("Device template {key} does not say what its text says. Make the plan from the file again."),
            );
        }
        Err(error) => {
            return no(
                format!("機器テンプレート {key} を読めません({error})。"),
                format!("Device template {key} cannot be read: {error}."),
            );
        }
    }
    let newest = before.device_templates.get(&template.name).and_then(|versions| versions.keys().next_back());
    match newest {
        Some(newest) if template.version <= *newest => no(
            format!(
                "機器テンプレート {} は第{newest}版まであります。内容を変えるときは、それより大きい版番号を付けてください。",
                template.name
            ),
            format!(
                "Of device template {} there is version {newest} already, and a version never changes. Give the new text a \
                 higher version.",
                template.name
            ),
        ),
        _ => Ok(()),
    }
}

/// A device record refers to what exists, writes only what its type lets be written, and has a secured link or a reason.
pub(super) fn check_equipment(after: &Facility, name: &str, unit: &Equipment) -> Result<(), Rejection> {
    if !after.suites.contains_key(&unit.suite) {
        return Err(missing(name, "suite", &unit.suite));
    }
    if unit.link.template.trim().is_empty() || unit.link.address.trim().is_empty() {
        return Err(wrong(
            &format!("{name}: 機器テンプレートと接続先が必要です。"),
            &format!("{name} needs a device template and an address."),
        ));
    }
    check_link(name, &unit.link)?;
    let (template, version) = (&unit.link.template, unit.link.template_version);
    let Some(template) = after.device_template(template, version) else {
        return Err(missing(name, "device template", format!("{template} v{version}")));
    };
    let mut seen = BTreeSet::new();
    for tag in &unit.tags {
        if !seen.insert(&tag.name) {
            return Err(wrong(
                &format!("{name}: 計測点 {} が二重です。", tag.name),
                &format!("{name} has the tag {} twice.", tag.name),
            ));
        }
        check_tag(name, tag, template)?;
    }
    Ok(())
}

fn check_tag(name: &str, tag: &Tag, template: &DeviceTemplate) -> Result<(), Rejection> {
    let range = &tag.limits.range;
    let reversed = range.low.zip(range.high).is_some_and(|(low, high)| low >= high);
    if reversed || tag.limits.stale_after_s == 0 || tag.decimals > 12 {
        return Err(wrong(
            &format!("{name}: 計測点 {} の範囲・更新停止秒数・桁数が正しくありません。", tag.name),
            &format!(
                "The tag {} of {name} needs a low below its high, a staleness of 1 s or more, and at most 12 decimals.",
                tag.name
            ),
        ));
    }
    let Some(known) = template.tag(&tag.name) else {
        let all: Vec<&str> = template.tags.iter().map(|tag| tag.name.as_str()).collect();
        return Err(wrong(
            &format!(
                "{name}: 機器テンプレート {} に計測点 {} はありません({})。",
                template.key(),
                tag.name,
                all.join(", ")
            ),
            &format!(
                "{name} has a tag \"{}\", which the device template {} does not have; it has {}.",
                tag.name,
                template.key(),
                all.join(", ")
            ),
        ));
    };
    if known.unit != tag.unit {
        return Err(wrong(
            &format!("{name}: 計測点 {} の単位は機器テンプレートでは {} です。", tag.name, known.unit.0),
            &format!(
                "The tag {} of {name} is in {}, in its device template in {}.",
                tag.name, tag.unit.0, known.unit.0
            ),
        ));
    }
    let below = range.high.zip(known.range.low).is_some_and(|(high, low)| high < low);
    let above = range.low.zip(known.range.high).is_some_and(|(low, high)| low > high);
    if below || above {
        return Err(wrong(
            &format!("{name}: 計測点 {} の範囲は機器テンプレートの範囲({})の外です。", tag.name, known.range.shown()),
            &format!(
                "The range of the tag {} of {name} lies outside that of its device template, {}.",
                tag.name,
                known.range.shown()
            ),
        ));
    }
    if tag.writable && !known.writable {
        return Err(Rejection::new(
            "MB-05",
            format!("{name}: 計測点 {} は、この種類の機器では書き込めません。writable を外してください。", tag.name),
            format!("Devices of this type do not let the tag {} be written. Leave writable away in {name}.", tag.name),
        ));
    }
    Ok(())
}

fn check_link(name: &str, link: &LinkSettings) -> Result<(), Rejection> {
    match (link.token(), &link.user) {
        (UserToken::UserName, None) => {
            return Err(wrong(
                &format!("{name}: ユーザー名での認証には user が必要です。"),
                &format!("{name} logs in by user name, but names no user."),
            ));
        }
        (UserToken::Anonymous | UserToken::Certificate, Some(_)) => {
            return Err(wrong(
                &format!("{name}: この認証方法では user を使いません。"),
                &format!("{name} names a user, but does not log in by user name."),
            ));
        }
        _ => {}
    }
    let Some(security) = &link.security else { return Ok(()) };
    let reason = security.exception.as_deref().map(str::trim).filter(|reason| !reason.is_empty());
    match (security.is_weak(), reason) {
        (true, None) => Err(Rejection::new(
            "UA-02",
            format!("{name}: 署名・暗号化のない接続または旧方式には、例外の理由(exception)の記録が必要です。"),
            format!(
                "{name} is reached without current encryption. Record the reason for the exception, or use a current policy."
            ),
        )),
        (false, Some(_)) => Err(wrong(
            &format!("{name}: この接続に例外の理由は不要です。exception を外してください。"),
            &format!("The connection of {name} needs no exception. Leave it away."),
        )),
        _ => Ok(()),
    }
}

/// Whether a device is trusted: a person's decision, with a reason (UA-03).
///
/// # Errors
/// A reason or a certificate is missing, or the equipment does not exist.
pub fn judge_certificate(
    facility: &Facility,
    certificate: &DeviceCertificate,
    accepted: bool,
    text: &str,
    by: &PersonId,
) -> Result<EquipmentEvent, Rejection> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Rejection::new(
            "UA-03",
            "理由(拇印を機器側で照合した方法など)を記入してください。",
            "Give the reason, such as how the thumbprint was compared at the device.",
        )
        .about("text"));
    }
    let hexadecimal =
        !certificate.thumbprint.is_empty() && certificate.thumbprint.chars().all(|c| c.is_ascii_hexdigit());
    let known = certificate.equipment.as_ref().is_none_or(|equipment| facility.equipment.contains_key(equipment));
    if !hexadecimal || !known {
        return Err(Rejection::not_found());
    }
    Ok(EquipmentEvent::CertificateJudged {
        certificate: certificate.clone(),
        accepted,
        by: by.clone(),
        text: Some(text.to_owned()),
    })
}

/// Asks that a device be connected anew. It changes neither whom the facility trusts nor how a device is spoken to: the driver only
/// tries again what its record says. While a link is up, it would make a gap in the data of whoever uses the device.
///
/// # Errors
/// Equipment that is not there, or whose link is up.
pub fn connect_again(
    facility: &Facility,
    equipment: &EquipmentId,
    link: Option<&LinkState>,
    by: Option<&PersonId>,
) -> Result<EquipmentEvent, Rejection> {
    let (by, unit) = by.zip(facility.equipment.get(equipment)).ok_or_else(Rejection::not_found)?;
    let template = facility.device_template(&unit.link.template, unit.link.template_version);
    if template.is_some_and(|known| known.protocol == "file") {
        return Err(Rejection::new(
            "link-closed",
            "この機器には接続しません。報告書のフォルダーを監視しています。",
            "Nothing connects to this device: the folder of its reports is watched.",
        ));
    }
    if matches!(link, Some(LinkState::Online | LinkState::Degraded(_))) {
        return Err(Rejection::new(
            "link-up",
            "この機器とは通信できています。つなぎ直すと値が途切れるため、通信断または要対応のときだけ行えます。",
            "The link of this device is up. To connect anew would interrupt its values; it can be done while the link is down.",
        ));
    }
    Ok(EquipmentEvent::ConnectAsked { equipment: equipment.clone(), by: by.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tenant::{FacilityItem, decide, difference, read_facility};

    const FILE: &str = r#"
name: { name: { ja: "施設", en: "Facility" }, permit: "1" }
suites: [{ id: SU-1, name: { ja: "一", en: "One" }, grade: B, places: 1, qualified_until: "2030-01-01T00:00:00Z" }]
device_templates:
  - text: |
      name: probe
      version: 3
      protocol: opc_ua
      tags:
        - { name: ph, unit: "[pH]", access: read, range: [0, 14] }
        - { name: setpoint, unit: Cel, access: write }
equipment:
  - id: P-1
    name: { ja: "計器", en: "Probe" }
    class: bioreactor
    suite: SU-1
    calibrated_until: "2030-01-01T00:00:00Z"
    link: { template: probe, template_version: 3, address: "opc.tcp://p:4840/", user: mes }
    tags:
      - { name: ph, title: { ja: "pH", en: "pH" }, unit: "[pH]", decimals: 2, limits: { range: { low: "6", high: "8" }, stale_after_s: 10 } }
      - { name: setpoint, title: { ja: "設定", en: "Set-point" }, unit: Cel, decimals: 1, writable: true, limits: { range: {}, stale_after_s: 10 } }
"#;

    fn judge(facility: &Facility, text: &str) -> Result<(), Rejection> {
        decide::check(facility, &difference(facility, read_facility(text, |_| None).unwrap()))
    }

    fn in_force() -> Facility {
        let mut facility = Facility::default();
        read_facility(FILE, |_| None).unwrap().into_iter().for_each(|item| facility.adopt(item));
        facility
    }

    #[test]
    fn mb_02_a_version_of_a_template_never_changes_and_only_rises() {
        let facility = in_force();
        for (version, rule) in [("version: 3", Some("MB-02")), ("version: 2", Some("MB-02")), ("version: 4", None)] {
            let text = FILE.replace("      version: 3", &format!("      {version}")).replace("[0, 14]", "[1, 14]");
            assert_eq!(judge(&facility, &text).err().map(|no| no.rule), rule.map(str::to_owned), "{version}");
        }
        // A device may stay on an old version, and go back to one.
        assert_eq!(facility.device_template("probe", 3).unwrap().key(), "probe v3");
    }

    #[test]
    fn mb_02_what_a_template_is_said_to_be_must_be_what_its_text_says() {
        let mut items = read_facility(FILE, |_| None).unwrap();
        for item in &mut items {
            if let FacilityItem::DeviceTemplate(template) = item {
                template.tags[0].writable = true;
            }
        }
        let facility = Facility::default();
        assert_eq!(decide::check(&facility, &difference(&facility, items)).unwrap_err().rule, "MB-02");
    }

    #[test]
    fn a_device_record_is_refused_where_it_does_not_fit_its_template() {
        assert!(judge(&Facility::default(), FILE).is_ok());
        for (from, to, rule, said) in [
            ("template_version: 3", "template_version: 2", "facility", "probe v2"),
            ("- { name: ph, title", "- { name: pho, title", "facility", "it has ph, setpoint"),
            ("unit: \"[pH]\", decimals", "unit: Cel, decimals", "facility", "in its device template in [pH]"),
            ("low: \"6\", high: \"8\"", "low: \"15\", high: \"18\"", "facility", "outside"),
            ("decimals: 2, limits", "decimals: 2, writable: true, limits", "MB-05", "written"),
            ("user: mes }", "user: mes, token: certificate }", "facility", "by user name"),
            ("user: mes }", "token: user_name }", "facility", "names no user"),
            ("user: mes }", "user: mes, security: { policy: Basic256 } }", "UA-02", "exception"),
            (
                "user: mes }",
                "user: mes, security: { policy: None, mode: None, exception: \" \" } }",
                "UA-02",
                "exception",
            ),
            (
                "user: mes }",
                "user: mes, security: { policy: Basic256Sha256, exception: why } }",
                "facility",
                "no exception",
            ),
        ] {
            let text = FILE.replacen(from, to, 1);
            assert_ne!(text, FILE, "{from}");
            let no = judge(&Facility::default(), &text).unwrap_err();
            assert!(no.rule == rule && no.said.en.contains(said), "{to}: {no}");
        }
    }

    #[test]
    fn ua_02_a_weak_connection_is_accepted_with_a_reason_on_record() {
        let security =
            "user: mes, security: { policy: Basic256, exception: \"firmware 2.1 offers no other; own VLAN\" } }";
        let text = FILE.replace("user: mes }", security);
        judge(&Facility::default(), &text).unwrap();
    }

    #[test]
    fn alm_11_a_limit_changes_as_a_proposal_with_old_and_new_and_a_second_person() {
        let facility = in_force();
        let new = read_facility(&FILE.replace("high: \"8\"", "high: \"7.6\""), |_| None).unwrap();
        let items = difference(&facility, new);
        let high = |item: Option<&FacilityItem>| match item {
            Some(FacilityItem::Equipment(unit)) => unit.tags[0].limits.range.high.map(|high| high.to_string()),
            _ => None,
        };
        assert_eq!(items.len(), 1);
        assert_eq!((high(items[0].old.as_ref()), high(Some(&items[0].new))), (Some("8".into()), Some("7.6".into())));
        let pending = crate::engine::PendingChange { items, by: "fad".parse().unwrap(), text: None };
        let change = "CHG-1".parse().unwrap();
        let by = |who: &str| decide::approve(&facility, Some(&pending), &change, &who.parse().unwrap());
        assert_eq!(by("fad").unwrap_err().rule, "SOD-09");
        assert!(by("qa").is_ok());
    }
}
