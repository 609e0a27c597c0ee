//! batch-records
