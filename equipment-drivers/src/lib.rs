#![doc = include_str!("../README.md")]

// What a device is, and what is said of it.
pub mod template;

pub mod driver;

// What is counted of each.
pub mod diagnostic;

// The running drivers: fleet, one task per link, its tags, its writes, its reports.
pub mod supervisor;

mod link;
mod outbox;
// What waits on disk while the core is away.
pub mod buffer;
mod tag;
mod write;

// The protocols; each with a client and a simulator.
pub mod modbus;
pub mod opcua;

// Closed devices, which only write files.
pub mod file_drop;

// Simulated devices: handle, misbehaviour, network plug, and what happens inside.
pub mod simulator;

pub mod device_kind;

pub mod fault;
pub mod fault_catalogue;

mod gate;

mod serial_line;

pub mod sim_plant;

pub mod physics;

pub use device_kind::{DeviceKind, Framing};
pub use diagnostic::{Diagnostics, LinkDiagnostics, Meter};
pub use driver::{DeviceConfig, DeviceTag, DriverReport, Sampling, Secret};
pub use fault::Fault;
pub use fault_catalogue::{FaultError, FaultKind};
pub use modbus::sim_incubator::IncubatorSim;
pub use opcua::{
    browse::{BrowseError, BrowseRequest, browse},
    draft::Draft,
    security::{Login, Mode, Policy, Security},
    sim::BioreactorSim,
    trust::{Certificate, EXPIRY_WARNING_DAYS, PkiError, TrustList},
};
pub use sim_plant::{ScheduledFault, SimDevice, SimPlant};
pub use simulator::{SimError, SimHandle};
pub use supervisor::{Fleet, FleetError, FleetOptions, REPORTS_WAITING_MAX};
pub use template::{Template, TemplateError, Templates};
