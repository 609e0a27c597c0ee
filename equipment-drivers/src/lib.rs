#![doc = include_str!("../README.md")]

pub mod driver;
pub mod fault;
mod gate;
mod link;
pub mod modbus;
pub mod opcua;
mod outbox;
pub mod physics;
pub mod simulator;
pub mod supervisor;
mod tag;
pub mod template;
mod write;

pub use driver::{DeviceConfig, DriverReport, Secret};
pub use fault::Fault;
pub use modbus::sim::IncubatorSim;
pub use opcua::{
    sim::BioreactorSim,
    trust::{Certificate, PkiError, TrustList},
};
pub use simulator::{SimError, SimHandle};
pub use supervisor::{Fleet, FleetError, FleetOptions, REPORTS_WAITING_MAX};
pub use template::{Template, TemplateError, Templates};
