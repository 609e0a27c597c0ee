//! hmi
