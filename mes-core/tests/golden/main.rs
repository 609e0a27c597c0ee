//! The golden journals: what every version of this software must be able to read.

#[cfg(test)]
mod events;
#[cfg(test)]
mod replay;
