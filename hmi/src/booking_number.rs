//! Short running numbers for a tenant's bookings, such as `BKG-A-0012`: easy to say on the telephone and to find again.
//!
//! A number follows on the highest one that a booking bears, so that it is unique after a restart too; within a process none
//! is handed out twice. Whether an id is free is decided in the engine, as always. A quote that nobody took leaves a gap.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use mes_core::id::TenantId;

/// The numbers handed out by this process, by the first part of the id.
#[derive(Debug, Default)]
pub(crate) struct BookingNumbers {
    handed_out: Mutex<BTreeMap<String, u64>>,
}

/// The first part of the ids of a tenant's bookings: the tenant's id without its usual beginning.
fn prefix(tenant: Option<&TenantId>) -> String {
    let short = tenant.map_or("F", |tenant| tenant.as_str().strip_prefix("TEN-").unwrap_or(tenant.as_str()));
    format!("BKG-{short}-")
}

impl BookingNumbers {
    /// The next id for a tenant, given the ids of all bookings.
    pub(crate) fn next<'a>(&self, tenant: Option<&TenantId>, known: impl Iterator<Item = &'a str>) -> String {
        let prefix = prefix(tenant);
        // A batch of a series has a number of its own behind that of the request.
        let number = |id: &str| id.strip_prefix(&prefix)?.split('-').next()?.parse::<u64>().ok();
        let highest = known.filter_map(number).max().unwrap_or(0);
        let mut handed_out = self.handed_out.lock().unwrap_or_else(PoisonError::into_inner);
        let last = handed_out.entry(prefix.clone()).or_insert(0);
        *last = (*last).max(highest).saturating_add(1);
        format!("{prefix}{:04}", *last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_run_on_per_tenant_and_after_a_restart() {
        let (a, b): (TenantId, TenantId) = ("TEN-A".parse().unwrap(), "ACME".parse().unwrap());
        let known = ["BK-001", "BKG-A-0007-2", "BKG-A-x", "BKG-ACME-0002"];
        let numbers = BookingNumbers::default();
        assert_eq!(numbers.next(Some(&a), known.into_iter()), "BKG-A-0008");
        assert_eq!(numbers.next(Some(&a), known.into_iter()), "BKG-A-0009", "none twice, booked or not");
        assert_eq!(numbers.next(Some(&b), known.into_iter()), "BKG-ACME-0003");
        assert_eq!(BookingNumbers::default().next(Some(&a), ["BKG-A-0009"].into_iter()), "BKG-A-0010");
        assert_eq!(numbers.next(None, known.into_iter()), "BKG-F-0001");
    }
}
