//! The one integration binary. Add a file here and a line below; a second binary would link everything twice.

#[cfg(test)]
mod consent;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod devices;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod file_drop;
#[cfg(test)]
mod gateway;
#[cfg(test)]
mod lifecycle;
#[cfg(test)]
mod package;
#[cfg(test)]
mod protocol;
#[cfg(test)]
mod replay;
#[cfg(test)]
mod signature;
#[cfg(test)]
mod tamper;
#[cfg(test)]
mod tenancy;
#[cfg(test)]
mod tidy;
#[cfg(test)]
mod told;
#[cfg(test)]
mod wrong_input;

/// The real program, built beside this binary.
#[cfg(test)]
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_mes-under-test");
