//! The scheduler's claims about flexible job shops, one file per claim.

#[cfg(test)]
mod draw;
#[cfg(test)]
mod plans;
#[cfg(test)]
mod public_shops;
#[cfg(test)]
mod small_shops;
#[cfg(test)]
mod text;
