//! The facility as it is in force: tenants, agreements, suites, equipment, people. All of it comes from entries.

mod event;
mod facility;

pub use event::{EquipmentEvent, FacilityEvent, PersonEvent};
pub use facility::{
    Agreement, Equipment, Facility, FacilityItem, FacilityName, ItemChange, ItemKey, LinkSettings, Manufacturer,
    Person, PersonName, Role, RoleGrant, Shift, Suite, Tag, TagLimits, Tenant, Terminal,
};
