//! Who may do what: the policies against the table of duties, segregation of duties, the walls between tenants.
#![cfg(feature = "engine")]

#[expect(dead_code, reason = "the bench is made for the tests of the batch, and used here in part")]
#[path = "../batch/bench.rs"]
mod bench;
mod duties;
mod segregation;
mod tenants;
