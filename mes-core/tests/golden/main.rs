//! The golden journals and chunks: what every version of this software must be able to read.

#[cfg(test)]
mod chunks;
#[cfg(test)]
mod events;
#[cfg(test)]
mod replay;
