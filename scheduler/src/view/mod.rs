//! A plan as people see it: as a picture, with the reason of each start, with weekdays and times of
//! day. It changes nothing and knows no screen.

pub(crate) mod explain;
pub(crate) mod gantt;
pub(crate) mod when;

pub use explain::{Explanation, Hold, TenantHold, explain};
pub use gantt::{GanttView, GanttWords, gantt};
