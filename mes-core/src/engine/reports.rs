//! Where a report of a closed device belongs: with the batch that it names, else with the one that has the device, else with the
//! facility. A report that was entered before is not entered again.

use std::sync::Arc;

use crate::{
    access::{Rejection, Scope},
    batch::{Batch, BatchCommand, ExportedFile},
    engine::{Engine, decide::Decision},
    id::{BatchId, EquipmentId, EquipmentRole},
    tenant::{DeviceReport, EquipmentEvent, FiledReport, REPORT_BYTES_MAX},
};

impl Engine {
    /// Enters a report; the same bytes of the same device a second time give no entry.
    pub(super) fn report(&mut self, report: DeviceReport) -> Decision {
        if !self.books.facility.equipment.contains_key(&report.equipment) {
            return Err(Rejection::not_found());
        }
        if report.bytes > REPORT_BYTES_MAX {
            let max = REPORT_BYTES_MAX >> 20;
            return Err(Rejection::new(
                "DI-04",
                format!("報告書 {} は {max} MiB を超えるため取り込めません。", report.name),
                format!("The report {} is larger than {max} MiB and cannot be taken in.", report.name),
            ));
        }
        let known = self
            .books
            .reports
            .get(&report.equipment)
            .is_some_and(|all| all.iter().any(|filed| filed.report.sha256 == report.sha256));
        if known {
            return Ok(Vec::new());
        }
        if let Some((batch, role)) = self.batch_of_report(&report) {
            let command = BatchCommand::TakeReport { role, report: Box::new(report.clone()) };
            let entries = self.system_batch("file-drop", &batch, &command);
            // What a batch does not take is the facility's: nothing that came is without an entry.
            if !entries.is_empty() {
                return Ok(entries);
            }
        }
        let who = self.system("file-drop");
        Ok(self.enter_equipment(EquipmentEvent::ReportReceived { report: Box::new(report) }, &who))
    }

    /// Enters that a report of the facility's own leaves; one that belongs to a batch leaves with an entry of that batch.
    pub(super) fn report_exported(&mut self, scope: &Scope, equipment: EquipmentId, file: ExportedFile) -> Decision {
        self.in_use(&scope.person)?;
        let own = |filed: &Arc<FiledReport>| filed.batch.is_none() && filed.report.sha256 == file.sha256;
        if !self.books.reports.get(&equipment).is_some_and(|all| all.iter().any(own)) {
            return Err(Rejection::not_found());
        }
        let who = self.who(scope, &scope.person, None, None);
        let event = EquipmentEvent::ReportExported { equipment, file, by: scope.person.clone() };
        Ok(self.enter_equipment(event, &who))
    }

    /// The batch that the report belongs to. One that names a lot is given to no other, whoever has the device now; one that names none
    /// is that of the batch that has the device, unless it was written before that batch had it: then it is another's (TEN-01).
    fn batch_of_report(&self, report: &DeviceReport) -> Option<(BatchId, EquipmentRole)> {
        let role = |batch: &Batch| {
            let mut units = batch.issued.equipment.iter();
            units.find(|(_, unit)| unit.id == report.equipment).map(|(role, _)| role.clone())
        };
        let found = match &report.lot {
            Some(lot) => self.books.batches.iter().find(|(_, batch)| batch.issued.lot == *lot),
            None if report.lot_unread => None,
            None => self.books.batch_of(&report.equipment).filter(|(_, batch)| batch.issued_at <= report.written),
        };
        let (id, batch) = found.filter(|(_, batch)| batch.disposed_at.is_none())?;
        role(batch).map(|role| (id.clone(), role))
    }
}
