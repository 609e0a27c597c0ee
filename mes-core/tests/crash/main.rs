//! What survives when the process does not.

#[cfg(test)]
#[cfg(all(feature = "store", unix))]
mod sigkill;
