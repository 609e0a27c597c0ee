//! Binds the port and serves the pages until told to stop.

use std::{future::Future, net::SocketAddr, sync::Arc};

use tokio::net::TcpListener;

use crate::web::{self, AppState, port::Desk};

/// Why the web server did not start.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address cannot be taken.
    #[error("{address} cannot be opened for the web server: {source}; stop what uses it, or choose another port")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// Takes the address.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, ServerError> {
    TcpListener::bind(address).await.map_err(|source| ServerError::Bind { address, source })
}

/// Serves pages for a desk until `stop`.
pub async fn serve(
    listener: TcpListener,
    desk: Arc<dyn Desk>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let state = AppState::new(desk, false);
    let router = web::router(state.clone());
    let stop = async move {
        stop.await;
        state.close();
    };
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service).with_graceful_shutdown(stop).await
}
