//! The Modbus part of a device template: how the map may be read, where each tag lies, and records.
//!
//! It checks that a template makes sense by itself. What a device really answers is found out on the wire.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Registers in one request at most (Modbus application protocol, functions 3 and 4).
pub const MODBUS_REGISTERS_MAX: u16 = 125;
/// Coils or inputs in one request at most (functions 1 and 2).
pub const MODBUS_BITS_MAX: u16 = 2000;
/// Registers of a text at most.
const TEXT_REGISTERS_MAX: u16 = 64;
/// Longest wait for an answer that a template may ask for, in milliseconds.
const TIMEOUT_MAX_MS: u32 = 4000;
/// Longest pause that a template may ask for, in milliseconds.
const PAUSE_MAX_MS: u32 = 5000;

/// How a Modbus register map may be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModbusMap {
    /// Most registers the device answers in one request.
    pub registers_max: u16,
    /// Most coils or discrete inputs the device answers in one request.
    #[serde(default = "bits_max")]
    pub bits_max: u16,
    /// Most unused registers (or bits) worth reading along to save a request.
    #[serde(default)]
    pub gap_max: u16,
    /// Addresses at which a request may not run across: a block ends before each of them.
    #[serde(default)]
    pub no_cross: Vec<u16>,
    /// The device answers one tag at a time only.
    #[serde(default)]
    pub single: bool,
    /// Where one table differs from the rest.
    #[serde(default)]
    pub tables: BTreeMap<Table, TableMap>,
    /// The function with which values are written, unless a tag says otherwise; without it, 6 or 5 for a value of one
    /// register or coil, 16 for more.
    #[serde(default)]
    pub write: Option<WriteFunction>,
    /// Longest wait for an answer, in milliseconds.
    #[serde(default = "timeout_ms")]
    pub timeout_ms: u32,
    /// Pause before the first request of a connection, in milliseconds.
    #[serde(default)]
    pub pause_after_connect_ms: u32,
    /// Pause between an answer and the next request to this device, in milliseconds.
    #[serde(default)]
    pub pause_between_requests_ms: u32,
    /// The records that the device keeps, where it is one that measures in records.
    #[serde(default)]
    pub record: Option<RecordMap>,
}

/// How one table of a map may be read, where it differs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TableMap {
    /// Most registers, or bits, in one request.
    #[serde(default)]
    pub entries_max: Option<u16>,
    /// Most unused registers, or bits, worth reading along.
    #[serde(default)]
    pub gap_max: Option<u16>,
    /// Addresses of this table only at which a request may not run across.
    #[serde(default)]
    pub no_cross: Vec<u16>,
    /// One tag at a time.
    #[serde(default)]
    pub single: bool,
}

/// Records: each is a row of values measured together, kept by the device until they are fetched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordMap {
    /// The bit of a status register that says that there is a new record; reading the record clears it.
    pub ready: RegisterBit,
    /// The registers of one record, read in one request; tags with `record: true` lie in it.
    pub block: RegisterRun,
    /// Address of the record's time within the block: Unix seconds in two registers, high word first.
    pub time: u16,
    /// How records are fetched that were kept while nobody asked.
    #[serde(default)]
    pub backlog: Option<Backlog>,
    /// Written after a record was read, where the device wants to be told.
    #[serde(default)]
    pub clear: Option<RegisterValue>,
}

/// One bit of a register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RegisterBit {
    /// Which table; holding or input.
    pub table: Table,
    /// Address in the protocol, from 0.
    pub address: u16,
    /// The bit, from 0.
    pub bit: u8,
}

/// A run of registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RegisterRun {
    /// Which table; holding or input.
    pub table: Table,
    /// First address in the protocol, from 0.
    pub address: u16,
    /// How many.
    pub registers: u16,
}

/// The registers by which older records are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Backlog {
    /// Holding register with the number of records kept.
    pub count: u16,
    /// Holding register that chooses the record shown in the block: 0 the oldest, -1 always the newest.
    pub index: u16,
}

/// A value for a holding register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RegisterValue {
    /// Address in the protocol, from 0.
    pub address: u16,
    /// What is written.
    pub value: u16,
}

/// A value in Modbus registers or bits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModbusPoint {
    /// Which table.
    pub table: Table,
    /// Address in the protocol, from 0.
    pub address: u16,
    /// How the registers are read.
    #[serde(rename = "type")]
    pub kind: RegisterType,
    /// Which word comes first.
    #[serde(default)]
    pub word_order: WordOrder,
    /// Which byte of a word comes first.
    #[serde(default)]
    pub byte_order: ByteOrder,
    /// The value is the raw number times this, plus `offset`.
    #[serde(default = "one")]
    pub scale: f64,
    /// Added after scaling.
    #[serde(default)]
    pub offset: f64,
    /// The raw number that means "no value", e.g. 0x8000. NaN always means that.
    #[serde(default)]
    pub sentinel: Option<u64>,
    /// Of type `bits`: one bit only, which makes the tag a flag.
    #[serde(default)]
    pub bit: Option<u8>,
    /// Of type `bits`: these bits only, shifted down to the lowest of them.
    #[serde(default)]
    pub mask: Option<u16>,
    /// Of type `text`: how many registers, two characters each.
    #[serde(default)]
    pub registers: Option<u16>,
    /// The function with which this value is written.
    #[serde(default)]
    pub write: Option<WriteFunction>,
    /// Never read in one request with others.
    #[serde(default)]
    pub single: bool,
    /// Part of a record: a sample for each record, with the time of the record.
    #[serde(default)]
    pub record: bool,
    /// This is the device's own clock, in Unix seconds; as the heartbeat, it shows that the clock is right, too.
    #[serde(default)]
    pub clock: bool,
}

fn one() -> f64 {
    1.0
}
fn bits_max() -> u16 {
    MODBUS_BITS_MAX
}
fn timeout_ms() -> u32 {
    1000
}

/// A Modbus table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Table {
    /// Coils: function 1 reads, 5 and 15 write.
    Coil,
    /// Discrete inputs: function 2 reads.
    Discrete,
    /// Holding registers: function 3 reads, 6 and 16 write.
    Holding,
    /// Input registers: function 4 reads.
    Input,
}

impl Table {
    /// Whether its entries are single bits.
    pub fn is_bits(self) -> bool {
        matches!(self, Self::Coil | Self::Discrete)
    }
    /// Whether its entries can only be read.
    pub fn is_read_only(self) -> bool {
        matches!(self, Self::Discrete | Self::Input)
    }
}

/// Which write function a device wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WriteFunction {
    /// Function 6, or 5 for a coil: one at a time.
    Single,
    /// Function 16, or 15 for coils: also for one.
    Multiple,
}

/// The type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RegisterType {
    /// One coil or discrete input.
    Flag,
    /// One register, unsigned.
    U16,
    /// One register, signed.
    I16,
    /// Two registers, unsigned.
    U32,
    /// Two registers, signed.
    I32,
    /// Four registers, unsigned.
    U64,
    /// Four registers, signed.
    I64,
    /// Two registers, IEEE 754 single.
    F32,
    /// Four registers, IEEE 754 double.
    F64,
    /// One register of bits.
    Bits,
    /// ASCII, two characters per register, padded with zeros or blanks.
    Text,
}

/// Order of the words of a value of more than one register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WordOrder {
    /// High word first (ABCD).
    #[default]
    HighFirst,
    /// Low word first (CDAB).
    LowFirst,
}

/// Order of the bytes of a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ByteOrder {
    /// As Modbus has it.
    #[default]
    Big,
    /// Bytes swapped within the word.
    Little,
}

/// Field and what is wrong with it.
pub(super) type Wrong = (&'static str, String);

fn wrong<T>(field: &'static str, problem: &str) -> Result<T, Wrong> {
    Err((field, problem.to_owned()))
}

impl ModbusMap {
    pub(super) fn check(&self) -> Result<(), Wrong> {
        if !(1..=MODBUS_REGISTERS_MAX).contains(&self.registers_max) {
            return wrong("registers_max", "must be from 1 to 125");
        }
        if !(1..=MODBUS_BITS_MAX).contains(&self.bits_max) {
            return wrong("bits_max", "must be from 1 to 2000");
        }
        for (table, map) in &self.tables {
            let most = if table.is_bits() { MODBUS_BITS_MAX } else { MODBUS_REGISTERS_MAX };
            if map.entries_max.is_some_and(|max| !(1..=most).contains(&max)) {
                return Err(("entries_max", format!("must be from 1 to {most}")));
            }
        }
        if !(10..=TIMEOUT_MAX_MS).contains(&self.timeout_ms) {
            return wrong("timeout_ms", "must be from 10 to 4000 milliseconds");
        }
        if self.pause_after_connect_ms > PAUSE_MAX_MS || self.pause_between_requests_ms > PAUSE_MAX_MS {
            return wrong("pause_after_connect_ms", "a pause may last 5000 milliseconds at most");
        }
        self.record.as_ref().map_or(Ok(()), |record| record.check(self))
    }
}

impl RecordMap {
    fn check(&self, map: &ModbusMap) -> Result<(), Wrong> {
        let Self { ready, block, time, .. } = self;
        if ready.table.is_bits() || block.table.is_bits() {
            return wrong("record", "status and block are registers: holding or input");
        }
        if ready.bit > 15 {
            return wrong("record", "a register has bits 0 to 15");
        }
        let most = map.tables.get(&block.table).and_then(|table| table.entries_max).unwrap_or(map.registers_max);
        if !(1..=most).contains(&block.registers) || block.address.checked_add(block.registers).is_none() {
            return Err(("record", format!("a record is read in one request of at most {most} registers")));
        }
        if !self.holds(*time, 2) {
            return wrong("record", "the time lies outside the block");
        }
        Ok(())
    }

    /// Whether `width` registers from `address` lie in the block of a record.
    fn holds(&self, address: u16, width: u16) -> bool {
        let end = u32::from(self.block.address) + u32::from(self.block.registers);
        address >= self.block.address && u32::from(address) + u32::from(width) <= end
    }
}

impl ModbusPoint {
    /// How many registers, or bits, it takes.
    pub fn width(&self) -> u16 {
        match self.kind {
            RegisterType::Flag | RegisterType::U16 | RegisterType::I16 | RegisterType::Bits => 1,
            RegisterType::U32 | RegisterType::I32 | RegisterType::F32 => 2,
            RegisterType::U64 | RegisterType::I64 | RegisterType::F64 => 4,
            RegisterType::Text => self.registers.unwrap_or(1),
        }
    }

    pub(super) fn check(&self, writable: bool, map: Option<&ModbusMap>) -> Result<(), Wrong> {
        self.check_type()?;
        if !(self.scale.is_finite() && self.scale != 0.0) {
            return wrong("scale", "must be a number other than 0");
        }
        if !self.offset.is_finite() {
            return wrong("offset", "must be a number");
        }
        if writable && self.table.is_read_only() {
            return wrong("table", "input registers and discrete inputs cannot be written");
        }
        if writable && (self.bit.is_some() || self.mask.is_some()) {
            return wrong("bit", "single bits of a register cannot be written");
        }
        if writable && self.write == Some(WriteFunction::Single) && self.width() > 1 {
            return wrong("write", "a value of several registers is written with function 16 in one request");
        }
        if self.address.checked_add(self.width() - 1).is_none() {
            return wrong("address", "lies beyond the last register");
        }
        let Some(map) = map else { return Ok(()) };
        let most = if self.table.is_bits() { map.bits_max } else { map.registers_max };
        if self.width() > most {
            return Err(("type", format!("takes {} registers, more than registers_max allows", self.width())));
        }
        match (&map.record, self.record) {
            (None, true) => wrong("record", "the template describes no record"),
            (Some(record), true) if self.table != record.block.table || !record.holds(self.address, self.width()) => {
                wrong("record", "lies outside the block of a record")
            }
            (_, true) if writable => wrong("record", "a value of a record cannot be written"),
            _ => Ok(()),
        }
    }

    fn check_type(&self) -> Result<(), Wrong> {
        if self.table.is_bits() != (self.kind == RegisterType::Flag) {
            return wrong("type", "coils and discrete inputs, and only they, are of type flag");
        }
        if self.kind != RegisterType::Bits && (self.bit.is_some() || self.mask.is_some()) {
            return wrong("bit", "only a register of type bits has bits");
        }
        if self.bit.is_some_and(|bit| bit > 15) {
            return wrong("bit", "a register has bits 0 to 15");
        }
        if self.clock && self.kind != RegisterType::U32 {
            return wrong("clock", "a clock is of type u32, in Unix seconds");
        }
        if self.mask == Some(0) || (self.bit.is_some() && self.mask.is_some()) {
            return wrong("mask", "needs at least one bit, and no other choice of bits beside it");
        }
        let text = self.kind == RegisterType::Text;
        if text != self.registers.is_some() || self.registers.is_some_and(|n| !(1..=TEXT_REGISTERS_MAX).contains(&n)) {
            return wrong("registers", "a text, and only a text, needs its number of registers, from 1 to 64");
        }
        Ok(())
    }
}
