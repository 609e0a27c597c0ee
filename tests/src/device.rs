//! A piece of equipment as the tests hold it: its plug, its power, its faults.

use equipment_drivers::{Fault, SimHandle};
use mes_core::{
    engine::{LinkState, Reading, View},
    id::{EquipmentId, TagId},
};

use crate::facility::Facility;

/// A device.
pub struct Device<'f> {
    facility: &'f Facility,
    id: EquipmentId,
}

impl<'f> Device<'f> {
    pub(crate) fn new(facility: &'f Facility, id: EquipmentId) -> Self {
        Self { facility, id }
    }
    fn unit(&self) -> &'f SimHandle {
        self.facility.plant.unit(&self.id).unwrap_or_else(|| panic!("there is no device {}", self.id))
    }
    /// Pulls the network plug.
    pub async fn unplug(&self) {
        self.unit().set_fault(Fault::Drop).await.unwrap();
    }
    /// Makes it misbehave.
    pub async fn fault(&self, fault: Fault) {
        self.unit().set_fault(fault).await.unwrap();
    }
    /// Puts the plug back and ends every misbehaviour.
    pub async fn clear(&self) {
        self.unit().clear().await.unwrap();
    }
    /// Kills its server; what it controls lives on.
    pub async fn kill(&self) {
        self.unit().stop().await.unwrap();
    }
    /// Starts its server again.
    pub async fn revive(&self) {
        self.unit().start().await.unwrap();
    }
    fn tag(&self, name: &str) -> TagId {
        TagId::new(self.id.clone(), name.parse().unwrap())
    }
    /// Awaits that its link stands so.
    pub async fn until_link(&self, what: &str, mut fits: impl FnMut(&LinkState) -> bool) {
        let seen = |view: &View| view.links.get(&self.id).is_some_and(|link| fits(&link.state));
        self.facility.until_true(&format!("{}: {what}", self.id), seen).await;
    }
    /// Awaits that its link is up.
    pub async fn until_online(&self) {
        self.until_link("link on line", |state| *state == LinkState::Online).await;
    }
    /// Awaits a reading of one of its tags.
    pub async fn until_reading(&self, name: &str, what: &str, mut fits: impl FnMut(&Reading) -> bool) -> Reading {
        let tag = self.tag(name);
        let seen = |view: &View| view.readings.get(&tag).filter(|reading| fits(reading)).cloned();
        self.facility.until(&format!("{tag}: {what}"), seen).await
    }
    /// Awaits a good value of one of its tags, as a number.
    pub async fn value(&self, name: &str) -> f64 {
        let reading = self.until_reading(name, "a good value", |reading| reading.sample.quality.is_good()).await;
        reading.sample.value.and_then(|value| value.to_f64()).unwrap()
    }
}
