//! The facility as it is in force: tenants, agreements, suites, equipment, people. All of it comes from entries.

pub mod decide;
mod decide_device;
mod device;
mod event;
mod facility;
mod loader;
mod plan;
mod report;

pub use decide_device::{connect_again, judge_certificate};
pub use device::{
    DeviceTemplate, LinkSecurity, LinkSettings, SecurityMode, SecurityPolicy, TEMPLATE_BYTES_MAX, TemplateMark,
    TemplateReadError, TemplateTag, UserToken,
};
pub use event::{DeviceCertificate, EquipmentEvent, FacilityEvent, PersonEvent};
pub use facility::{
    Agreement, Equipment, Facility, FacilityItem, FacilityName, ItemChange, ItemKey, Manufacturer, Person, PersonName,
    Role, RoleGrant, Shift, Suite, Tag, TagLimits, TagState, Tenant, Terminal,
};
pub use loader::{FACILITY_BYTES_MAX, FacilityReadError, read_facility};
pub use plan::difference;
pub use report::{DeviceReport, FiledReport, REPORT_BYTES_MAX, REPORT_TEXT_MAX, ReportedValue};
