//! The catalogue of faults: stable name, what it applies to, its parameters, and what it is called in both languages.
//!
//! It is what a schedule file, a page and a test choose from. It makes nothing happen.

use std::{fmt, str::FromStr};

use mes_core::id::TagName;

use crate::{
    device_kind::{DeviceKind, Framing},
    fault::Fault,
};

/// Longest delay or absence that can be asked for, in seconds.
const SECONDS_MAX: f64 = 1e9;

/// A kind of misbehaviour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is described by `FaultKind::info` and by the variant of `Fault` of its name")]
pub enum FaultKind {
    Drop,
    Reset,
    BlackHole,
    Delay,
    LateReply,
    LoseEvery,
    HalfFrame,
    ForeignTransaction,
    OneConnection,
    Restart,
    ShiftNamespace,
    WrongEndpoint,
    ExpiredCertificate,
    OperationLimit,
    NoTransfer,
    Freeze,
    Stuck,
    SensorFault,
    BadQuality,
    Lie,
    RefuseWrites,
    IgnoreWrites,
    Busy,
    ClockOff,
    ClockReset,
}

/// What a fault is told besides its name.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Parameter {
    /// Nothing.
    None,
    /// The name of a tag.
    Tag,
    /// The name of a tag and a number.
    TagAndValue,
    /// A number.
    Number {
        /// Its name in files.
        name: &'static str,
        /// What it is unless given.
        default: f64,
        /// Smallest value.
        least: f64,
    },
}

/// One line of the catalogue.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FaultInfo {
    /// Stable name in files and forms.
    pub name: &'static str,
    /// What it is told besides.
    pub parameter: Parameter,
    /// It happens and is over; it cannot be ended.
    pub momentary: bool,
    /// What it is, in English.
    pub english: &'static str,
    /// What it is, in Japanese.
    pub japanese: &'static str,
}

/// Why a fault cannot be set.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FaultError {
    /// No fault has this name.
    #[error("\"{name}\" is no fault; the faults are {}", names())]
    Unknown {
        /// What was asked for.
        name: String,
    },
    /// This kind of device cannot do that.
    #[error("the fault {kind} does not apply to a {device}: {reason}")]
    DoesNotApply {
        /// The fault.
        kind: FaultKind,
        /// The device.
        device: DeviceKind,
        /// Why not.
        reason: &'static str,
    },
    /// A parameter is missing.
    #[error("the fault {kind} needs {needs}")]
    Missing {
        /// The fault.
        kind: FaultKind,
        /// What it needs.
        needs: &'static str,
    },
    /// The device has no such tag.
    #[error("a {device} has no tag \"{tag}\" of its own to fail; it has {}", device.tags().join(", "))]
    NoSuchTag {
        /// The device.
        device: DeviceKind,
        /// The tag asked for.
        tag: String,
    },
    /// A number out of range.
    #[error("{name} of the fault {kind} must be {least} to {most}, not {value}")]
    OutOfRange {
        /// The fault.
        kind: FaultKind,
        /// The parameter.
        name: &'static str,
        /// Smallest.
        least: f64,
        /// Largest.
        most: f64,
        /// What was given.
        value: f64,
    },
}

fn names() -> String {
    FaultKind::ALL.map(|kind| kind.info().name).join(", ")
}

const fn lasting(name: &'static str, parameter: Parameter, english: &'static str, japanese: &'static str) -> FaultInfo {
    FaultInfo { name, parameter, momentary: false, english, japanese }
}

const fn once(name: &'static str, parameter: Parameter, english: &'static str, japanese: &'static str) -> FaultInfo {
    FaultInfo { name, parameter, momentary: true, english, japanese }
}

const fn number(name: &'static str, default: f64, least: f64) -> Parameter {
    Parameter::Number { name, default, least }
}

impl FaultKind {
    /// All kinds, in the order in which they are shown.
    pub const ALL: [Self; 25] = [
        Self::Drop,
        Self::Reset,
        Self::BlackHole,
        Self::Delay,
        Self::LateReply,
        Self::LoseEvery,
        Self::HalfFrame,
        Self::ForeignTransaction,
        Self::OneConnection,
        Self::Restart,
        Self::ShiftNamespace,
        Self::WrongEndpoint,
        Self::ExpiredCertificate,
        Self::OperationLimit,
        Self::NoTransfer,
        Self::Freeze,
        Self::Stuck,
        Self::SensorFault,
        Self::BadQuality,
        Self::Lie,
        Self::RefuseWrites,
        Self::IgnoreWrites,
        Self::Busy,
        Self::ClockOff,
        Self::ClockReset,
    ];

    /// Its line in the catalogue.
    #[rustfmt::skip] // One line per fault.
    pub fn info(self) -> FaultInfo {
        use Parameter::{None, Tag, TagAndValue};
        match self {
            Self::Drop => lasting("drop", None, "Cable pulled: connections are cut, new ones refused", "ケーブル抜け:接続が切れ、新しい接続も拒否される"),
            Self::Reset => once("reset", None, "Open connections are reset (TCP RST)", "開いている接続がリセットされる(TCP RST)"),
            Self::BlackHole => lasting("black_hole", None, "Black hole: connections are accepted, nothing comes back", "ブラックホール:接続は受け付けるが、何も返ってこない"),
            Self::Delay => lasting("delay", number("ms", 500.0, 1.0), "Every answer is late by ms", "すべての応答が ms だけ遅れる"),
            Self::LateReply => once("late_reply", number("ms", 3000.0, 1.0), "The next answer is late by ms, once", "次の応答が一度だけ ms 遅れる"),
            Self::LoseEvery => lasting("lose_every", number("n", 10.0, 1.0), "Every n-th answer is lost", "n 回に1回、応答が失われる"),
            Self::HalfFrame => lasting("half_frame", None, "Only the first half of an answer arrives", "応答の前半しか届かない"),
            Self::ForeignTransaction => lasting("foreign_transaction", None, "Answers carry a foreign transaction number", "応答のトランザクション番号が別の要求のもの"),
            Self::OneConnection => lasting("one_connection", None, "A second connection is refused", "2本目の接続が拒否される"),
            Self::Restart => once("restart", number("seconds", 0.0, 0.0), "The server is killed and comes back after seconds", "サーバーが強制終了し、seconds 秒後に再起動する"),
            Self::ShiftNamespace => once("shift_namespace", None, "Restart with another namespace index", "名前空間の番号が変わって再起動する"),
            Self::WrongEndpoint => lasting("wrong_endpoint", None, "The advertised endpoint address is wrong", "通知されるエンドポイントのアドレスが誤っている"),
            Self::ExpiredCertificate => lasting("expired_certificate", None, "The certificate shown has expired", "証明書の有効期限が切れている"),
            Self::OperationLimit => lasting("operation_limit", number("max", 5.0, 1.0), "More than max operations in a call are refused", "1回の呼出しで max を超える操作が拒否される"),
            Self::NoTransfer => lasting("no_transfer", None, "Subscriptions cannot be transferred to a new session", "購読を新しいセッションに引き継げない"),
            Self::Freeze => lasting("freeze", None, "All values and the heartbeat stand still", "すべての値とハートビートが止まる"),
            Self::Stuck => lasting("stuck", Tag, "One value stands still, the others go on", "1つの値だけが止まる"),
            Self::SensorFault => lasting("sensor_fault", Tag, "A sensor has failed, and the device says so", "センサーが故障し、機器がそれを知らせる"),
            Self::BadQuality => lasting("bad_quality", Tag, "A value comes with bad quality", "値の品質が不良(Bad)で届く"),
            Self::Lie => lasting("lie", TagAndValue, "The device shows a wrong value and believes it", "機器が誤った値を正しいものとして示す"),
            Self::RefuseWrites => lasting("refuse_writes", None, "The device refuses every write", "書込みがすべて拒否される"),
            Self::IgnoreWrites => lasting("ignore_writes", None, "The device accepts writes and does nothing", "書込みを受け付けるが、何もしない"),
            Self::Busy => lasting("busy", None, "The device is calibrating and answers \"busy\"", "校正中のため「ビジー」と応答する"),
            Self::ClockOff => lasting("clock_off", number("seconds", -3600.0, -SECONDS_MAX), "Restart with a clock that is off by seconds", "時計が seconds 秒ずれた状態で再起動する"),
            Self::ClockReset => lasting("clock_2000", None, "Restart with a clock that has fallen back to 2000-01-01", "時計が2000-01-01に戻った状態で再起動する"),
        }
    }

    /// Whether such a device can do that; if not, why not.
    pub fn applies(self, device: DeviceKind, framing: Framing) -> Result<(), FaultError> {
        let opc_ua = device.speaks_opc_ua();
        let reason = match self {
            Self::ShiftNamespace
            | Self::WrongEndpoint
            | Self::ExpiredCertificate
            | Self::OperationLimit
            | Self::NoTransfer
            | Self::BadQuality
                if !opc_ua =>
            {
                "it speaks Modbus, and only OPC UA has that"
            }
            Self::LoseEvery if opc_ua => "an OPC UA channel that loses one answer is broken as a whole; use reset",
            Self::ForeignTransaction if framing != Framing::ModbusTcp => "only Modbus TCP numbers its requests so",
            Self::OneConnection if device.takes_one_connection() => "it takes one connection at any time",
            Self::RefuseWrites | Self::IgnoreWrites if !device.is_writable() => "nothing can be written to it",
            Self::Busy if device != DeviceKind::ModbusBioreactor => "only the Modbus bioreactor calibrates",
            Self::ClockOff | Self::ClockReset if !device.sends_times() => "it sends no times",
            _ => return Ok(()),
        };
        Err(FaultError::DoesNotApply { kind: self, device, reason })
    }

    /// The fault with its parameters, for a device of this kind.
    pub fn build(
        self,
        device: DeviceKind,
        framing: Framing,
        tag: Option<&str>,
        value: Option<f64>,
    ) -> Result<Fault, FaultError> {
        self.applies(device, framing)?;
        let tag = || named(self, device, tag);
        let count = || self.count(value);
        Ok(match self {
            Self::Drop => Fault::Drop,
            Self::Reset => Fault::Reset,
            Self::BlackHole => Fault::BlackHole,
            Self::Delay => Fault::Delay { ms: count()?.unsigned_abs() },
            Self::LateReply => Fault::LateReply { ms: count()?.unsigned_abs() },
            Self::LoseEvery => Fault::LoseEvery { n: count()?.unsigned_abs() },
            Self::HalfFrame => Fault::HalfFrame,
            Self::ForeignTransaction => Fault::ForeignTransaction,
            Self::OneConnection => Fault::OneConnection,
            Self::Restart => Fault::Restart { seconds: count()?.unsigned_abs() },
            Self::ShiftNamespace => Fault::ShiftNamespace,
            Self::WrongEndpoint => Fault::WrongEndpoint,
            Self::ExpiredCertificate => Fault::ExpiredCertificate,
            Self::OperationLimit => Fault::OperationLimit { max: count()?.unsigned_abs() },
            Self::NoTransfer => Fault::NoTransfer,
            Self::Freeze => Fault::Freeze,
            Self::Stuck => Fault::Stuck { tag: tag()? },
            Self::SensorFault => Fault::SensorFault { tag: tag()? },
            Self::BadQuality => Fault::BadQuality { tag: tag()? },
            Self::Lie => {
                let needs = "value: the number that the device shows";
                Fault::Lie { tag: tag()?, value: value.ok_or(FaultError::Missing { kind: self, needs })? }
            }
            Self::RefuseWrites => Fault::RefuseWrites,
            Self::IgnoreWrites => Fault::IgnoreWrites,
            Self::Busy => Fault::Busy,
            Self::ClockOff => Fault::ClockOff { seconds: count()? },
            Self::ClockReset => Fault::ClockReset,
        })
    }

    fn count(self, given: Option<f64>) -> Result<i64, FaultError> {
        let Parameter::Number { name, default, least } = self.info().parameter else { return Ok(0) };
        let value = given.unwrap_or(default);
        if !(least..=SECONDS_MAX).contains(&value) {
            return Err(FaultError::OutOfRange { kind: self, name, least, most: SECONDS_MAX, value });
        }
        #[expect(clippy::cast_possible_truncation, reason = "the range was checked on the lines above")]
        Ok(value.round() as i64)
    }
}

fn named(kind: FaultKind, device: DeviceKind, tag: Option<&str>) -> Result<TagName, FaultError> {
    let tag = tag.ok_or(FaultError::Missing { kind, needs: "tag: the name of the value concerned" })?;
    let unknown = || FaultError::NoSuchTag { device, tag: tag.to_owned() };
    if !device.tags().contains(&tag) {
        return Err(unknown());
    }
    tag.parse().map_err(|_| unknown())
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.info().name)
    }
}

impl FromStr for FaultKind {
    type Err = FaultError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|kind| kind.info().name == name);
        found.ok_or_else(|| FaultError::Unknown { name: name.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn framing(device: DeviceKind) -> Framing {
        if device.speaks_opc_ua() { Framing::OpcUa } else { Framing::ModbusTcp }
    }

    #[test]
    fn every_fault_has_a_name_of_its_own_two_languages_and_a_device() {
        let names: BTreeSet<&str> = FaultKind::ALL.map(|kind| kind.info().name).into();
        assert_eq!(names.len(), FaultKind::ALL.len());
        for kind in FaultKind::ALL {
            let info = kind.info();
            assert_eq!(info.name.parse(), Ok(kind));
            assert!(!info.japanese.is_ascii() && info.english.len() > 10, "{info:?}");
            let able = DeviceKind::ALL.into_iter().find(|device| kind.applies(*device, framing(*device)).is_ok());
            let able = able.unwrap_or_else(|| panic!("{kind} applies to nothing"));
            let tag = able.tags().first().copied();
            let fault =
                kind.build(able, framing(able), tag, None).or_else(|_| kind.build(able, framing(able), tag, Some(1.0)));
            assert_eq!(fault.unwrap().kind(), kind);
        }
    }

    #[test]
    fn what_does_not_apply_is_refused_with_a_sentence() {
        let refuse = |kind: FaultKind, device: DeviceKind, tag: Option<&str>, value: Option<f64>| {
            kind.build(device, framing(device), tag, value).unwrap_err().to_string()
        };
        let incubator = DeviceKind::Co2Incubator;
        let said = refuse(FaultKind::ShiftNamespace, incubator, None, None);
        assert_eq!(
            said,
            "the fault shift_namespace does not apply to a co2-incubator: it speaks Modbus, and only OPC UA has that"
        );
        assert!(refuse(FaultKind::ForeignTransaction, DeviceKind::LadsBioreactor, None, None).contains("Modbus TCP"));
        assert!(refuse(FaultKind::SensorFault, incubator, Some("ph"), None).contains("no tag \"ph\""));
        assert!(refuse(FaultKind::SensorFault, incubator, None, None).contains("needs tag"));
        assert!(refuse(FaultKind::Lie, incubator, Some("co2"), None).contains("needs value"));
        assert!(refuse(FaultKind::Delay, incubator, None, Some(-1.0)).contains("ms of the fault delay must be 1"));
        assert!(
            refuse(FaultKind::RefuseWrites, DeviceKind::CometLogger, None, None).contains("nothing can be written")
        );
        let said = "explode".parse::<FaultKind>().unwrap_err().to_string();
        assert!(said.contains("\"explode\"") && said.contains("black_hole"), "{said}");
    }
}
