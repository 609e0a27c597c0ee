//! `mes device`: the device templates that come with the program, and drafts of new ones from what a server offers.

use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand};

use super::browse;
use crate::device_templates::offered;

/// Device templates: those that come with the program, and drafts of new ones.
#[derive(Debug, Args)]
pub(super) struct Device {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List the templates, or print one as it would stand in a facility file
    Templates {
        /// Which one to print
        name: Option<String>,
    },
    /// Browse an OPC UA server into the draft of a device template
    Browse(browse::Browse),
}

impl Device {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let name = match self.what {
            What::Templates { name } => name,
            What::Browse(browse) => return browse.run().await,
        };
        let Some(name) = name else {
            for template in offered() {
                println!(
                    "{:<24} v{:<4} {:<12} {}",
                    template.name, template.version, template.protocol, template.summary
                );
            }
            return Ok(ExitCode::SUCCESS);
        };
        let Some(template) = offered().find(|template| template.name == name) else {
            let known: Vec<String> = offered().map(|template| template.name).collect();
            bail!("there is no device template \"{name}\"; known are: {}", known.join(", "));
        };
        print!("{}", fragment(&template.yaml));
        Ok(ExitCode::SUCCESS)
    }
}

/// A template's text as an item of a facility file.
fn fragment(text: &str) -> String {
    let lines = text.lines().map(|line| if line.is_empty() { "\n".to_owned() } else { format!("      {line}\n") });
    format!("device_templates:\n  - text: |\n{}", lines.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device_templates::read_file;

    #[test]
    fn what_is_printed_can_be_pasted_into_a_facility_file() {
        for template in offered() {
            let items = read_file(&fragment(&template.yaml)).unwrap();
            let expected = mes_core::tenant::FacilityItem::DeviceTemplate(Box::new(template));
            assert_eq!(items, [expected]);
        }
    }
}
