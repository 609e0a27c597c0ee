//! `mes demo`: a whole facility on this machine; with `--headless`, two batches to release and their packages.

use std::{net::SocketAddr, path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use anyhow::Context;
use clap::Args;
use mes_core::{batch::Lifecycle, id::BatchId};

use super::serve::stop_signal;
use crate::{
    admin,
    app::App,
    config::Config,
    demo::{self, Demo as Stage, Options},
    desk::FacilityDesk,
    packaging, server,
    web::port::unwatched,
};

/// How long a headless demo may take, in seconds of wall time.
const HEADLESS_MAX_S: u64 = 600;

/// Run a whole demo facility on this machine.
#[derive(Debug, Args)]
pub(super) struct Demo {
    /// Port of the web server on this machine
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// Folder for the demo's data; a new temporary one when missing
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// No web server: scripted people bring the batches to release, then their packages are written
    #[arg(long, requires = "out")]
    headless: bool,
    /// How many batches
    #[arg(long, default_value_t = 2)]
    batches: u32,
    /// With --headless: folder for the packages and facility.pub
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Demo {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let listen = SocketAddr::from(([127, 0, 0, 1], self.port));
        // The port first: nothing is started when it is in use.
        let listener =
            if self.headless { None } else { Some(server::bind(listen).await.context("try mes demo --port 8090")?) };
        let data = match &self.data {
            Some(data) => data.clone(),
            None => std::env::temp_dir().join(format!("mes-demo-{}", std::process::id())),
        };
        eprintln!("Setting the stage in {} …", data.display());
        let options = Options { data: data.clone(), listen, batches: self.batches, viewer: !self.headless };
        let (app, stage) = demo::set_up(&options).await?;
        let colleagues = tokio::spawn(demo::run_colleagues(Arc::clone(&stage), Arc::clone(&app)));
        let done = match (listener, &self.out) {
            (None, Some(out)) => headless(&app, out, HEADLESS_MAX_S).await,
            (Some(listener), _) => serve(listener, &app, &stage).await,
            (None, None) => anyhow::bail!("--headless needs --out DIR"),
        };
        colleagues.abort();
        let _ = colleagues.await;
        drop(stage);
        if let Some(app) = Arc::into_inner(app) {
            app.stop().await;
        }
        if self.data.is_none() {
            std::fs::remove_dir_all(&data).with_context(|| format!("{} could not be removed", data.display()))?;
        }
        done
    }
}

async fn serve(listener: tokio::net::TcpListener, app: &Arc<App>, stage: &Arc<Stage>) -> anyhow::Result<ExitCode> {
    welcome(app, stage);
    let socket = tokio::spawn(admin::listen(Arc::clone(app)));
    let desk = Arc::new(FacilityDesk::new(Arc::clone(app), Some(Arc::clone(stage))));
    server::serve(listener, desk, stop_signal()).await.context("the web server stopped")?;
    socket.abort();
    let _ = socket.await;
    Ok(ExitCode::SUCCESS)
}

fn welcome(app: &App, stage: &Stage) {
    let info = stage.info(app);
    let Config { listen, .. } = app.config;
    println!("\n  DEMO – not manufacturing records / デモ – 製造記録ではありません\n");
    println!("  Begin here:  http://localhost:{}/   (five things to try)\n", listen.port());
    for part in ["operator", "tenant", "auditor"] {
        let address = format!("http://{part}.localhost:{}/", listen.port());
        let logins: Vec<String> = info
            .logins
            .iter()
            .filter(|login| login.address == address)
            .map(|login| format!("{} / {}", login.person, login.password))
            .collect();
        println!("  {address:<36} {}", logins.join("   "));
    }
    println!("\n  Public key: {}\n  Stop with Ctrl-C.\n", info.key_file);
}

/// Waits until every batch is released, then writes the packages and the public key.
async fn headless(app: &Arc<App>, out: &PathBuf, max_s: u64) -> anyhow::Result<ExitCode> {
    std::fs::create_dir_all(out).with_context(|| format!("{} cannot be made", out.display()))?;
    let released = released(app);
    let batches = tokio::time::timeout(Duration::from_secs(max_s), released)
        .await
        .with_context(|| format!("not every batch was released within {max_s} s; stand:\n{}", stand(app)))?;
    for batch in batches {
        let view = app.writer.view();
        let manufacturer = view.batches.get(&batch).map(|batch| batch.issued.agreement.manufacturer);
        let team = demo::team(manufacturer.context("the batch is gone")?)?;
        let scope = admin::command_line_scope(app, &team.quality).map_err(anyhow::Error::msg)?;
        let bytes =
            packaging::package(app, &scope, &batch, unwatched()).await.with_context(|| format!("exporting {batch}"))?;
        let file = out.join(format!("{batch}.zip"));
        std::fs::write(&file, bytes).with_context(|| format!("{} cannot be written", file.display()))?;
        println!("{}", file.display());
    }
    let key = out.join(mes_core::journal::PUBLIC_KEY_FILE);
    std::fs::write(&key, app.key.public().to_pem()?).with_context(|| format!("{} cannot be written", key.display()))?;
    println!("{}", key.display());
    Ok(ExitCode::SUCCESS)
}

async fn released(app: &App) -> Vec<BatchId> {
    let mut views = app.writer.views();
    loop {
        {
            let view = views.borrow_and_update();
            let done = |lifecycle| matches!(lifecycle, Lifecycle::Released | Lifecycle::Rejected);
            if !view.batches.is_empty() && view.batches.values().all(|batch| done(batch.lifecycle)) {
                return view.batches.keys().cloned().collect();
            }
        }
        if views.changed().await.is_err() {
            return Vec::new();
        }
    }
}

/// Where every batch stands, for the person who wonders.
fn stand(app: &App) -> String {
    let view = app.writer.view();
    let one = |(id, batch): (&BatchId, &Arc<mes_core::batch::Batch>)| {
        let open: Vec<String> = batch
            .issued
            .recipe
            .phases()
            .filter_map(|phase| Some((phase, batch.phases.get(&phase.id)?)))
            .filter(|(_, run)| run.started_at.is_some() && run.completed_at.is_none())
            .map(|(phase, run)| format!("{} {:?}", phase.id, run.status))
            .collect();
        format!("{id}: {:?}, {:?}, open: {}", batch.lifecycle, batch.state, open.join(", "))
    };
    view.batches.iter().map(one).collect::<Vec<_>>().join("\n")
}
