//! `mes serve`: a facility, until Ctrl-C or SIGTERM.

use std::{path::PathBuf, process::ExitCode, sync::Arc};

use anyhow::Context;
use clap::Args;

use super::ask::config;
use crate::{
    admin,
    app::{App, Start},
    desk::FacilityDesk,
    server,
};

/// Serve a facility.
#[derive(Debug, Args)]
pub(super) struct Serve {
    /// Configuration file of the installation
    #[arg(long, default_value = "mes.toml", value_name = "FILE")]
    config: PathBuf,
}

impl Serve {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let config = config(&self.config)?;
        // The port before the database: nothing was changed when it is in use.
        let listener = server::bind(config.listen).await?;
        let address = listener.local_addr().context("the address of the web server")?;
        let app = Arc::new(App::open(config, Start { facility_time: None, drivers: true }).await?);
        println!(
            "Serving on http://{address}/ — the facility's key has the fingerprint {}",
            app.key.public().fingerprint()
        );
        let socket = tokio::spawn(admin::listen(Arc::clone(&app)));
        let desk = Arc::new(FacilityDesk::new(Arc::clone(&app), None));
        server::serve(listener, desk, stop_signal()).await.context("the web server stopped")?;
        socket.abort();
        let _ = socket.await;
        if let Some(app) = Arc::into_inner(app) {
            app.stop().await;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Ctrl-C, or the system's request to end.
pub(super) async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}
