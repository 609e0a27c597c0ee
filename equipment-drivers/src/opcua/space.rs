//! The address space of the simulated bioreactor, in the manner of LADS: which node shows or commands what.
//!
//! Written apart from the driver's template on purpose: that the two agree is shown by tests over the wire.

use opcua::{
    nodes::{ObjectBuilder, VariableBuilder},
    server::address_space::AddressSpace,
    types::{DataTypeId, NodeId, ObjectId, UAString, VariableTypeId, Variant},
};

use crate::physics::bioreactor::{Command, Shown, Targets};

/// Namespace of the instances.
pub(super) const NAMESPACE: &str = "urn:catapult:device:lads-bioreactor";

/// All that the vessel shows at one moment.
#[derive(Debug, Clone)]
pub(super) struct View {
    pub(super) shown: Shown,
    pub(super) targets: Targets,
    pub(super) running: bool,
    pub(super) bolus_ml: f64,
    pub(super) inoculum: f64,
    pub(super) beat: u32,
}

/// One variable of the device.
pub(super) struct Point {
    /// Its name in faults, the same as in the template.
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

#[rustfmt::skip] // One line per node.
pub(super) static POINTS: [Point; 26] = [
    shows("temperature", "Vessel/Temperature/CurrentValue", |v| v.shown.temperature_cel.into()),
    takes("temperature_setpoint", "Vessel/Temperature/TargetValue", |v| v.targets.temperature_cel.into(), |w| number(w).map(Command::Temperature)),
    shows("ph", "Vessel/pH/CurrentValue", |v| v.shown.ph.into()),
    takes("ph_setpoint", "Vessel/pH/TargetValue", |v| v.targets.ph.into(), |w| number(w).map(Command::Ph)),
    shows("do", "Vessel/DO/CurrentValue", |v| v.shown.oxygen_percent.into()),
    takes("do_setpoint", "Vessel/DO/TargetValue", |v| v.targets.oxygen_percent.into(), |w| number(w).map(Command::Oxygen)),
    shows("agitation", "Vessel/Agitation/CurrentValue", |v| v.shown.agitation_rpm.into()),
    takes("agitation_setpoint", "Vessel/Agitation/TargetValue", |v| v.targets.agitation_rpm.into(), |w| number(w).map(Command::Agitation)),
    shows("vcd", "Vessel/VCD/SensorValue", |v| v.shown.vcd.into()),
    shows("viability", "Vessel/Viability/SensorValue", |v| v.shown.viability_percent.into()),
    shows("glucose", "Vessel/GlucoseRaman/SensorValue", |v| v.shown.glucose_mmol_l.into()),
    shows("lactate", "Vessel/LactateRaman/SensorValue", |v| v.shown.lactate_mmol_l.into()),
    shows("weight", "Vessel/Weight/SensorValue", |v| v.shown.weight_kg.into()),
    shows("feed_rate", "Vessel/FeedPump/CurrentValue", |v| v.shown.feed_ml_h.into()),
    takes("feed_rate_setpoint", "Vessel/FeedPump/TargetValue", |v| v.targets.feed_ml_h.into(), |w| number(w).map(Command::Feed)),
    shows("feed_total", "Vessel/FeedPump/TotalizedValue", |v| v.shown.feed_total_ml.into()),
    takes("feed", "Vessel/FeedPump/BolusVolume", |v| v.bolus_ml.into(), |w| number(w).map(Command::Bolus)),
    switch("harvest", "Vessel/HarvestPump/Command", |v| order(v.targets.harvesting), |w| ordered(w).map(Command::Harvest)),
    shows("harvest_rate", "Vessel/HarvestPump/CurrentValue", |v| v.shown.harvest_ml_h.into()),
    shows("harvest_total", "Vessel/HarvestPump/TotalizedValue", |v| v.shown.harvest_total_ml.into()),
    takes("inoculum", "Vessel/Inoculum/TargetValue", |v| v.inoculum.into(), |w| number(w).map(Command::Inoculate)),
    switch("run_command", "Vessel/Command", |v| order(v.running), |w| ordered(w).map(Command::Run)),
    Point { tag: "run_state", path: "Vessel/RunState", data_type: DataTypeId::Int32, value: |v| order(v.running), command: None },
    Point { tag: "sparger", path: "Vessel/Sparger/TargetValue", data_type: DataTypeId::Boolean, value: |v| v.targets.sparging.into(),
        command: Some(|w| if let Variant::Boolean(on) = w { Some(Command::Sparge(*on)) } else { None }) },
    Point { tag: "state", path: "Vessel/FunctionalUnitState", data_type: DataTypeId::String,
        value: |v| Variant::String(UAString::from(if v.running { "Running" } else { "Stopped" })), command: None },
    Point { tag: "heartbeat", path: "Heartbeat", data_type: DataTypeId::UInt32, value: |v| v.beat.into(), command: None },
];

/// The node of a path below the device.
pub(super) fn node(namespace: u16, device: &str, path: &str) -> NodeId {
    NodeId::new(namespace, format!("{device}/{path}"))
}

/// Builds the device: objects along the paths, a variable at the end of each.
pub(super) fn build(space: &mut AddressSpace, namespace: u16, device: &str, view: &View) {
    let root = NodeId::new(namespace, device.to_owned());
    ObjectBuilder::new(&root, device, device).organized_by(ObjectId::ObjectsFolder).insert(space);
    for point in &POINTS {
        let mut parent = root.clone();
        let mut path = String::new();
        let (folders, name) = point.path.rsplit_once('/').unwrap_or(("", point.path));
        for folder in folders.split('/').filter(|folder| !folder.is_empty()) {
            path = if path.is_empty() { folder.to_owned() } else { format!("{path}/{folder}") };
            let id = node(namespace, device, &path);
            if !space.node_exists(&id) {
                ObjectBuilder::new(&id, folder, folder).component_of(parent).insert(space);
            }
            parent = id;
        }
        let id = node(namespace, device, point.path);
        let mut variable = VariableBuilder::new(&id, name, name)
            .data_type(point.data_type)
            .has_type_definition(VariableTypeId::BaseDataVariableType)
            .component_of(parent)
            .value((point.value)(view));
        if point.command.is_some() {
            variable = variable.writable();
        }
        variable.insert(space);
    }
}
