//! Who may do what: the policies against the table of duties, segregation of duties, the walls between tenants.
#![cfg(feature = "engine")]

#[cfg(test)]
#[expect(dead_code, reason = "the bench is made for the tests of the batch, and used here in part")]
#[path = "../batch/bench.rs"]
mod bench;
#[cfg(test)]
mod duties;
#[cfg(test)]
mod segregation;
#[cfg(test)]
mod tenants;
