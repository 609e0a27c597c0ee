//! Pages, their session and their live stream. A handler parses, sends and renders; no rule lives here.

pub mod port;

use std::sync::Arc;

use port::Desk;

/// What every handler is given.
#[derive(Clone)]
pub struct AppState {
    /// The running facility.
    pub desk: Arc<dyn Desk>,
}

impl AppState {
    /// Pages over a running facility.
    pub fn new(desk: Arc<dyn Desk>) -> Self {
        Self { desk }
    }
}

/// All routes over a running facility.
pub fn router(state: AppState) -> axum::Router {
    axum::Router::new().with_state(state)
}
