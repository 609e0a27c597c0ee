//! What the story's incubator tells after its link is back: it samples otherwise than asked, it opens its door, it raises an alarm.

use mes_core::{
    batch::BatchEvent,
    engine::{DeviceEvent, LeftOut, MessageKind, TagSampling},
};

use crate::{
    facility::{id, system},
    story::Story,
};

impl Story {
    pub(crate) fn told_by_devices(&mut self) {
        let sampling = |tag: &str, effective_us, refused: Option<&str>| TagSampling {
            tag: id(tag),
            asked_us: 1_000_000,
            effective_us,
            refused: refused.map(str::to_owned),
        };
        let tags = vec![
            sampling("temperature", Some(1_000_000), None),
            sampling("co2", Some(2_500_000), None),
            sampling("humidity", None, Some("BadFilterNotAllowed")),
        ];
        let (role, equipment) = (id("incubator"), id("INC-03"));
        self.batch(system("driver"), BatchEvent::SamplingAgreed { role, equipment, tags });
        for (message, severity, again) in
            [("door opened", 200, 0), ("CO2 supply low", 700, 0), ("CO2 supply low", 700, 41)]
        {
            let happened = DeviceEvent {
                equipment: id("INC-03"),
                source: "Gas".to_owned(),
                message: message.to_owned(),
                severity,
                source_time: Some(self.now.plus_s(-2)),
                receive_time: self.now,
            };
            self.batch(system("driver"), BatchEvent::DeviceEventReported { role: id("incubator"), happened, again });
        }
        let left_out = LeftOut { kind: MessageKind::Alarms, count: 12, since: self.now.plus_s(-600) };
        let (role, equipment) = (id("incubator"), id("INC-03"));
        self.batch(system("driver"), BatchEvent::MessagesLeftOut { role, equipment, left_out });
    }
}
