//! The 31 sections that an auditor expects (REQUIREMENTS 4.1), in order. Each file answers for the rows it names.
//!
//! A section only says what entries say. One that has nothing to say prints 該当なし / not applicable, with the reason.

mod automation;
mod deviation;
mod device;
mod execution;
mod integrity;
mod issue;
mod material;
mod people;
mod place;
pub(crate) mod report;
mod review;

use crate::{document::Section, source::Source, trend::Trend};

/// Which sections tell of which event type; a type without a section says why. `tests/completeness.rs` holds this list
/// against every event type there is.
pub const COVERAGE: &[(&str, &[u8], &str)] = &[
    ("batch.issued", &[1, 2, 3, 4, 6, 7, 8], ""),
    ("batch.phase_started", &[5, 15, 21], ""),
    ("batch.item_recorded", &[6, 8, 11, 12, 16], ""),
    ("batch.item_corrected", &[11, 23], ""),
    ("batch.write_requested", &[11, 15], ""),
    ("batch.write_resolved", &[11, 15], ""),
    ("batch.condition_met", &[11, 15], ""),
    ("batch.limit_returned", &[19], ""),
    ("batch.link_changed", &[19], ""),
    ("batch.report_received", &[15, 31], ""),
    ("batch.sampling_agreed", &[19], ""),
    ("batch.device_event_reported", &[19], ""),
    ("batch.messages_left_out", &[19], ""),
    ("batch.signed", &[14], ""),
    ("batch.signature_rejected", &[14], ""),
    ("batch.phase_completed", &[5], ""),
    ("batch.state_changed", &[20], ""),
    ("batch.commented", &[20], ""),
    ("batch.late_entered", &[23], ""),
    ("batch.deviation_opened", &[19, 22], ""),
    ("batch.deviation_classified", &[22], ""),
    ("batch.deviation_closed", &[22], ""),
    ("batch.execution_completed", &[5], ""),
    ("batch.audit_trail_reviewed", &[27], ""),
    ("batch.reviewed", &[27], ""),
    ("batch.released", &[28, 30], ""),
    ("batch.rejected", &[28, 30], ""),
    ("batch.exported", &[31], ""),
    ("samples.sealed", &[17, 30], ""),
    ("samples.facility_sealed", &[], "no batch occupied the equipment then"),
    ("booking.requested", &[4], ""),
    ("booking.confirmed", &[4], ""),
    ("booking.batch_issued", &[4], ""),
    ("booking.held", &[4], ""),
    ("booking.risk_assessed", &[4], ""),
    ("booking.approved", &[4], ""),
    ("booking.moved", &[4], ""),
    ("booking.move_proposed", &[4], ""),
    ("booking.move_accepted", &[4], ""),
    ("booking.move_refused", &[4], ""),
    ("booking.move_lapsed", &[4], ""),
    ("booking.move_withdrawn", &[4], ""),
    ("booking.lapsed", &[], "a lapsed booking has no batch"),
    ("booking.offered", &[], "a quote binds nobody; the booking it led to is in section 4"),
    ("plan.adopted", &[], "the facility's plan is of all tenants; what it moved of this booking is in section 4"),
    ("booking.quoted", &[], "a quote binds nobody; the booking it led to is in section 4"),
    ("booking.refused", &[], "a refused booking has no batch"),
    ("booking.withdrawn", &[], "a withdrawn booking has no batch"),
    ("recipe.submitted", &[3], ""),
    ("recipe.approved", &[3], ""),
    ("journal.opened", &[30], ""),
    ("journal.started", &[30], ""),
    ("journal.rate_changed", &[30], ""),
    ("equipment.link_changed", &[], "a change of a link during the batch is an entry of the batch: section 19"),
    ("equipment.report_received", &[], "it names no batch; one that does is an entry of that batch: section 15"),
    ("equipment.sampling_agreed", &[], "what was agreed for the batch is an entry of the batch: section 19"),
    ("equipment.event_reported", &[], "an event during the batch is an entry of the batch: section 19"),
    ("equipment.messages_left_out", &[], "what was left out during the batch is an entry of the batch: section 19"),
    ("equipment.connect_asked", &[], "what became of it during the batch is a change of the link: section 19"),
    ("equipment.certificate_ends", &[], "a warning ahead of time; a link that failed for it is in section 19"),
    ("equipment.report_exported", &[], "a report that belongs to no batch"),
    ("equipment.samples_exported", &[], "samples that belong to no batch"),
    (
        "equipment.certificate_judged",
        &[],
        "whom the facility trusts is no batch's; a link that failed for it is in section 19",
    ),
    ("facility.change_proposed", &[], "what the batch was issued with is frozen in its issue: sections 6 and 7"),
    ("facility.change_approved", &[], "what the batch was issued with is frozen in its issue: sections 6 and 7"),
    ("person.logged_in", &[], "belongs to the person's account, not to a batch"),
    ("person.logged_out", &[], "belongs to the person's account, not to a batch"),
    ("person.credential_refused", &[], "belongs to the person's account, not to a batch"),
    ("person.refused", &[], "a refused command changed nothing; it belongs to the person's account"),
    ("person.credential_set", &[], "belongs to the person's account, not to a batch"),
    ("person.language_chosen", &[], "belongs to the person's account, not to a batch"),
];

/// All sections, rows 1 to 31.
pub(crate) fn all(source: &Source, trends: &[Trend]) -> Vec<Section> {
    vec![
        issue::product(source),
        issue::lot(source),
        issue::recipe(source),
        issue::order(source),
        execution::times(source),
        place::suite(source),
        place::equipment(source),
        material::starting_cells(source),
        material::materials(),
        material::packaging(),
        execution::instructions(source),
        execution::in_process(source),
        material::sampling(),
        people::signatures(source),
        automation::checkers(source),
        execution::yields(source),
        automation::trends(trends),
        place::environment(),
        automation::alarms(source),
        automation::stoppages(source),
        execution::hold_times(source),
        deviation::deviations(source),
        deviation::corrections(source),
        place::cleaning(),
        material::cryo(),
        material::shipping(),
        review::reviews(source),
        review::disposition(source),
        people::workforce(source),
        integrity::integrity(source),
        integrity::completeness(source),
    ]
}
