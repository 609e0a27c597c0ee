//! Pages, their session and their live stream. A handler parses, sends and renders; no rule lives here.
//!
//! The page of `mes simulate` stands alone; all others are in the table.
//!
//! The table below is the whole of it: every address, what a person needs to come in, and the file that answers.

pub mod port;

mod api;
mod asset;
mod error;
mod exports;
mod form;
mod frame;
mod glance;
mod live;
mod locale;
mod page;
mod policy;
mod reading;
mod security;
mod session;
mod term;
mod wording;

use std::sync::Arc;

use axum::{
    Router, middleware,
    routing::{MethodRouter, get, post},
};
use mes_core::access::Action as A;
pub use page::simulators::serve as serve_simulators;
use page::{
    act, adopt, batch, booking, bookings, certificates, changes, consent, demo, deviations, devices, issue, login,
    metrics, overview, plan, recipes, records, reports, review, sign, trail, trend,
};
use policy::Policy::{self, Demo, Monitor, Needs, Open, Person};
use port::Desk;
use tokio::sync::watch;
use tower_http::{catch_panic::CatchPanicLayer, limit::RequestBodyLimitLayer};

/// Largest body of a request, in bytes; the largest form is a recipe's text or a long comment.
const BODY_MAX: usize = 1024 * 1024;

/// What every handler is given.
#[derive(Clone)]
pub struct AppState {
    /// The running facility.
    pub desk: Arc<dyn Desk>,
    /// Session cookies travel over TLS only.
    pub secure: bool,
    sessions: Arc<session::Sessions>,
    exports: Arc<exports::Exports>,
    closing: Arc<watch::Sender<bool>>,
}

impl AppState {
    /// Pages over a running facility; `secure` when they are served over TLS.
    pub fn new(desk: Arc<dyn Desk>, secure: bool) -> Self {
        Self {
            desk,
            secure,
            sessions: Arc::default(),
            exports: Arc::default(),
            closing: Arc::new(watch::Sender::new(false)),
        }
    }
    /// Ends every live stream, so that a server that waits for its connections can stop.
    pub fn close(&self) {
        self.closing.send_replace(true);
    }
}

/// One row of the table.
struct Route {
    method: &'static str,
    path: &'static str,
    policy: Policy,
    answer: MethodRouter<AppState>,
}

fn show(path: &'static str, policy: Policy, answer: MethodRouter<AppState>) -> Route {
    Route { method: "GET", path, policy, answer }
}

fn send(path: &'static str, policy: Policy, answer: MethodRouter<AppState>) -> Route {
    Route { method: "POST", path, policy, answer }
}

/// Bookings and the plan.
#[rustfmt::skip]
fn planning() -> Vec<Route> {
    vec![
        show("/bookings",                          Person,                      get(bookings::show)),
        send("/bookings/quote",                    Needs(&[A::RequestBooking]), post(bookings::quote)),
        send("/bookings/request",                  Needs(&[A::RequestBooking]), post(bookings::book)),
        send("/bookings/{booking}/withdraw",       Needs(&[A::RequestBooking]), post(bookings::withdraw)),
        show("/bookings/{booking}",                Person,                      get(booking::show)),
        send("/bookings/{booking}/assessment",     Needs(&[A::AssessBooking]),  post(booking::draft)),
        send("/bookings/{booking}/assess",         Needs(&[A::AssessBooking]),  post(booking::assess)),
        send("/bookings/{booking}/approve",        Needs(&[A::ApproveBooking]), post(booking::approve)),
        send("/bookings/{booking}/confirm",        Needs(&[A::ConfirmBooking]), post(booking::confirm)),
        send("/bookings/{booking}/refuse",         Needs(&[A::ConfirmBooking]), post(booking::refuse)),
        send("/bookings/{booking}/move/accept",    Needs(&[A::AnswerMove]),     post(consent::accept)),
        send("/bookings/{booking}/move/refuse",    Needs(&[A::AnswerMove]),     post(consent::refuse)),
        show("/bookings/{booking}/issue",          Needs(&[A::IssueBatch]),     get(issue::show)),
        send("/bookings/{booking}/issue",          Needs(&[A::IssueBatch]),     post(issue::issue)),
        show("/plan",                              Person,                      get(plan::show)),
        send("/plan/propose",                      Needs(&[A::AdoptPlan]),      post(plan::propose)),
        send("/plan/ask",                          Needs(&[A::AdoptPlan]),      post(adopt::ask)),
        send("/plan/{plan}/adopt",                 Needs(&[A::AdoptPlan]),      post(adopt::adopt)),
    ]
}

/// Devices: their links, their certificates, and what was counted.
#[rustfmt::skip]
fn equipment() -> Vec<Route> {
    vec![
        show("/devices",                           Needs(&[A::SeeDevices]),     get(devices::show)),
        send("/devices/{equipment}/connect",       Needs(&[A::ConnectAgain]),   post(devices::connect)),
        send("/devices/{equipment}/reports/{sha256}", Needs(&[A::SeeDevices]),  post(reports::fetch_facility)),
        show("/live/devices",                      Needs(&[A::SeeDevices]),     get(live::of_devices)),
        show("/certificates",                      Needs(&[A::SeeDevices]),     get(certificates::show)),
        send("/certificates/{thumbprint}",         Needs(&[A::JudgeCertificate]), post(certificates::judge)),
        show("/metrics",                           Monitor,                     get(metrics::show)),
    ]
}

#[rustfmt::skip]
fn table() -> Vec<Route> {
    let mut all = vec![
        show("/",                                  Open,                        get(overview::start)),
        show("/login",                             Open,                        get(login::form)),
        send("/login",                             Open,                        post(login::log_in)),
        send("/logout",                            Open,                        post(login::log_out)),
        send("/language",                          Open,                        post(login::speak)),
        show("/assets/{version}/{name}",           Open,                        get(asset::serve)),
        show("/live/overview",                     Person,                      get(live::of_overview)),
        show("/live/batches/{batch}",              Person,                      get(live::of_batch)),
        show("/batches/{batch}",                   Person,                      get(batch::show)),
        send("/batches/{batch}/start",             Needs(&[A::Execute]),        post(act::start)),
        send("/batches/{batch}/record",            Needs(&[A::Execute]),        post(act::record)),
        send("/batches/{batch}/apply",             Needs(&[A::Execute]),        post(act::apply)),
        send("/batches/{batch}/complete",          Needs(&[A::Execute]),        post(act::complete)),
        send("/batches/{batch}/finish",            Needs(&[A::CompleteExecution]), post(act::finish)),
        send("/batches/{batch}/correct",           Needs(&[A::Correct]),        post(act::correct)),
        send("/batches/{batch}/reject",            Needs(&[A::Verify]),         post(act::reject)),
        send("/batches/{batch}/hold",              Needs(&[A::Hold]),           post(act::hold)),
        send("/batches/{batch}/restart",           Needs(&[A::Restart]),        post(act::restart)),
        send("/batches/{batch}/comment",           Needs(&[A::Remark]),         post(act::comment)),
        send("/batches/{batch}/late",              Needs(&[A::Remark]),         post(act::late)),
        send("/batches/{batch}/deviation",         Needs(&[A::OpenDeviation]),  post(act::deviate)),
        // The signer need not be the person logged in, so the session alone decides nothing here.
        show("/batches/{batch}/sign",              Person,                      get(sign::show)),
        send("/batches/{batch}/sign",              Person,                      post(sign::sign)),
        show("/batches",                           Person,                      get(records::list)),
        show("/batches/{batch}/deviations",        Person,                      get(deviations::show)),
        send("/batches/{batch}/deviations/{deviation}/classify", Needs(&[A::ClassifyDeviation]), post(deviations::classify)),
        show("/batches/{batch}/review",            Person,                      get(review::show)),
        show("/batches/{batch}/trail",             Needs(&[A::SeeAuditTrail]),  get(trail::show)),
        send("/batches/{batch}/trail",             Needs(&[A::ReviewAuditTrail]), post(trail::review)),
        show("/batches/{batch}/trend",             Person,                      get(trend::show)),
        show("/batches/{batch}/samples",           Person,                      get(trend::samples)),
        send("/batches/{batch}/samples",           Needs(&[A::Export]),         post(trend::export)),
        show("/trend",                             Person,                      get(trend::show_any)),
        show("/trend/samples",                     Person,                      get(trend::samples_any)),
        show("/batches/{batch}/record",            Person,                      get(records::show)),
        send("/batches/{batch}/package",           Needs(&[A::Export]),         post(records::package)),
        send("/batches/{batch}/record.pdf",        Needs(&[A::Export]),         post(records::pdf)),
        send("/batches/{batch}/reports/{sha256}",  Needs(&[A::Export]),         post(reports::fetch)),
        show("/batches/{batch}/exports/{export}",  Needs(&[A::Export]),         get(records::fetch)),
        show("/recipes",                           Person,                      get(recipes::list)),
        send("/recipes",                           Needs(&[A::SubmitRecipe]),   post(recipes::submit)),
        show("/recipes/{recipe}/{version}",        Person,                      get(recipes::show)),
        send("/recipes/{recipe}/{version}/approve", Needs(&[A::ApproveRecipeProduction, A::ApproveRecipeQuality]), post(recipes::approve)),
        show("/changes",                           Needs(&[A::ApproveChange]),  get(changes::show)),
        send("/changes/{change}/approve",          Needs(&[A::ApproveChange]),  post(changes::approve)),
        show("/api/v1/openapi.json",               Person,                      get(api::openapi)),
        show("/api/v1/batches",                    Person,                      get(api::batches)),
        show("/api/v1/batches/{batch}",            Person,                      get(api::batch)),
        send("/api/v1/batches/{batch}/commands",   Person,                      post(api::batch_command)),
        send("/api/v1/batches/{batch}/package",    Needs(&[A::Export]),         post(api::package)),
        show("/api/v1/bookings",                   Person,                      get(api::bookings)),
        send("/api/v1/quotes",                     Needs(&[A::RequestBooking]), post(api::quote)),
        show("/api/v1/plan",                       Person,                      get(api::plan)),
        send("/api/v1/commands",                   Person,                      post(api::command)),
        show("/demo",                              Demo,                        get(demo::show)),
        send("/demo/colleagues",                   Demo,                        post(demo::colleagues)),
        send("/demo/devices/{equipment}",          Demo,                        post(demo::device)),
    ];
    all.extend(planning());
    all.extend(equipment());
    all
}

/// Method, path, and whether it is reachable without a log-in, of every route: for tests that go through all of them.
pub fn routes() -> Vec<(&'static str, &'static str, bool)> {
    table().iter().map(|route| (route.method, route.path, route.policy == Open)).collect()
}

/// All routes over a running facility.
pub fn router(state: AppState) -> Router {
    let mut router = Router::new();
    for Route { path, policy, answer, .. } in table() {
        let checked = middleware::from_fn_with_state((state.clone(), policy), policy::check);
        router = router.route(path, answer.layer(checked));
    }
    router
        .fallback(|| async { error::WebError::NotFound })
        .layer(CatchPanicLayer::custom(error::after_panic))
        .layer(RequestBodyLimitLayer::new(BODY_MAX))
        .layer(middleware::from_fn_with_state(state.clone(), security::guard))
        .with_state(state)
}

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod fixture_reports;
#[cfg(test)]
mod page_plan_tests;
#[cfg(test)]
mod plan_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_devices;
#[cfg(test)]
mod tests_reports;
#[cfg(test)]
mod tests_work;
