//! Simulated devices as pages show and switch them: what is in force, and one change of it.
//!
//! Only a demo and `mes simulate` have any. What a fault does is the affair of the simulators.

use equipment_drivers::{DeviceKind, Fault, FaultKind, Framing, SimError, SimHandle};
use mes_core::access::Rejection;

/// One simulated device.
#[derive(Debug, Clone, PartialEq)]
pub struct SimulatorState {
    /// Its name: the equipment id.
    pub name: String,
    /// What it is.
    pub kind: DeviceKind,
    /// How it speaks.
    pub framing: Framing,
    /// Where it is.
    pub address: String,
    /// The faults in force.
    pub faults: Vec<Fault>,
}

impl SimulatorState {
    /// The state of a simulator.
    pub fn of(handle: &SimHandle) -> Self {
        Self {
            name: handle.name().to_owned(),
            kind: handle.kind(),
            framing: handle.framing(),
            address: handle.address().to_owned(),
            faults: handle.faults(),
        }
    }
}

/// A fault to be begun or ended.
#[derive(Debug, Clone, PartialEq)]
pub struct FaultChange {
    /// Which fault.
    pub kind: FaultKind,
    /// The tag that it concerns, where it concerns one.
    pub tag: Option<String>,
    /// Its number, where it takes one.
    pub value: Option<f64>,
    /// Begin or end.
    pub on: bool,
}

/// Makes the change, or says why not.
pub async fn change(handle: &SimHandle, change: &FaultChange) -> Result<(), SimError> {
    if change.on {
        let fault = change.kind.build(handle.kind(), handle.framing(), change.tag.as_deref(), change.value)?;
        handle.set_fault(fault).await
    } else {
        handle.clear_fault(change.kind).await
    }
}

/// A refusal of a simulator, for a page.
pub fn refused(error: &SimError) -> Rejection {
    Rejection::new("simulator", format!("模擬機器に設定できません: {error}"), error.to_string())
}
