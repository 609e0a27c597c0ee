//! The scheduler's claims about whole plans, one file per claim. What a single module does is
//! tested beside it.

#[cfg(test)]
mod draw;
#[cfg(test)]
mod facility_2;
#[cfg(test)]
mod people;
#[cfg(test)]
mod public_instances;
#[cfg(test)]
mod quotes;
#[cfg(test)]
mod random_plans;
#[cfg(test)]
mod replans;
#[cfg(test)]
mod running_facility;
#[cfg(test)]
mod searches;
#[cfg(test)]
mod specifications;
#[cfg(test)]
mod views;
#[cfg(test)]
mod violations;
