//! Takes in the reports of closed devices: looks into their folders, has each report entered with what its mapping reads, and moves
//! it away once the entry and the bytes are durable.
//!
//! The folder is the buffer while the process is away. Which batch a report belongs to, the engine decides; how it is read, its
//! device template says. This file holds no rule.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use equipment_drivers::{
    Template,
    file_drop::{FinishedReport, Folder, Look, read_report},
};
use mes_core::{
    clock::{Clock, Timestamp},
    engine::{Input, LinkReport, LinkState},
    id::EquipmentId,
    tenant::{DeviceReport, Equipment, Facility, LinkSettings},
};

use crate::{
    device_templates::{template_for, text_for},
    engine_task::{Sealed, Writer},
};

/// How often the folders are looked into.
const LOOK: Duration = Duration::from_secs(1);
/// What the address of a closed device begins with.
const SCHEME: &str = "file:";
/// The folder below the data folder in which the folders of devices lie that are given by name.
pub const DROP_FOLDER: &str = "drop";

/// Whether a device is a closed one: nothing is connected to, its folder is watched.
pub fn is_closed(facility: &Facility, link: &LinkSettings) -> bool {
    facility.device_template(&link.template, link.template_version).is_some_and(|known| known.protocol == "file")
}

/// The folder that the address of a closed device names: `file:NAME` below `drop/` of the data folder, or `file:///PATH`.
///
/// # Errors
/// What is wrong with it.
pub fn folder_of(address: &str, data: &Path) -> Result<PathBuf, String> {
    let form = || format!("the address of a closed device is {SCHEME}NAME or {SCHEME}///PATH, not \"{address}\"");
    let rest = address.strip_prefix(SCHEME).ok_or_else(form)?;
    if let Some(path) = rest.strip_prefix("//").filter(|path| path.starts_with('/')) {
        let path = PathBuf::from(path);
        let whole = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        // Keys and the journal lie there; nothing of it may end up in a record.
        let (inside, data) = (whole(&path), whole(data));
        if inside.starts_with(&data)
            || data.starts_with(&inside)
            || path.components().any(|one| one.as_os_str() == "..")
        {
            return Err(format!("\"{address}\" leads into the data folder; use {SCHEME}NAME or a folder elsewhere"));
        }
        return Ok(path);
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if rest.is_empty() || !rest.chars().all(plain) {
        return Err(form());
    }
    Ok(data.join(DROP_FOLDER).join(rest))
}

/// The folder of one device, and how its reports are read.
struct Watched {
    equipment: Equipment,
    template: Arc<Template>,
    folder: Folder,
}

/// The folders of all closed devices.
pub struct FileDrop {
    writer: Writer,
    clock: Clock,
    data: PathBuf,
    watched: BTreeMap<EquipmentId, Watched>,
    /// What was last said of each folder.
    said: BTreeMap<EquipmentId, LinkState>,
}

/// The writer has stopped.
struct Stopped;

impl FileDrop {
    /// Looks into no folder yet.
    pub fn new(writer: Writer, clock: Clock, data: PathBuf) -> Self {
        Self { writer, clock, data, watched: BTreeMap::new(), said: BTreeMap::new() }
    }

    /// Watches the folders of the facility in force until the writer stops.
    pub async fn run(mut self) {
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut followed: Option<Arc<Facility>> = None;
        loop {
            looks.tick().await;
            let facility = Arc::clone(&self.writer.view().facility);
            if followed.as_ref().is_none_or(|known| !Arc::ptr_eq(known, &facility)) {
                if self.follow(&facility).await.is_err() {
                    return;
                }
                followed = Some(facility);
            }
            if self.look().await.is_err() {
                return;
            }
        }
    }

    /// Watches the folders that the facility names; what did not change goes on.
    async fn follow(&mut self, facility: &Facility) -> Result<(), Stopped> {
        let closed = |unit: &&Equipment| is_closed(facility, &unit.link);
        let wanted: BTreeMap<EquipmentId, Equipment> =
            facility.equipment.values().filter(closed).map(|unit| (unit.id.clone(), unit.clone())).collect();
        self.watched.retain(|id, known| wanted.get(id) == Some(&known.equipment));
        self.said.retain(|id, _| wanted.contains_key(id));
        for (id, equipment) in wanted {
            if self.watched.contains_key(&id) {
                continue;
            }
            match watch(facility, equipment, &self.data) {
                Ok(watched) => drop(self.watched.insert(id, watched)),
                Err(reason) => self.say(&id, LinkState::Faulted(reason.clone()), reason).await?,
            }
        }
        Ok(())
    }

    /// Looks into every folder once and takes in what is finished.
    async fn look(&mut self) -> Result<(), Stopped> {
        let mut all = std::mem::take(&mut self.watched);
        let looked = tokio::task::spawn_blocking(move || {
            let now = Clock::wall();
            let looks: Vec<_> = all.iter_mut().map(|(id, watched)| (id.clone(), watched.folder.look(now))).collect();
            (all, looks)
        });
        let Ok((all, looks)) = looked.await else { return Err(Stopped) };
        self.watched = all;
        for (id, look) in looks {
            let Some(watched) = self.watched.get(&id) else { continue };
            let shown = watched.folder.path().display().to_string();
            match look {
                Err(error) => {
                    let cause = format!("the folder {shown} cannot be read ({error})");
                    self.say(&id, LinkState::Connecting, cause).await?;
                }
                Ok(Look { finished, mut left }) => {
                    for report in finished {
                        left.extend(self.take(&id, report).await?);
                    }
                    self.say_of(&id, &shown, &left).await?;
                }
            }
        }
        Ok(())
    }

    /// Has one report entered, and moves it away when that is durable. Gives why it stays, if it does.
    async fn take(&mut self, id: &EquipmentId, finished: FinishedReport) -> Result<Option<String>, Stopped> {
        let Some(watched) = self.watched.get(id) else { return Ok(None) };
        let (template, name) = (Arc::clone(&watched.template), finished.name.clone());
        let link = &watched.equipment.link;
        let read =
            tokio::task::spawn_blocking(move || (read_report(&template, &finished.name, &finished.bytes), finished));
        let Ok((content, finished)) = read.await else { return Ok(Some(format!("{name}: it cannot be read"))) };
        let report = DeviceReport {
            equipment: id.clone(),
            name: finished.name.clone(),
            sha256: finished.sha256,
            bytes: finished.bytes.len() as u64,
            written: self.in_facility_time(finished.written),
            template: link.template.clone(),
            template_version: link.template_version,
            lot: content.lot,
            lot_unread: content.lot_unread,
            values: content.values,
            problems: content.problems,
        };
        let attachments = vec![(finished.sha256, finished.bytes.clone())];
        let sealed = Sealed { attachments, ..Sealed::default() };
        match self.writer.seal(Input::Report(Box::new(report)), sealed).await {
            None => Err(Stopped),
            Some(Err(rejection)) => Ok(Some(format!("{name}: {}", rejection.said.en))),
            Some(Ok(_)) => {
                let Some(watched) = self.watched.get_mut(id) else { return Ok(None) };
                let moved = tokio::task::block_in_place(|| watched.folder.take_away(&finished));
                if let Err(error) = moved {
                    tracing::warn!(equipment = %id, file = name, %error, "a report is kept, but cannot be moved away");
                }
                Ok(None)
            }
        }
    }

    /// A time of the folder as facility time: as long ago as it was.
    fn in_facility_time(&self, written: Timestamp) -> Timestamp {
        let age_ms = Clock::system_now().since_ms(written).max(0);
        self.clock.now().plus_ms(age_ms.saturating_mul(i64::from(self.clock.rate())).saturating_neg())
    }

    async fn say_of(&mut self, id: &EquipmentId, folder: &str, left: &[String]) -> Result<(), Stopped> {
        let Some(first) = left.first() else {
            return self.say(id, LinkState::Online, format!("the folder {folder} is watched")).await;
        };
        let cause = format!("{} file(s) in {folder} are not taken in; the first is {first}", left.len());
        self.say(id, LinkState::Degraded(cause.clone()), cause).await
    }

    /// Reports the state of a folder as that of a link, when it has changed.
    async fn say(&mut self, id: &EquipmentId, state: LinkState, cause: String) -> Result<(), Stopped> {
        if self.said.get(id) == Some(&state) {
            return Ok(());
        }
        self.said.insert(id.clone(), state.clone());
        let report = LinkReport { equipment: id.clone(), state, cause, at: self.clock.now() };
        self.writer.decide(Input::Link(report)).await.map(drop).ok_or(Stopped)
    }
}

fn watch(facility: &Facility, equipment: Equipment, data: &Path) -> Result<Watched, String> {
    let path = folder_of(&equipment.link.address, data)?;
    let text = text_for(facility, &equipment.link).ok_or("its device template is not in force")?;
    let template = template_for(&equipment.link, &equipment.tags, &text).map_err(|error| error.to_string())?;
    let map = template.file.clone().ok_or("its device template does not say which files are reports")?;
    if path.starts_with(data) {
        std::fs::create_dir_all(&path)
            .map_err(|error| format!("the folder {} cannot be made ({error})", path.display()))?;
    }
    Ok(Watched { folder: Folder::new(path, map), template: Arc::new(template), equipment })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_a_name_below_drop_or_lies_outside_the_data() {
        let place = tempfile::tempdir().unwrap();
        let data = place.path().join("data");
        std::fs::create_dir_all(data.join("pki")).unwrap();
        assert_eq!(folder_of("file:CP-01", &data).unwrap(), data.join("drop/CP-01"));
        let elsewhere = place.path().join("reports");
        assert_eq!(folder_of(&format!("file://{}", elsewhere.display()), &data).unwrap(), elsewhere);
        let pki = format!("file://{}", data.join("pki").display());
        let around = format!("file://{}", place.path().display());
        let up = format!("file://{}", data.join("../data/pki").display());
        for wrong in
            ["CP-01", "file:", "file:../pki", "file:a/b", "file://host/x", "opc.tcp://h:1/", &pki, &around, &up]
        {
            let said = folder_of(wrong, &data).unwrap_err();
            assert!(said.contains(wrong), "{wrong}: {said}");
        }
    }
}
