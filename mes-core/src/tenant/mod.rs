//! The facility as it is in force: tenants, agreements, suites, equipment, people. All of it comes from entries.

pub mod decide;
mod event;
mod facility;
mod loader;
mod plan;

pub use event::{EquipmentEvent, FacilityEvent, PersonEvent};
pub use facility::{
    Agreement, Equipment, Facility, FacilityItem, FacilityName, ItemChange, ItemKey, LinkSettings, Manufacturer,
    Person, PersonName, Role, RoleGrant, Shift, Suite, Tag, TagLimits, TagState, Tenant, Terminal,
};
pub use loader::{FACILITY_BYTES_MAX, FacilityReadError, read_facility};
pub use plan::difference;
