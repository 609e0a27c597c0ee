//! The record, its exports and the verifier, tried on a realistic little batch.

#[cfg(test)]
mod evidence;
#[cfg(test)]
mod facility;
#[cfg(test)]
mod pdf;
#[cfg(test)]
mod record;
#[cfg(test)]
mod report;
#[cfg(test)]
mod story;
#[cfg(test)]
mod story_booking;
#[cfg(test)]
mod story_device;
#[cfg(test)]
mod verify;
