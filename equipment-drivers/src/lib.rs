//! equipment-drivers
