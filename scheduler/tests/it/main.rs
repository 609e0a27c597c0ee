//! The scheduler's claims about whole plans, one file per claim. What a single module does is
//! tested beside it.

#[cfg(test)]
mod public_instances;
