//! Who does what under an agreement: the one table from acts to roles and staff (REQUIREMENTS 4.4, TEN-05).
//!
//! The policies say the same in Cedar, readable by QA and exported to auditors; a test compares the two, line by line. This
//! table knows no person and no batch: segregation of duties is judged where the record is known.

use crate::{
    access::{Action, Rejection},
    clock::Timestamp,
    id::TenantId,
    tenant::{Agreement, Manufacturer, Person, Role, RoleGrant},
};

/// On whose staff somebody is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// The facility's own.
    Facility,
    /// A tenant's.
    Tenant(TenantId),
}

impl Side {
    /// On whose staff a person is.
    pub fn of(person: &Person) -> Self {
        match &person.employer {
            Some(tenant) => Self::Tenant(tenant.clone()),
            None => Self::Facility,
        }
    }
    /// Who manufactures under an agreement.
    pub fn manufacturing(agreement: &Agreement) -> Self {
        match agreement.manufacturer {
            Manufacturer::Facility => Self::Facility,
            Manufacturer::Tenant => Self::Tenant(agreement.tenant.clone()),
        }
    }
}

/// Whose staff, by the agreement, fills a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Staff {
    /// Of whoever manufactures.
    Maker,
    /// The facility's, where the facility manufactures; nobody in a leased suite.
    FacilityAsMaker,
    /// The tenant's, where the tenant manufactures in a leased suite; nobody otherwise.
    TenantAsMaker,
    /// The tenant's, whoever manufactures.
    Tenant,
    /// An auditor under a grant for the tenant; nobody's staff.
    Auditor,
}

/// The table. Production is always the manufacturer's staff. Quality is the facility's QA where the facility manufactures,
/// and the tenant's QA in either case; the facility's QA has no say in a batch of a leased suite. Release is the facility's
/// release decider, or for a leased suite the tenant's: its release decider or its QA as marketing authorisation holder.
fn rows(action: Action) -> &'static [(Role, Staff)] {
    use Action as A;
    use Role as R;
    use Staff as S;
    match action {
        A::IssueBatch | A::ReviewProduction => &[(R::Sup, S::Maker)],
        A::Execute | A::CompleteExecution => &[(R::Op, S::Maker), (R::Chk, S::Maker), (R::Sup, S::Maker)],
        A::Verify => &[(R::Chk, S::Maker), (R::Sup, S::Maker)],
        // In this order: whoever is a checker too corrects as a checker, not within the narrower limits of an operator.
        A::Correct | A::Hold => &[
            (R::Sup, S::Maker),
            (R::Chk, S::Maker),
            (R::Qa, S::FacilityAsMaker),
            (R::Tqa, S::Tenant),
            (R::Op, S::Maker),
        ],
        A::VerifyCorrection => {
            &[(R::Chk, S::Maker), (R::Sup, S::Maker), (R::Qa, S::FacilityAsMaker), (R::Tqa, S::Tenant)]
        }
        A::Restart | A::ClassifyDeviation => &[(R::Sup, S::Maker), (R::Qa, S::FacilityAsMaker), (R::Tqa, S::Tenant)],
        A::OpenDeviation | A::Remark => &[
            (R::Op, S::Maker),
            (R::Chk, S::Maker),
            (R::Sup, S::Maker),
            (R::Mm, S::Maker),
            (R::Qc, S::Maker),
            (R::Rel, S::Maker),
            (R::Eng, S::Maker),
            (R::Qa, S::FacilityAsMaker),
            (R::Tqa, S::Tenant),
        ],
        A::CloseDeviation | A::ReviewQuality | A::ReviewAuditTrail => {
            &[(R::Qa, S::FacilityAsMaker), (R::Tqa, S::Tenant)]
        }
        A::Dispose => &[(R::Rel, S::Maker), (R::Tqa, S::TenantAsMaker)],
        A::Export => &[
            (R::Sup, S::Maker),
            (R::Mm, S::Maker),
            (R::Rel, S::Maker),
            (R::Qa, S::FacilityAsMaker),
            (R::Tqa, S::Tenant),
            (R::Aud, S::Auditor),
        ],
        A::See
        | A::SeeAuditTrail
        | A::SubmitRecipe
        | A::ApproveRecipeProduction
        | A::ApproveRecipeQuality
        | A::RequestBooking
        | A::ConfirmBooking
        | A::AssessBooking
        | A::ApproveBooking
        | A::AnswerMove
        | A::AdoptPlan
        | A::ProposeChange
        | A::ApproveChange
        | A::JudgeCertificate
        | A::ConnectAgain
        | A::SeeDevices
        | A::SetCredential
        | A::ChooseLanguage
        | A::SetRate
        | A::PlantOnly => &[],
    }
}

/// Which roles, of whose staff, may do an act on a batch under an agreement. Empty for acts that are not about a batch.
pub fn roles_for(action: Action, agreement: &Agreement) -> Vec<(Role, Side)> {
    let tenant = || Side::Tenant(agreement.tenant.clone());
    rows(action)
        .iter()
        .filter_map(|(role, staff)| match (staff, agreement.manufacturer) {
            (Staff::Maker, _) => Some((*role, Side::manufacturing(agreement))),
            (Staff::FacilityAsMaker, Manufacturer::Facility) | (Staff::Auditor, _) => Some((*role, Side::Facility)),
            (Staff::TenantAsMaker, Manufacturer::Tenant) | (Staff::Tenant, _) => Some((*role, tenant())),
            (Staff::FacilityAsMaker, Manufacturer::Tenant) | (Staff::TenantAsMaker, Manufacturer::Facility) => None,
        })
        .collect()
}

/// Whether a grant is in force for a tenant's things: granted for all or for this tenant, and not past its end. An auditor is
/// granted tenants by name only (SOD-13).
pub fn grant_covers(grant: &RoleGrant, tenant: &TenantId, now: Timestamp) -> bool {
    let named = grant.tenant.as_ref() == Some(tenant);
    let whole = grant.tenant.is_none() && grant.role != Role::Aud;
    (named || whole) && grant.until.is_none_or(|until| now < until)
}

/// The role in which a person may do an act on a batch under an agreement, now: the first in the table's order.
///
/// # Errors
/// The roles that would be needed.
pub fn role_of(person: &Person, action: Action, agreement: &Agreement, now: Timestamp) -> Result<Role, Rejection> {
    let side = Side::of(person);
    let held = |role| person.roles.iter().any(|g| g.role == role && grant_covers(g, &agreement.tenant, now));
    let rows = roles_for(action, agreement);
    let found = rows.iter().find(|(role, of)| person.active && *of == side && held(*role));
    found.map(|(role, _)| *role).ok_or_else(|| needed(action, agreement))
}

/// The refusal that names the roles an act needs under an agreement.
pub fn needed(action: Action, agreement: &Agreement) -> Rejection {
    let rows = roles_for(action, agreement);
    let name = |side: &Side| match side {
        Side::Facility => ("施設".to_owned(), "facility".to_owned()),
        Side::Tenant(tenant) => (format!("入居者 {tenant}"), format!("tenant {tenant}")),
    };
    let list = |ja: bool| {
        let one = |(role, side): &(Role, Side)| {
            let (in_ja, in_en) = name(side);
            if ja { format!("{}({in_ja})", role_name(*role).0) } else { format!("{} ({in_en})", role_name(*role).1) }
        };
        rows.iter().map(one).collect::<Vec<_>>().join(if ja { "・" } else { ", " })
    };
    let title = action.title();
    if rows.is_empty() {
        return Rejection::new(
            "P11-11",
            format!("「{}」の権限がありません。必要なら担当者に依頼してください。", title.ja),
            format!("You may not {}. Ask somebody whose role allows it.", title.en),
        );
    }
    Rejection::new(
        "P11-11",
        format!("「{}」ができる役割は {} です。その役割の人に依頼してください。", title.ja, list(true)),
        format!("To {}, one of these roles is needed: {}. Ask a person who has it.", title.en, list(false)),
    )
}

/// A role's name in Japanese and English.
pub fn role_name(role: Role) -> (&'static str, &'static str) {
    match role {
        Role::Op => ("作業者", "operator"),
        Role::Chk => ("確認者", "second checker"),
        Role::Sup => ("製造部門責任者", "production supervisor"),
        Role::Mm => ("製造管理者", "manufacturing manager"),
        Role::Qa => ("品質保証", "quality assurance"),
        Role::Qc => ("試験検査", "testing"),
        Role::Rel => ("出荷判定者", "release decider"),
        Role::Tpl => ("入居者計画担当", "tenant planner"),
        Role::Tqa => ("入居者品質保証", "tenant quality assurance"),
        Role::Aud => ("調査員・監査員", "auditor"),
        Role::Fad => ("設備管理担当者", "facility administrator"),
        Role::Sys => ("システム管理者", "system administrator"),
        Role::Eng => ("保全", "maintenance"),
    }
}

/// The first pair of roles that one person may not hold at the same time (SOD-07, SOD-16): administration with any GMP role, and
/// production with quality or release for the same tenant. Checked when a change of the facility is proposed and approved.
pub fn forbidden_pair(grants: &[RoleGrant]) -> Option<(Role, Role)> {
    let admin = |role| matches!(role, Role::Sys | Role::Fad);
    let production = |role| matches!(role, Role::Op | Role::Chk | Role::Sup);
    let quality = |role| matches!(role, Role::Qa | Role::Rel | Role::Tqa);
    let same = |a: &RoleGrant, b: &RoleGrant| a.tenant.is_none() || b.tenant.is_none() || a.tenant == b.tenant;
    let clash = |a: &RoleGrant, b: &RoleGrant| {
        (admin(a.role) && (production(b.role) || quality(b.role)))
            || (production(a.role) && quality(b.role) && same(a, b))
            || (a.role == Role::Aud && b.role != Role::Aud)
    };
    let pairs = grants.iter().flat_map(|a| grants.iter().map(move |b| (a, b)));
    pairs.filter(|(a, b)| clash(a, b)).map(|(a, b)| (a.role, b.role)).next()
}

/// As [`forbidden_pair`], said about a person.
///
/// # Errors
/// The pair, and what to do.
pub fn check_roles(person: &Person) -> Result<(), Rejection> {
    let Some((one, other)) = forbidden_pair(&person.roles) else { return Ok(()) };
    let (one, other) = (role_name(one), role_name(other));
    Err(Rejection::new(
        "SOD-16",
        format!(
            "{} に「{}」と「{}」を同時に与えられません。別の人に割り当ててください。",
            person.name.full(),
            one.0,
            other.0
        ),
        format!(
            "{} cannot hold the roles {} and {} at the same time. Give one of them to another person.",
            person.name.full(),
            one.1,
            other.1
        ),
    )
    .about("roles"))
}
