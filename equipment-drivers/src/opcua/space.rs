//! The address space of the simulated bioreactor: a LADS device with one functional unit, the vessel; and which node shows or
//! commands what.
//!
//! Written apart from the driver's template on purpose: that the two agree is shown by tests over the wire. Besides what LADS
//! has, the vessel has a few nodes of its maker: doses, inoculum, a run command, a heartbeat.

use opcua::{
    nodes::{DefaultTypeTree, NodeType, ObjectBuilder, VariableBuilder},
    server::address_space::{AccessLevel, AddressSpace, EventNotifier},
    types::{
        DataTypeId, EUInformation, ExtensionObject, LocalizedText, NodeId, ObjectTypeId, Range, ReferenceTypeId,
        UAString, VariableTypeId, Variant,
    },
};

use super::{
    function::{FUNCTIONS, Function, Kind},
    lads::{Builder, Declared, Instance},
};
use crate::physics::bioreactor::{Actuators, Command, HARVEST_ML_H, Shown, Targets};

/// Namespace of the instances.
pub(super) const NAMESPACE: &str = "urn:catapult:device:lads-bioreactor";

/// All that the vessel shows at one moment.
#[derive(Debug, Clone)]
pub(super) struct View {
    pub(super) shown: Shown,
    pub(super) targets: Targets,
    pub(super) actuators: Actuators,
    pub(super) sample_ml: f64,
    pub(super) running: bool,
    /// The program runs since this many times it was started.
    pub(super) run_number: u32,
    /// Seconds that the lock still holds; none when it is open.
    pub(super) locked_s: Option<f64>,
    pub(super) bolus_ml: f64,
    pub(super) inoculum: f64,
    pub(super) beat: u32,
}

/// One variable of the device.
pub(super) struct Point {
    /// Its name in faults, the same as in the template; empty for nodes that only repeat another.
    pub(super) tag: &'static str,
    /// Path below the device.
    pub(super) path: &'static str,
    pub(super) data_type: DataTypeId,
    pub(super) value: fn(&View) -> Variant,
    /// The command that a written value means; `None` when it has the wrong type.
    pub(super) command: Option<fn(&Variant) -> Option<Command>>,
}

const fn shows(tag: &'static str, path: &'static str, value: fn(&View) -> Variant) -> Point {
    Point { tag, path, data_type: DataTypeId::Double, value, command: None }
}

const fn takes(
    tag: &'static str,
    path: &'static str,
    value: fn(&View) -> Variant,
    command: fn(&Variant) -> Option<Command>,
) -> Point {
    Point { tag, path, data_type: DataTypeId::Double, value, command: Some(command) }
}

const fn switch(
    tag: &'static str,
    path: &'static str,
    value: fn(&View) -> Variant,
    command: fn(&Variant) -> Option<Command>,
) -> Point {
    Point { tag, path, data_type: DataTypeId::Int32, value, command: Some(command) }
}

fn number(variant: &Variant) -> Option<f64> {
    if let Variant::Double(number) = variant { Some(*number) } else { None }
}

fn order(on: bool) -> Variant {
    Variant::Int32(i32::from(on))
}

/// 1 is on, 0 is off, all else is no order.
fn ordered(variant: &Variant) -> Option<bool> {
    match variant {
        Variant::Int32(0) => Some(false),
        Variant::Int32(1) => Some(true),
        _ => None,
    }
}

fn text(words: &str) -> Variant {
    LocalizedText::new("en", words).into()
}

const fn says(tag: &'static str, path: &'static str, value: fn(&View) -> Variant) -> Point {
    Point { tag, path, data_type: DataTypeId::LocalizedText, value, command: None }
}

fn state(view: &View) -> &'static str {
    if view.running { "Running" } else { "Stopped" }
}

fn gas(view: &View, place: usize) -> Variant {
    (view.actuators.gas_l_min.get(place).copied().unwrap_or_default() * 1000.0).into()
}

#[rustfmt::skip] // One line per node.
pub(super) static POINTS: [Point; 62] = [
    shows("temperature", "Vessel/Temperature/CurrentValue", |v| v.shown.temperature_cel.into()),
    takes("temperature_setpoint", "Vessel/Temperature/TargetValue", |v| v.targets.temperature_cel.into(), |w| number(w).map(Command::Temperature)),
    shows("ph", "Vessel/pH/CurrentValue", |v| v.shown.ph.into()),
    takes("ph_setpoint", "Vessel/pH/TargetValue", |v| v.targets.ph.into(), |w| number(w).map(Command::Ph)),
    shows("do", "Vessel/DO/CurrentValue", |v| v.shown.oxygen_percent.into()),
    takes("do_setpoint", "Vessel/DO/TargetValue", |v| v.targets.oxygen_percent.into(), |w| number(w).map(Command::Oxygen)),
    shows("agitation", "Vessel/Agitation/CurrentValue", |v| v.shown.agitation_rpm.into()),
    takes("agitation_setpoint", "Vessel/Agitation/TargetValue", |v| v.targets.agitation_rpm.into(), |w| number(w).map(Command::Agitation)),
    shows("air_flow", "Vessel/AirFlow/CurrentValue", |v| gas(v, 0)),
    shows("", "Vessel/AirFlow/TargetValue", |v| gas(v, 0)),
    shows("o2_flow", "Vessel/O2Flow/CurrentValue", |v| gas(v, 1)),
    shows("", "Vessel/O2Flow/TargetValue", |v| gas(v, 1)),
    shows("co2_flow", "Vessel/CO2Flow/CurrentValue", |v| gas(v, 2)),
    shows("", "Vessel/CO2Flow/TargetValue", |v| gas(v, 2)),
    shows("n2_flow", "Vessel/N2Flow/CurrentValue", |v| gas(v, 3)),
    shows("", "Vessel/N2Flow/TargetValue", |v| gas(v, 3)),
    shows("vcd", "Vessel/VCD/SensorValue", |v| v.shown.vcd.into()),
    shows("", "Vessel/VCD/RawValue", |v| v.shown.vcd.into()),
    shows("viability", "Vessel/Viability/SensorValue", |v| v.shown.viability_percent.into()),
    shows("", "Vessel/Viability/RawValue", |v| v.shown.viability_percent.into()),
    // Capacitance of living cells: about 20 pF/cm per million cells and millilitre, over that of the medium.
    shows("capacitance", "Vessel/Capacitance/SensorValue", |v| (2.0 + 20.0 * v.shown.vcd).into()),
    shows("", "Vessel/Capacitance/RawValue", |v| (2.0 + 20.0 * v.shown.vcd).into()),
    shows("glucose", "Vessel/GlucoseRaman/SensorValue", |v| v.shown.glucose_mmol_l.into()),
    shows("", "Vessel/GlucoseRaman/RawValue", |v| v.shown.glucose_mmol_l.into()),
    shows("lactate", "Vessel/LactateRaman/SensorValue", |v| v.shown.lactate_mmol_l.into()),
    shows("", "Vessel/LactateRaman/RawValue", |v| v.shown.lactate_mmol_l.into()),
    shows("weight", "Vessel/Weight/SensorValue", |v| v.shown.weight_kg.into()),
    shows("", "Vessel/Weight/RawValue", |v| v.shown.weight_kg.into()),
    shows("pressure", "Vessel/Pressure/SensorValue", |v| v.actuators.pressure_mbar.into()),
    shows("", "Vessel/Pressure/RawValue", |v| v.actuators.pressure_mbar.into()),
    shows("feed_rate", "Vessel/FeedPump/CurrentValue", |v| v.shown.feed_ml_h.into()),
    takes("feed_rate_setpoint", "Vessel/FeedPump/TargetValue", |v| v.targets.feed_ml_h.into(), |w| number(w).map(Command::Feed)),
    shows("feed_total", "Vessel/FeedPump/TotalizedValue", |v| v.shown.feed_total_ml.into()),
    takes("feed", "Vessel/FeedPump/BolusVolume", |v| v.bolus_ml.into(), |w| number(w).map(Command::Bolus)),
    shows("base_rate", "Vessel/BasePump/CurrentValue", |v| v.actuators.base_ml_h.into()),
    takes("base_rate_max", "Vessel/BasePump/TargetValue", |v| v.targets.base_max_ml_h.into(), |w| number(w).map(Command::BaseMax)),
    shows("base_total", "Vessel/BasePump/TotalizedValue", |v| v.actuators.base_total_ml.into()),
    switch("harvest", "Vessel/HarvestPump/Command", |v| order(v.targets.harvesting), |w| ordered(w).map(Command::Harvest)),
    shows("harvest_rate", "Vessel/HarvestPump/CurrentValue", |v| v.shown.harvest_ml_h.into()),
    // The pump has one speed: any flow starts it, zero stops it.
    takes("", "Vessel/HarvestPump/TargetValue", |v| if v.targets.harvesting { HARVEST_ML_H.into() } else { 0.0.into() },
        |w| number(w).map(|flow| Command::Harvest(flow > 0.0))),
    shows("harvest_total", "Vessel/HarvestPump/TotalizedValue", |v| v.shown.harvest_total_ml.into()),
    takes("inoculum", "Vessel/Inoculum/TargetValue", |v| v.inoculum.into(), |w| number(w).map(Command::Inoculate)),
    takes("sample", "Vessel/SamplePort/Volume", |v| v.sample_ml.into(), |w| number(w).map(Command::Sample)),
    shows("heater", "Vessel/Temperature/HeaterOutput", |v| v.actuators.heater_percent.into()),
    shows("o2_cascade", "Vessel/DO/CascadeOutput", |v| v.actuators.oxygen_cascade_percent.into()),
    switch("run_command", "Vessel/Command", |v| order(v.running), |w| ordered(w).map(Command::Run)),
    Point { tag: "run_state", path: "Vessel/RunState", data_type: DataTypeId::Int32, value: |v| order(v.running), command: None },
    Point { tag: "sparger", path: "Vessel/Sparger/TargetValue", data_type: DataTypeId::Boolean, value: |v| v.targets.sparging.into(),
        command: Some(|w| if let Variant::Boolean(on) = w { Some(Command::Sparge(*on)) } else { None }) },
    Point { tag: "", path: "Vessel/Sparger/CurrentValue", data_type: DataTypeId::Boolean,
        value: |v| (v.running && v.targets.sparging).into(), command: None },
    says("state", "Vessel/FunctionalUnitState/CurrentState", |v| text(state(v))),
    says("", "Vessel/FunctionalUnitState/CurrentState/EffectiveDisplayName", |v| text(state(v))),
    says("", "Vessel/Lid/CoverState/CurrentState", |v| text(if v.actuators.lid_open { "Opened" } else { "Closed" })),
    says("", "MachineryItemState/CurrentState", |v| text(if v.running { "Executing" } else { "NotExecuting" })),
    says("", "DeviceState/CurrentState", |_| text("Operate")),
    Point { tag: "", path: "Vessel/ProgramManager/ActiveProgram/CurrentRuntime", data_type: DataTypeId::Duration,
        value: |v| (v.actuators.run_s * 1000.0).into(), command: None },
    says("", "Vessel/ProgramManager/ActiveProgram/CurrentStepName", |v| text(if v.running { "Expansion" } else { "" })),
    Point { tag: "", path: "Vessel/ProgramManager/ActiveProgram/CurrentStepNumber", data_type: DataTypeId::UInt32,
        value: |v| u32::from(v.running).into(), command: None },
    Point { tag: "", path: "Vessel/ProgramManager/ActiveProgram/DeviceProgramRunId", data_type: DataTypeId::String,
        value: |v| Variant::String(UAString::from(format!("run-{}", v.run_number))), command: None },
    Point { tag: "", path: "Vessel/Lock/Locked", data_type: DataTypeId::Boolean, value: |v| v.locked_s.is_some().into(), command: None },
    Point { tag: "", path: "Vessel/Lock/RemainingLockTime", data_type: DataTypeId::Duration,
        value: |v| (1000.0 * v.locked_s.unwrap_or_default()).into(), command: None },
    Point { tag: "", path: "Vessel/Lock/LockingUser", data_type: DataTypeId::String,
        value: |v| Variant::String(UAString::from(if v.locked_s.is_some() { "operator" } else { "" })), command: None },
    Point { tag: "heartbeat", path: "Heartbeat", data_type: DataTypeId::UInt32, value: |v| v.beat.into(), command: None },
];

/// The node of a path below the device.
pub(super) fn node(namespace: u16, device: &str, path: &str) -> NodeId {
    NodeId::new(namespace, format!("{device}/{path}"))
}

/// Where the types of the nodesets are.
pub(super) struct Kinds<'a> {
    pub(super) types: &'a AddressSpace,
    pub(super) core: &'a AddressSpace,
    pub(super) tree: &'a DefaultTypeTree,
    pub(super) di: u16,
    pub(super) lads: u16,
}

/// Optional parts of the functional unit that this device has.
const UNIT_HAS: [&str; 9] = [
    "FunctionSet",
    "FunctionalUnitState/Start",
    "FunctionalUnitState/Stop",
    "ProgramManager",
    "ProgramManager/ActiveProgram/CurrentRuntime",
    "ProgramManager/ActiveProgram/CurrentStepName",
    "ProgramManager/ActiveProgram/CurrentStepNumber",
    "ProgramManager/ActiveProgram/DeviceProgramRunId",
    "Operational",
];

/// Builds the device below DI's DeviceSet, as LADS has it.
pub(super) fn build(space: &mut AddressSpace, namespace: u16, device: &str, kinds: &Kinds<'_>, view: &View) {
    let declared = Declared { types: kinds.types, core: kinds.core, tree: kinds.tree };
    let mut builder = Builder { declared, space, namespace };
    let device_set = NodeId::new(kinds.di, 5001);
    builder.object(&Instance {
        path: device,
        name: device,
        parent: (device_set, ReferenceTypeId::Organizes),
        kind: NodeId::new(kinds.lads, 1002),
        optional: &["MachineryItemState"],
    });
    nameplate(&mut builder, device);
    let unit = format!("{device}/Vessel");
    builder.object(&Instance {
        path: &unit,
        name: "Vessel",
        parent: (node(namespace, device, "FunctionalUnitSet"), ReferenceTypeId::HasComponent),
        kind: NodeId::new(kinds.lads, 1003),
        optional: &UNIT_HAS,
    });
    builder.object(&Instance {
        path: &format!("{unit}/ProgramManager/ProgramTemplateSet/Expansion7d"),
        name: "Expansion7d",
        parent: (node(namespace, device, "Vessel/ProgramManager/ProgramTemplateSet"), ReferenceTypeId::HasComponent),
        kind: NodeId::new(kinds.lads, 1018),
        optional: &[],
    });
    for function in &FUNCTIONS {
        add_function(&mut builder, &unit, kinds.lads, function);
    }
    for point in &POINTS {
        add_point(builder.space, namespace, device, point, view);
    }
    if let Some(NodeType::Object(object)) = builder.space.find_mut(&NodeId::new(namespace, device.to_owned())) {
        object.set_event_notifier(EventNotifier::SUBSCRIBE_TO_EVENTS);
    }
}

fn nameplate(builder: &mut Builder<'_>, device: &str) {
    for (name, says) in
        [("Manufacturer", "Catapult simulators"), ("Model", "Stirred bioreactor 3 L"), ("ComponentName", device)]
    {
        builder.set(&format!("{device}/{name}"), LocalizedText::new("en", says));
        builder.set(&format!("{device}/Identification/{name}"), LocalizedText::new("en", says));
    }
    let uri = format!("urn:catapult:simulator:{device}");
    let texts = [
        ("SerialNumber", device),
        ("SoftwareRevision", env!("CARGO_PKG_VERSION")),
        ("HardwareRevision", "1"),
        ("DeviceRevision", "1"),
        ("ProductInstanceUri", uri.as_str()),
        ("AssetId", device),
        ("DeviceManual", ""),
    ];
    for (name, says) in texts {
        builder.set(&format!("{device}/{name}"), UAString::from(says));
        builder.set(&format!("{device}/Identification/{name}"), UAString::from(says));
    }
    builder.set(&format!("{device}/RevisionCounter"), 1_i32);
}

fn add_function(builder: &mut Builder<'_>, unit: &str, lads: u16, function: &Function) {
    let path = format!("{unit}/{}", function.name);
    builder.object(&Instance {
        path: &path,
        name: function.name,
        parent: (builder.node(&format!("{unit}/FunctionSet")), ReferenceTypeId::HasComponent),
        kind: NodeId::new(lads, function.kind.type_id()),
        optional: &[],
    });
    builder.set(&format!("{path}/IsEnabled"), true);
    let values: &[&str] = match function.kind {
        Kind::Control => &["CurrentValue", "TargetValue"],
        Kind::Totalizer => &["CurrentValue", "TargetValue", "TotalizedValue"],
        Kind::Sensor => &["SensorValue", "RawValue"],
        Kind::Switch | Kind::Cover => return,
    };
    for value in values {
        let (unit, code, range) = if *value == "TotalizedValue" {
            ("mL", "MLT", (0.0, 100_000.0))
        } else {
            (function.unit, function.code, function.range)
        };
        let range = Range { low: range.0, high: range.1 };
        builder.set(&format!("{path}/{value}/EURange"), ExtensionObject::from_message(range));
        builder.set(&format!("{path}/{value}/EngineeringUnits"), ExtensionObject::from_message(unit_of(unit, code)));
    }
}

/// A unit, numbered by its UNECE code where it has one.
fn unit_of(unit: &str, code: &str) -> EUInformation {
    let number = code.bytes().fold(0, |number, byte| number << 8 | i32::from(byte));
    EUInformation {
        namespace_uri: UAString::from("http://www.opcfoundation.org/UA/units/un/cefact"),
        unit_id: if code.is_empty() { -1 } else { number },
        display_name: LocalizedText::new("en", unit),
        description: LocalizedText::new("en", unit),
    }
}

/// Gives a variable its value and lets it be written where it takes commands; makes it where the type has none.
fn add_point(space: &mut AddressSpace, namespace: u16, device: &str, point: &Point, view: &View) {
    let id = node(namespace, device, point.path);
    if !space.node_exists(&id) {
        let (folder, name) = point.path.rsplit_once('/').unwrap_or(("", point.path));
        let parent =
            if folder.is_empty() { NodeId::new(namespace, device.to_owned()) } else { node(namespace, device, folder) };
        if let (false, Some((above, own))) = (space.node_exists(&parent), folder.rsplit_once('/')) {
            ObjectBuilder::new(&parent, own, own)
                .has_type_definition(ObjectTypeId::BaseObjectType)
                .component_of(node(namespace, device, above))
                .insert(space);
        }
        VariableBuilder::new(&id, name, name)
            .data_type(point.data_type)
            .has_type_definition(VariableTypeId::BaseDataVariableType)
            .component_of(parent)
            .value((point.value)(view))
            .insert(space);
    }
    if let Some(NodeType::Variable(variable)) = space.find_mut(&id) {
        variable.set_data_value(opcua::types::DataValue::new_now((point.value)(view)));
        if point.command.is_some() {
            let both = AccessLevel::CURRENT_READ | AccessLevel::CURRENT_WRITE;
            variable.set_access_level(both);
            variable.set_user_access_level(both);
        }
    }
}
