//! What stands around every page: title, purpose of the journal, who is logged in, where one can go, language.

use askama::Template;
use axum::{
    http::StatusCode,
    response::{Html, IntoResponse, Response},
};
use mes_core::{access::Action, engine::View};

use super::{
    AppState, asset,
    error::WebError,
    locale::Words,
    session::{Badge, Session, Visit, badge},
    term,
};

/// One place to go.
pub(crate) struct NavItem {
    pub(crate) href: &'static str,
    pub(crate) label: String,
    pub(crate) here: bool,
}

/// What stands around a page.
pub(crate) struct Frame {
    pub(crate) title: String,
    pub(crate) facility: String,
    pub(crate) purpose: Option<String>,
    pub(crate) badge: Option<Badge>,
    pub(crate) nav: Vec<NavItem>,
    pub(crate) path: String,
    pub(crate) clock: String,
    pub(crate) stream: Option<String>,
    pub(crate) scripts: Vec<&'static str>,
}

impl Frame {
    /// The frame of a page without a log-in.
    pub(crate) fn open(state: &AppState, visit: &Visit, title: String) -> Self {
        let view = state.desk.view();
        let w = Words(visit.language);
        Self {
            title,
            facility: facility(&view, w),
            purpose: term::purpose(view.purpose).map(|key| w.t(key)),
            badge: None,
            nav: Vec::new(),
            path: visit.path.clone(),
            clock: state.desk.now().shown(),
            stream: None,
            scripts: Vec::new(),
        }
    }
    /// The frame of a page of a logged-in person.
    pub(crate) fn of(state: &AppState, session: &Session, view: &View, title: String) -> Self {
        let w = session.words();
        let may = |actions: &[Action]| actions.iter().any(|action| state.desk.may(&session.scope, *action, None));
        let path = &session.visit.path;
        let item = |href: &'static str, key: &str| NavItem {
            href,
            label: w.t(key),
            here: if href == "/" { path == "/" } else { path.starts_with(href) },
        };
        let mut nav = vec![item("/", "nav-overview"), item("/batches", "nav-batches")];
        if may(&[
            Action::RequestBooking,
            Action::AssessBooking,
            Action::ApproveBooking,
            Action::ConfirmBooking,
            Action::IssueBatch,
        ]) {
            nav.push(item("/bookings", "nav-bookings"));
        }
        nav.push(item("/plan", "nav-plan"));
        if !view.recipes.is_empty() {
            nav.push(item("/recipes", "nav-recipes"));
        }
        if may(&[Action::SeeDevices]) {
            nav.push(item("/devices", "nav-devices"));
        }
        if may(&[Action::ApproveChange]) {
            nav.push(item("/changes", "nav-changes"));
        }
        if state.desk.demo().is_some() {
            nav.push(item("/demo", "nav-demo"));
        }
        Self { badge: Some(badge(&session.scope, view, w)), nav, ..Self::open(state, &session.visit, title) }
    }
    /// The same with the address of its live stream.
    pub(crate) fn live(mut self, stream: String) -> Self {
        self.stream = Some(stream);
        self
    }
    /// The same with more of our scripts.
    pub(crate) fn with_scripts(mut self, scripts: &[&'static str]) -> Self {
        self.scripts.extend_from_slice(scripts);
        self
    }
    /// Where an embedded file is served.
    pub(crate) fn asset(&self, name: &str) -> String {
        asset::url(name)
    }
}

fn facility(view: &View, w: Words) -> String {
    view.facility.name.as_ref().map(|name| w.b(&name.name).to_owned()).unwrap_or_default()
}

/// Fills in a page.
pub(crate) fn page(status: StatusCode, template: &impl Template) -> Result<Response, WebError> {
    Ok((status, Html(template.render()?)).into_response())
}
