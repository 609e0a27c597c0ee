//! Files of `mes schedule`: reading them, packed or not, and telling what they are.
//!
//! It opens files and names them in errors; what their text means is the scheduler's to say.

use std::{io::Read, path::Path};

use anyhow::{Context, bail};
use clap::ValueEnum;
use flate2::read::MultiGzDecoder;
use scheduler::{
    Plan, Problem, Project, Shop, read_facility, read_facility2, read_plan, read_solution, write_plan, write_solution,
};

/// The first bytes of a gzip file.
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// Most bytes of a file, unpacked: some twenty times the largest instance known.
const BYTES_MAX: u64 = 256 * 1024 * 1024;

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// A facility: tenants, suites, people, equipment, batches (JSON with a schema)
    Facility,
    /// A flexible job shop, with or without set-up times (.fjs, .txt)
    JobShop,
    /// A project, with one mode or several (.sm, .mm)
    Psplib,
    /// A project (.rcp)
    Patterson,
    /// A project with least and most lags (.sch)
    ProgenMax,
}

impl Format {
    /// The family of problems, as results name it.
    pub(super) const fn family(self) -> &'static str {
        match self {
            Self::Facility => "facility",
            Self::JobShop => "fjsp",
            Self::Psplib | Self::Patterson => "rcpsp",
            Self::ProgenMax => "rcpsp-max",
        }
    }
}

/// The family of a shop, as results name it.
pub(super) fn shop_family(shop: &Shop) -> &'static str {
    if shop.has_setups() { "fjsp-setup" } else { Format::JobShop.family() }
}

/// The family of a project, as results name it: by its modes, else by its format.
pub(super) fn project_family(project: &Project, format: Format) -> &'static str {
    let several = project.spec().activities.iter().any(|activity| activity.modes.len() > 1);
    if several { "mmrcpsp" } else { format.family() }
}

/// Name of an instance whose text has none: the file's, without its ending.
pub(super) fn name(path: &Path) -> String {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    name.split('.').next().unwrap_or_default().to_owned()
}

/// The text of a file; of what is in it, when it is packed with gzip.
pub(super) fn text(path: &Path) -> anyhow::Result<String> {
    let name = path.display();
    let bytes = std::fs::read(path).with_context(|| format!("{name} cannot be read"))?;
    let mut text = Vec::new();
    if bytes.starts_with(&GZIP) {
        let mut packed = MultiGzDecoder::new(bytes.as_slice()).take(BYTES_MAX + 1);
        packed.read_to_end(&mut text).with_context(|| format!("{name} cannot be unpacked; pack it again with gzip"))?;
    } else {
        text = bytes;
    }
    if text.len() as u64 > BYTES_MAX {
        bail!("{name} holds more than {} MB; split the problem", BYTES_MAX / (1024 * 1024));
    }
    String::from_utf8(text).with_context(|| format!("{name} is not text in UTF-8; write it as such"))
}

/// A file read as JSON of a kind, with line and column of what is wrong.
pub(super) fn json<T: serde::de::DeserializeOwned>(path: &Path, text: &str) -> anyhow::Result<T> {
    serde_json::from_str(text).with_context(|| format!("{} is not as expected", path.display()))
}

/// What the file is, by its name and its first characters.
pub(super) fn format(path: &Path, text: &str) -> anyhow::Result<Format> {
    let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let name = name.trim_end_matches(".gz");
    match name.rsplit('.').next().unwrap_or_default() {
        "json" => Ok(Format::Facility),
        "fjs" | "txt" => Ok(Format::JobShop),
        "sm" | "mm" => Ok(Format::Psplib),
        "rcp" => Ok(Format::Patterson),
        "sch" => Ok(Format::ProgenMax),
        _ if text.trim_start().starts_with('{') => Ok(Format::Facility),
        _ if text.contains("PRECEDENCE RELATIONS") => Ok(Format::Psplib),
        _ => bail!("{}: neither its name nor its text says what it is; name it with --format", path.display()),
    }
}

/// The two formats of a facility: what a plan is written as depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Schema {
    /// The public benchmark format: numbers for ids, plans as solutions.
    Facility1,
    /// The format of the running system: ids as text, plans by id.
    Facility2,
}

#[derive(serde::Deserialize)]
struct Head {
    schema: String,
}

/// A facility instance.
pub(super) struct Facility {
    pub(super) schema: Schema,
    pub(super) problem: Problem,
}

impl Facility {
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        Self::read(path, &text(path)?)
    }

    pub(super) fn read(path: &Path, text: &str) -> anyhow::Result<Self> {
        let at = || path.display().to_string();
        let head: Head = json(path, text)?;
        let (schema, spec) = match head.schema.as_str() {
            "facility-2" => (Schema::Facility2, read_facility2(text).with_context(at)?),
            _ => (Schema::Facility1, read_facility(text).with_context(at)?),
        };
        Ok(Self { schema, problem: Problem::new(&spec).with_context(at)? })
    }

    /// Reads a plan of this instance. It may break rules.
    pub(super) fn plan(&self, path: &Path) -> anyhow::Result<Plan> {
        let text = text(path)?;
        let at = || path.display().to_string();
        match self.schema {
            Schema::Facility1 => read_solution(&self.problem, &text).with_context(at),
            Schema::Facility2 => read_plan(&text).with_context(at)?.resolve(&self.problem).with_context(at),
        }
    }

    /// A plan as it is written to a file.
    pub(super) fn written(&self, plan: &Plan) -> anyhow::Result<String> {
        written(self.schema, &self.problem, plan)
    }
}

/// A plan of a problem as it is written to a file.
pub(super) fn written(schema: Schema, problem: &Problem, plan: &Plan) -> anyhow::Result<String> {
    let at = || format!("writing a plan of {}", problem.name());
    match schema {
        Schema::Facility1 => write_solution(problem, plan).with_context(at),
        Schema::Facility2 => write_plan(&plan.named(problem)).with_context(at),
    }
}

/// Writes a file whole.
pub(super) fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))
}
