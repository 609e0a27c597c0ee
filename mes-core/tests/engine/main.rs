//! The engine as its caller sees it: inputs in, entries and effects out.
#![cfg(feature = "engine")]

#[cfg(test)]
mod bench;
#[cfg(test)]
mod booking_steps;
#[cfg(test)]
mod bookings;
#[cfg(test)]
mod consents;
#[cfg(test)]
mod devices;
#[cfg(test)]
mod facility;
#[cfg(test)]
mod one_batch;
#[cfg(test)]
mod plans;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod replay;
#[cfg(test)]
mod reports;
#[cfg(test)]
mod restart;
#[cfg(test)]
mod view;
