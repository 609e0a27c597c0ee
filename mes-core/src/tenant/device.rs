//! What the facility says of a device: how to reach it, how the connection is secured, and the versions of device templates.
//!
//! Of a template it keeps the whole text, for the drivers, and reads only what it judges itself: which tags there are, in
//! which unit and range, and which of them may be written at all. Where a tag lies on the wire it does not understand.

use serde::{Deserialize, Serialize};

use crate::{
    id::TagName,
    journal::{Hash, encode::sha256},
    quantity::{Range, Unit, decimal_of},
};

/// Largest device template, in bytes.
pub const TEMPLATE_BYTES_MAX: usize = 256 << 10;

/// How to reach a device. Its secret is kept beside the database, never here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkSettings {
    /// Device template, e.g. `lads-bioreactor` (OPC UA) or `co2-incubator` (Modbus).
    pub template: String,
    /// Its version. A record without one is of the time when there was only one.
    #[serde(default = "first", skip_serializing_if = "is_first")]
    pub template_version: u32,
    /// `opc.tcp://host:port/`, `host:port` or another form that the drivers know.
    pub address: String,
    /// Modbus unit id.
    #[serde(default = "one")]
    pub unit_id: u8,
    /// User name on the device, where it asks for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// How this system logs in at the device; missing: by user name and password where there is a user, else not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<UserToken>,
    /// How an OPC UA connection is secured; missing: signed and encrypted, by the best policy that the device offers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security: Option<LinkSecurity>,
}

impl LinkSettings {
    /// How this system logs in at the device.
    pub fn token(&self) -> UserToken {
        self.token.unwrap_or(if self.user.is_some() { UserToken::UserName } else { UserToken::Anonymous })
    }
}

fn first() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_first(version: &u32) -> bool {
    *version == first()
}

fn one() -> u8 {
    1
}

/// How this system logs in at a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserToken {
    /// Not at all.
    Anonymous,
    /// By user name and password.
    UserName,
    /// By an X.509 certificate of its own.
    Certificate,
}

/// How an OPC UA connection is secured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkSecurity {
    /// By this policy and no other.
    pub policy: SecurityPolicy,
    /// In this mode and no other.
    #[serde(default)]
    pub mode: SecurityMode,
    /// Why something weaker than a current policy with signature and encryption is accepted (UA-01, UA-02).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exception: Option<String>,
}

impl LinkSecurity {
    /// Whether it is weaker than what is spoken without a recorded exception.
    pub fn is_weak(&self) -> bool {
        let current = matches!(
            self.policy,
            SecurityPolicy::Basic256Sha256 | SecurityPolicy::Aes128Sha256RsaOaep | SecurityPolicy::Aes256Sha256RsaPss
        );
        !current || self.mode != SecurityMode::SignAndEncrypt
    }
}

/// A security policy of OPC UA, by its name in the standard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SecurityPolicy {
    /// No security at all.
    None,
    /// Deprecated.
    Basic128Rsa15,
    /// Deprecated.
    Basic256,
    /// AES 256, SHA-256.
    Basic256Sha256,
    /// RSA OAEP, AES 128, SHA-256.
    #[serde(rename = "Aes128_Sha256_RsaOaep")]
    Aes128Sha256RsaOaep,
    /// RSA PSS, AES 256, SHA-256.
    #[serde(rename = "Aes256_Sha256_RsaPss")]
    Aes256Sha256RsaPss,
}

/// What is done with the messages of an OPC UA connection, by its name in the standard.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum SecurityMode {
    /// Nothing.
    None,
    /// They are signed, and readable on the wire.
    Sign,
    /// They are signed and encrypted.
    #[default]
    SignAndEncrypt,
}

/// A version of a device template: a type of device, as data (MB-02). Its text never changes; a change is a higher version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceTemplate {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: u32,
    /// One line for people.
    pub summary: String,
    /// What the device speaks, as the drivers name it.
    pub protocol: String,
    /// Its tags, as far as they are judged here.
    pub tags: Vec<TemplateTag>,
    /// SHA-256 over the text.
    pub hash: Hash,
    /// The text as the drivers read it (YAML).
    pub yaml: String,
}

/// A tag of a device template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TemplateTag {
    /// Its name.
    pub name: TagName,
    /// Its unit.
    pub unit: Unit,
    /// What is physically possible.
    #[serde(default)]
    pub range: Range,
    /// Whether devices of this type let it be written at all. A device record says whether it may be (MB-05).
    #[serde(default)]
    pub writable: bool,
}

/// Why a text is no device template; the sentence names line and field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TemplateReadError(String);

/// What is read of a template's text; the drivers read the rest.
#[derive(Deserialize)]
struct Said {
    name: String,
    #[serde(default = "first")]
    version: u32,
    #[serde(default)]
    summary: String,
    protocol: String,
    tags: Vec<SaidTag>,
}

#[derive(Deserialize)]
struct SaidTag {
    name: TagName,
    unit: Unit,
    access: String,
    #[serde(default)]
    range: Option<[f64; 2]>,
}

impl DeviceTemplate {
    /// Reads what is judged here out of a template's text.
    ///
    /// # Errors
    /// What is missing or wrong, with its line.
    pub fn read(text: &str) -> Result<Self, TemplateReadError> {
        let wrong = |said: String| TemplateReadError(said);
        if text.len() > TEMPLATE_BYTES_MAX {
            return Err(wrong(format!("a device template has at most {TEMPLATE_BYTES_MAX} bytes")));
        }
        let yaml = format!("{}\n", text.replace("\r\n", "\n").trim_end());
        let said: Said =
            serde_saphyr::from_str(&yaml).map_err(|error| wrong(super::loader::sentence(&error, &yaml)))?;
        let fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if said.name.is_empty() || !said.name.chars().all(fine) {
            return Err(wrong(format!("the name of a device template is of a-z 0-9 -, not \"{}\"", said.name)));
        }
        if said.version == 0 {
            return Err(wrong("versions of a device template are counted from 1".to_owned()));
        }
        let tag = |tag: SaidTag| {
            let range = tag
                .range
                .map_or_else(Range::default, |[low, high]| Range { low: decimal_of(low), high: decimal_of(high) });
            TemplateTag { name: tag.name, unit: tag.unit, range, writable: tag.access != "read" }
        };
        Ok(Self {
            name: said.name,
            version: said.version,
            summary: said.summary,
            protocol: said.protocol,
            tags: said.tags.into_iter().map(tag).collect(),
            hash: sha256(&[yaml.as_bytes()]),
            yaml,
        })
    }
    /// Name and version as people read them, and as the key of the item.
    pub fn key(&self) -> String {
        format!("{} v{}", self.name, self.version)
    }
    /// The tag of a name.
    pub fn tag(&self, name: &TagName) -> Option<&TemplateTag> {
        self.tags.iter().find(|tag| tag.name == *name)
    }
}

/// Which text a device was spoken to by: enough to tell it apart from any other, wherever it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TemplateMark {
    /// The template's name.
    pub name: String,
    /// Its version.
    pub version: u32,
    /// SHA-256 over its text.
    pub hash: Hash,
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "name: probe\nversion: 2\nprotocol: modbus\npoll_s: 0.5\ntags:\n  - { name: a, unit: Cel, access: write, range: [4.5, 45], modbus: { address: 0x10 } }\n";

    #[test]
    fn mb_02_what_is_judged_is_read_out_of_the_text_and_the_rest_is_kept() {
        let read = DeviceTemplate::read(TEXT).unwrap();
        assert_eq!((read.key().as_str(), read.yaml.as_str()), ("probe v2", TEXT));
        let tag = read.tag(&"a".parse().unwrap()).unwrap();
        assert_eq!((tag.range.shown().as_str(), tag.writable), ("4.5 – 45", true));
        assert_eq!(read.hash, sha256(&[TEXT.as_bytes()]));
        // Line ends and empty lines at the end are no difference.
        assert_eq!(DeviceTemplate::read(&format!("{}\r\n\r\n", TEXT.replace('\n', "\r\n"))).unwrap(), read);
        assert_ne!(DeviceTemplate::read(&TEXT.replace("0x10", "0x11")).unwrap().hash, read.hash);
        assert_eq!(DeviceTemplate::read(&TEXT.replace("version: 2\n", "")).unwrap().version, 1);
    }

    #[test]
    fn what_is_no_template_is_said_with_its_line() {
        for (from, to, said) in [
            ("unit: Cel, ", "", "line 6"),
            ("name: probe", "name: Probe 1", "\"Probe 1\""),
            ("version: 2", "version: 0", "from 1"),
            ("protocol: modbus\n", "", "protocol"),
        ] {
            let error = DeviceTemplate::read(&TEXT.replace(from, to)).unwrap_err().to_string();
            assert!(error.contains(said), "{to}: {error}");
        }
    }

    #[test]
    fn a_device_record_of_before_is_read_and_written_as_it_was() {
        let before = r#"{"template":"co2-incubator","address":"a:502","unit_id":2,"user":"mes"}"#;
        let link: LinkSettings = serde_json::from_str(before).unwrap();
        assert_eq!((link.template_version, link.token()), (1, UserToken::UserName));
        assert_eq!(serde_json::to_string(&link).unwrap(), before);
    }

    #[test]
    fn ua_02_only_current_policies_with_signature_and_encryption_are_not_weak() {
        let of = |text: &str| serde_json::from_str::<LinkSecurity>(text).unwrap();
        assert!(!of(r#"{"policy":"Aes256_Sha256_RsaPss"}"#).is_weak());
        assert!(of(r#"{"policy":"Basic256"}"#).is_weak());
        assert!(of(r#"{"policy":"Basic256Sha256","mode":"Sign"}"#).is_weak());
    }
}
