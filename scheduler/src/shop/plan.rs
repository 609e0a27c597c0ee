//! A plan of a shop: what runs on each machine in which order, and when. It can be stored.
//!
//! It may come from anywhere and fit no shop; `check_shop` says so.

use serde::{Deserialize, Serialize};

/// A plan of a flexible job shop. Operations are numbered as in [`ShopSpec`](crate::ShopSpec).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShopPlan {
    /// Per machine its operations in order.
    pub lines: Vec<Vec<usize>>,
    /// Per operation its start, in slots.
    pub starts: Vec<i64>,
}
