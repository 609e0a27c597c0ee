//! Every Modbus template against an image of registers: these bytes give these samples, through the whole driver.
//!
//! The images are in `templates/golden/`, one file per template, several images in a file.

use std::{collections::BTreeMap, path::Path};

use equipment_drivers::{
    DeviceConfig, DriverReport, Templates,
    template::{Protocol, Table},
};
use mes_core::{
    clock::{Clock, Timestamp},
    historian::Sample,
};
use serde::Deserialize;

use crate::{
    image::{Image, Words},
    rig::Rig,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Golden {
    /// Facility time, in Unix seconds, where the device has a clock.
    #[serde(default)]
    clock_s: Option<i64>,
    /// First address and words in hexadecimal, per table.
    registers: BTreeMap<Table, BTreeMap<u16, String>>,
    /// Expected value, or `bad` and the cause, per tag.
    samples: BTreeMap<String, String>,
}

impl Golden {
    fn words(&self) -> Words {
        let mut words = Words::new();
        for (table, runs) in &self.registers {
            for (start, run) in runs {
                for (address, word) in (*start..).zip(run.split_whitespace()) {
                    words.insert((*table, address), u16::from_str_radix(word, 16).unwrap());
                }
            }
        }
        words
    }
}

fn shown(sample: &Sample) -> String {
    match (&sample.quality.cause, &sample.value) {
        (Some(cause), _) => format!("bad {cause:?}"),
        (None, Some(value)) => value.to_string(),
        (None, None) => "nothing".to_owned(),
    }
}

async fn samples(template: &str, golden: &Golden) -> BTreeMap<String, String> {
    let (address, server) = Image::of(1, golden.words()).tcp().await;
    let clock = golden.clock_s.map_or_else(Clock::real, |s| Clock::starting_at(Timestamp::from_ms(s * 1000), 1));
    let device = DeviceConfig::new("X-01".parse().unwrap(), template, address.to_string());
    let mut rig = Rig::start(vec![device], clock, Path::new("/nowhere")).await;
    rig.online().await;
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    while !golden.samples.keys().all(|tag| seen.contains_key(tag)) {
        if let DriverReport::Samples(samples) = rig.next().await {
            seen.extend(samples.iter().map(|sample| (sample.tag.name.to_string(), shown(sample))));
        }
    }
    rig.fleet.shutdown().await;
    server.abort();
    seen
}

#[tokio::test]
async fn every_modbus_template_turns_its_golden_registers_into_the_expected_samples() {
    let templates = Templates::built_in().unwrap();
    let mut images = 0;
    for template in templates.iter().filter(|one| one.protocol == Protocol::Modbus) {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("templates/golden/{}.yaml", template.name));
        let text = std::fs::read_to_string(&file).unwrap_or_else(|_| panic!("{} has no golden image", template.name));
        for document in text.split("\n---\n") {
            let golden: Golden = serde_saphyr::from_str(document).unwrap();
            let seen = samples(&template.name, &golden).await;
            for (tag, expected) in &golden.samples {
                assert_eq!(seen.get(tag), Some(expected), "{}: {tag}", template.name);
            }
            images += 1;
        }
    }
    assert!(images >= 7, "{images}");
}
