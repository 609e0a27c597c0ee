//! One server-sent stream per page: parts of the page that changed, as unnamed fragments, and a beat by which the browser
//! notices silence. Nothing is sent twice, and nobody's stream outlives the session.

use std::{collections::BTreeMap, convert::Infallible, time::Duration};

use axum::{
    extract::State,
    response::{
        IntoResponse, Response,
        sse::{Event, Sse},
    },
};
use futures_util::stream;
use mes_core::id::BatchId;
use tokio::{sync::watch, time::Interval};

use super::form::{Asked, At};
use super::{
    AppState,
    error::WebError,
    page::{batch, devices, overview, records},
    session::{Session, Visit},
};

/// Time between two messages of a stream (1 s: HMI-08 asks for new data within 2 s); ages run on in the browser.
const BEAT: Duration = Duration::from_secs(1);

/// A part of a page that changed.
pub(crate) struct Fragment {
    target: String,
    swap: &'static str,
    html: String,
    key: Option<String>,
}

impl Fragment {
    /// New content of the elements that a selector names.
    pub(crate) fn new(target: impl Into<String>, swap: &'static str, html: String) -> Self {
        Self { target: target.into(), swap, html, key: None }
    }
    /// The same, sent again when its key changes rather than its text.
    pub(crate) fn keyed(mut self, key: String) -> Self {
        self.key = Some(key);
        self
    }
    /// As htmx reads it.
    pub(crate) fn partial(&self) -> String {
        let target = self.target.replace('"', "'");
        format!("<hx-partial hx-target=\"{target}\" hx-swap=\"{}\">{}</hx-partial>", self.swap, self.html)
    }
}

/// What a stream shows.
#[derive(Clone)]
enum Page {
    Overview,
    Devices,
    Batch(BatchId, Option<String>),
    Tab(BatchId, String, Option<String>),
}

struct Watcher {
    state: AppState,
    session: Session,
    page: Page,
    sent: BTreeMap<String, String>,
    beat: Interval,
    ticks: watch::Receiver<u64>,
    fresh: bool,
    over: bool,
    closing: watch::Receiver<bool>,
}

impl Watcher {
    /// The next message: what changed since the last one, and the time.
    fn message(&mut self) -> Result<String, WebError> {
        let clock = self.state.desk.now().shown();
        let mut message = Fragment::new("#clock", "textContent", clock).partial();
        // An export goes on whether or not the facility changes.
        let exporting = matches!(self.page, Page::Tab(_, _, Some(_)));
        let changed = exporting || self.ticks.has_changed().unwrap_or(true);
        if !std::mem::take(&mut self.fresh) && !changed {
            return Ok(message);
        }
        self.ticks.borrow_and_update();
        let fragments = match &self.page {
            Page::Overview => overview::fragments(&self.state, &self.session)?,
            Page::Devices => devices::fragments(&self.state, &self.session)?,
            Page::Tab(batch, tab, export) => {
                let mut fragments = batch::fragments_of_tab(&self.state, &self.session, batch, tab)?;
                if let Some(export) = export {
                    fragments.push(records::fragment(&self.state, &self.session, batch, export)?);
                }
                fragments
            }
            Page::Batch(batch, phase) => batch::fragments(&self.state, &self.session, batch, phase.as_deref())?,
        };
        for mut fragment in fragments {
            let key = fragment.key.take().unwrap_or_else(|| fragment.html.clone());
            if self.sent.get(&fragment.target) != Some(&key) {
                message.push_str(&fragment.partial());
                self.sent.insert(fragment.target, key);
            }
        }
        Ok(message)
    }
    /// Says that the session is over; the values stay grey from here on.
    fn farewell(&self) -> String {
        let w = self.session.words();
        let html = format!("{} <a href=\"/login\">{}</a>", w.t("session-over"), w.t("log-in"));
        Fragment::new("#offline", "innerHTML", html).partial()
    }
    fn lives(&self) -> bool {
        self.state.sessions.lives(&self.session.scope.session)
    }
}

fn answer(state: AppState, session: Session, page: Page) -> Response {
    let beat = tokio::time::interval(BEAT);
    let ticks = state.desk.subscribe();
    let closing = state.closing.subscribe();
    let watcher =
        Watcher { state, session, page, sent: BTreeMap::new(), beat, ticks, fresh: true, over: false, closing };
    let messages = stream::unfold(watcher, |mut watcher| async move {
        let Watcher { beat, closing, .. } = &mut watcher;
        tokio::select! {
            _ = beat.tick() => {}
            _ = closing.wait_for(|closing| *closing) => return None,
        }
        if watcher.over {
            return None;
        }
        if !watcher.lives() {
            watcher.over = true;
            let message = watcher.farewell();
            return Some((Ok::<_, Infallible>(Event::default().data(message)), watcher));
        }
        // A batch that is no longer to be seen ends the stream; the page then says that it is not live.
        let message = watcher.message().ok()?;
        Some((Ok::<_, Infallible>(Event::default().data(message)), watcher))
    });
    Sse::new(messages).into_response()
}

/// The stream of the overview.
pub(crate) async fn of_overview(State(state): State<AppState>, visit: Visit) -> Result<Response, WebError> {
    Ok(answer(state, watching(visit)?, Page::Overview))
}

/// The stream of the devices' page.
pub(crate) async fn of_devices(State(state): State<AppState>, visit: Visit) -> Result<Response, WebError> {
    Ok(answer(state, watching(visit)?, Page::Devices))
}

/// The phase that the batch's page shows, if a person chose one.
#[derive(serde::Deserialize)]
pub(crate) struct Shown {
    phase: Option<String>,
    tab: Option<String>,
    export: Option<String>,
}

/// The stream of a batch's page.
pub(crate) async fn of_batch(
    State(state): State<AppState>,
    visit: Visit,
    At(batch): At<BatchId>,
    Asked(shown): Asked<Shown>,
) -> Result<Response, WebError> {
    let page = match shown.tab {
        Some(tab) => Page::Tab(batch, tab, shown.export),
        None => Page::Batch(batch, shown.phase),
    };
    Ok(answer(state, watching(visit)?, page))
}

fn watching(visit: Visit) -> Result<Session, WebError> {
    match visit.scope.clone() {
        Some(scope) => Ok(Session { scope, visit }),
        None => Err(WebError::LogIn { next: "/".to_owned(), partial: true }),
    }
}
