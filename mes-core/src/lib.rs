//! mes-core
