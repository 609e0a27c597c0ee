//! Who does what for a tenant in the facility file of the tests.

use mes_core::id::TenantId;

/// The people of one tenant's batches, by what they do.
#[derive(Debug, Clone, Copy)]
pub struct Team {
    /// Asks for capacity.
    pub planner: &'static str,
    /// Issues and reviews for production.
    pub supervisor: &'static str,
    /// Performs.
    pub operator: &'static str,
    /// Second person.
    pub checker: &'static str,
    /// Deals with deviations, exports.
    pub quality: &'static str,
    /// Reviews the audit trail and the batch for quality.
    pub reviewer: &'static str,
    /// Decides on release.
    pub releaser: &'static str,
}

impl Team {
    /// The people of tenant A's batches: the facility manufactures.
    pub const A: Self = Self {
        planner: "aoki",
        supervisor: "tanaka",
        operator: "sato",
        checker: "takahashi",
        quality: "watanabe",
        reviewer: "mori",
        releaser: "yamamoto",
    };
    /// The people of tenant B's batches: the tenant manufactures.
    pub const B: Self = Self {
        planner: "baba",
        supervisor: "bessho",
        operator: "bando",
        checker: "beppu",
        quality: "bito",
        reviewer: "bekki",
        releaser: "bito",
    };

    /// The people of a tenant's batches.
    pub fn of(tenant: &TenantId) -> Self {
        if tenant.as_str() == "TEN-A" { Self::A } else { Self::B }
    }
}
