//! The way of the story's booking: requested and held, assessed, approved, confirmed, moved by a plan.

use mes_core::{
    access::{Meaning, Subject},
    booking::{
        BookingEvent, BookingStep, BookingWindow, Infection, Regime, RiskAnswer, RiskAssessment, RiskQuestion, Stated,
    },
    id::BookingId,
    journal::Event,
    quantity::Bilingual,
    tenant::Role,
};

use crate::{
    facility::{QA, SUP, Staff, id, person, tenant},
    story::Story,
};

impl Story {
    /// From the request of a window to its confirmation.
    pub(crate) fn booked(&mut self, window: BookingWindow) {
        let planner: Staff = ("mori", "森 彩 (Mori Aya)", Role::Tpl);
        let admin: Staff = ("kato", "加藤 亮 (Kato Ryo)", Role::Fad);
        let moved = BookingWindow { until: window.until.plus_s(3_600), ..window.clone() };
        self.of_booking(
            planner,
            BookingEvent::Requested {
                booking: id("BK-0001"),
                tenant: id("TEN-A"),
                product: id("MSC-100"),
                recipe: id("MBR-MSC-001-S"),
                version: 3,
                window: window.clone(),
                by: id("mori"),
            },
        );
        let stated =
            Stated { regime: Regime::Gctp, open_handling: false, infection: Infection::Negative, patient_date: None };
        self.of_booking(
            planner,
            BookingEvent::Held {
                booking: id("BK-0001"),
                until: window.until,
                request: id("BK-0001"),
                position: 1,
                of: 1,
                stated,
                text: Some("液体窒素容器で輸送 shipped in a dry shipper".into()),
            },
        );
        let answers = RiskQuestion::ALL.map(|question| (question, RiskAnswer::Satisfied));
        let assessed = BookingEvent::RiskAssessed {
            booking: id("BK-0001"),
            assessment: RiskAssessment { answers: answers.into(), acceptable: true },
            signature: self.step(SUP, BookingStep::RiskAssessment),
            text: Some("閉鎖系 closed system".into()),
        };
        self.of_booking(SUP, assessed);
        let approved =
            BookingEvent::Approved { booking: id("BK-0001"), signature: self.step(QA, BookingStep::Approval) };
        self.of_booking(QA, approved);
        let signature = Some(self.step(admin, BookingStep::Confirmation));
        self.of_booking(admin, BookingEvent::Confirmed { booking: id("BK-0001"), by: id("kato"), signature });
        self.asked_to_move(planner, admin, (&window, &moved));
        let plan = id("PLN-1");
        self.of_booking(admin, BookingEvent::Moved { booking: id("BK-0001"), old: window, window: moved, plan });
    }

    /// Four proposals of a move: nobody answered, the tenant refused, no longer needed, and the tenant's consent.
    fn asked_to_move(&mut self, planner: Staff, admin: Staff, (old, window): (&BookingWindow, &BookingWindow)) {
        let booking: BookingId = id("BK-0001");
        let due = window.from;
        let proposed = || BookingEvent::MoveProposed {
            booking: booking.clone(),
            old: old.clone(),
            window: window.clone(),
            reason: Bilingual::new("空きがなくなったため", "no capacity of this kind any more"),
            until: due,
            by: id("kato"),
        };
        self.of_booking(admin, proposed());
        self.of_booking(admin, BookingEvent::MoveLapsed { booking: booking.clone(), due, noticed: due });
        self.of_booking(admin, proposed());
        let text = Some("患者の予定 the patient's date".into());
        self.of_booking(planner, BookingEvent::MoveRefused { booking: booking.clone(), by: id("mori"), text });
        self.of_booking(admin, proposed());
        self.of_booking(admin, BookingEvent::MoveWithdrawn { booking: booking.clone(), plan: id("PLN-0") });
        self.of_booking(admin, proposed());
        let signature = self.step(planner, BookingStep::Consent);
        self.of_booking(planner, BookingEvent::MoveAccepted { booking, signature });
    }

    fn step(&mut self, by: Staff, step: BookingStep) -> mes_core::access::Signature {
        let meaning = if step == BookingStep::RiskAssessment { Meaning::Reviewed } else { Meaning::Approved };
        self.signature(by, meaning, Subject::Booking(id("BK-0001"), step), &["booking"])
    }

    fn of_booking(&mut self, by: Staff, event: BookingEvent) {
        self.record(tenant(), "booking:BK-0001", person(by), Event::Booking(event));
    }
}
