//! Devices: every link of the facility – how it stands since when and why, how the device is spoken to, what was counted on the
//! link – and its tags, live, with how often they are sampled. A link that is down may be connected anew from here. It belongs to no
//! tenant.

use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use mes_core::{
    access::{Action, Rejection},
    clock::Timestamp,
    engine::{Act, Command, LinkState, TagSampling, View, cause_words},
    id::{EquipmentId, TagId, TagName},
    tenant::{Equipment, LinkSettings, UserToken},
};

use crate::{
    device_figures::Figures,
    file_drop::is_closed,
    web::{
        AppState,
        error::{WebError, status_of},
        form::At,
        frame::{Frame, page},
        live::Fragment,
        locale::Words,
        page::{
            certificates::{Expiry, expiries},
            reports::{ReportLine, line as report_line},
        },
        reading::{LiveValue, live},
        session::Session,
        term,
    },
};

/// Reports of a closed device that are listed.
const REPORTS_LISTED: usize = 20;

/// One tag.
struct TagLine {
    value: LiveValue,
    name: String,
    limits: String,
    /// How often the device samples it, as it has agreed.
    sampling: String,
    sampled_as_asked: bool,
    writable: bool,
}

/// One device.
struct DeviceLine {
    id: String,
    name: String,
    place: String,
    state: String,
    online: bool,
    since: String,
    cause: String,
    /// The link is down, and the person may have it connected anew.
    may_connect: bool,
    refusal: Option<String>,
    facts: Vec<(String, String)>,
    figures: Vec<(String, String)>,
    tags: Vec<TagLine>,
    /// It only writes reports; nothing of it is live.
    closed: bool,
    /// The newest reports of a closed device.
    reports: Vec<ReportLine>,
    /// How many there are, when not all are listed.
    listed: String,
}

/// The part of a device that says how its link stands.
#[derive(Template)]
#[template(path = "devices_link.html")]
struct LinkNow<'d> {
    w: Words,
    device: &'d DeviceLine,
}

/// The part of a device that says what was counted.
#[derive(Template)]
#[template(path = "devices_figures.html")]
struct FiguresNow<'d> {
    device: &'d DeviceLine,
}

#[derive(Template)]
#[template(path = "devices.html")]
struct DevicesPage {
    w: Words,
    frame: Frame,
    expiries: Vec<Expiry>,
    devices: Vec<DeviceLine>,
}

/// The page.
pub(crate) async fn show(State(state): State<AppState>, session: Session) -> Result<Response, WebError> {
    devices_page(&state, &session, None)
}

fn devices_page(
    state: &AppState,
    session: &Session,
    refused: Option<(&EquipmentId, &Rejection)>,
) -> Result<Response, WebError> {
    let w = session.words();
    let view = session.view(state);
    let frame = Frame::of(state, session, &view, w.t("nav-devices")).live("/live/devices".to_owned());
    let (expiries, mut devices) = (expiries(state, w), lines(state, session, &view));
    if let Some((equipment, rejection)) = refused
        && let Some(device) = devices.iter_mut().find(|device| device.id == equipment.as_str())
    {
        device.refusal = Some(format!("{} ({})", w.b(&rejection.said), rejection.rule));
    }
    let status = refused.map_or(StatusCode::OK, |(_, rejection)| status_of(rejection));
    page(status, &DevicesPage { w, frame, expiries, devices })
}

/// Has a device connected anew.
pub(crate) async fn connect(
    State(state): State<AppState>,
    session: Session,
    At(equipment): At<EquipmentId>,
) -> Result<Response, WebError> {
    if !session.view(&state).facility.equipment.contains_key(&equipment) {
        return Err(WebError::NotFound);
    }
    let command = Command::ConnectAgain { equipment: equipment.clone() };
    match state.desk.act(Act { scope: session.scope.clone(), signer: None, command }).await {
        Ok(_) => Ok(Redirect::to(&format!("/devices#{equipment}")).into_response()),
        Err(rejection) => devices_page(&state, &session, Some((&equipment, &rejection))),
    }
}

/// The parts of the page that change.
pub(crate) fn fragments(state: &AppState, session: &Session) -> Result<Vec<Fragment>, WebError> {
    let w = session.words();
    let mut fragments = Vec::new();
    for device in &lines(state, session, &session.view(state)) {
        let part = |name: &str| format!("[data-{name}=\"{}\"]", device.id);
        fragments.push(Fragment::new(part("link"), "innerHTML", LinkNow { w, device }.render()?));
        fragments.push(Fragment::new(part("figures"), "innerHTML", FiguresNow { device }.render()?));
        for tag in &device.tags {
            let target = format!("[data-tag=\"{}\"]", tag.value.tag);
            fragments.push(Fragment::new(target, "innerHTML", tag.value.html()?).keyed(tag.value.key()));
        }
    }
    Ok(fragments)
}

fn lines(state: &AppState, session: &Session, view: &View) -> Vec<DeviceLine> {
    let w = session.words();
    let (figures, now) = (state.desk.figures(), state.desk.now());
    let may_connect = state.desk.may(&session.scope, Action::ConnectAgain, None);
    let line = |unit: &Equipment| {
        let mut line = line(unit, view, figures.get(&unit.id), now, w);
        line.may_connect &= may_connect;
        line
    };
    view.facility.equipment.values().map(line).collect()
}

fn line(unit: &Equipment, view: &View, figures: Option<&Figures>, now: Timestamp, w: Words) -> DeviceLine {
    let link = view.links.get(&unit.id);
    let agreed = |tag: &TagName| view.sampling.get(&unit.id).and_then(|known| known.get(tag));
    let closed = is_closed(&view.facility, &unit.link);
    let live_tags = if closed { &[] } else { unit.tags.as_slice() };
    let filed = view.reports.get(&unit.id).map(Vec::as_slice).unwrap_or_default();
    let reports: Vec<ReportLine> =
        filed.iter().rev().take(REPORTS_LISTED).map(|filed| report_line(filed, Some(unit), w)).collect();
    let listed = match filed.len() {
        total if total > reports.len() => {
            w.t2("reports-newest", ("count", &reports.len().to_string()), ("total", &total.to_string()))
        }
        _ => String::new(),
    };
    let tags = live_tags.iter().map(|tag| TagLine {
        value: live(view, &TagId::new(unit.id.clone(), tag.name.clone()), Some(&tag.limits.range), now, w),
        name: tag.name.to_string(),
        limits: w.t2(
            "device-limits",
            ("range", &tag.limits.range.shown()),
            ("seconds", &tag.limits.stale_after_s.to_string()),
        ),
        sampling: agreed(&tag.name).map_or_else(|| w.t("device-sampling-polled"), |one| w.b(&one.said()).to_owned()),
        sampled_as_asked: agreed(&tag.name).is_none_or(TagSampling::is_as_asked),
        writable: tag.writable,
    });
    DeviceLine {
        id: unit.id.to_string(),
        name: w.b(&unit.name).to_owned(),
        place: format!("{} · {}", unit.suite, w.t(term::equipment(unit.class))),
        state: w.t(link.map_or("link-unknown", |link| term::link(&link.state))),
        online: link.is_some_and(|link| link.state == LinkState::Online),
        may_connect: !closed
            && !link.is_some_and(|link| matches!(link.state, LinkState::Online | LinkState::Degraded(_))),
        refusal: None,
        since: link.map(|link| link.since.shown()).unwrap_or_default(),
        cause: link.map(|link| w.b(&cause_words(&link.cause)).to_owned()).unwrap_or_default(),
        facts: facts(&unit.link, w),
        figures: figures.map(|figures| counted(figures, w)).unwrap_or_default(),
        tags: tags.collect(),
        closed,
        reports,
        listed,
    }
}

/// How the device is spoken to, as its record says.
fn facts(link: &LinkSettings, w: Words) -> Vec<(String, String)> {
    let token = match link.token() {
        UserToken::Anonymous => w.t("device-token-anonymous"),
        UserToken::UserName => w.t1("device-token-user", "user", link.user.clone().unwrap_or_default()),
        UserToken::Certificate => w.t("device-token-certificate"),
    };
    let mut facts = vec![
        (w.t("device-template"), format!("{} v{}", link.template, link.template_version)),
        (w.t("device-address"), link.address.clone()),
    ];
    let opc_ua = link.address.starts_with("opc.tcp://");
    if link.address.starts_with("file:") {
        return facts;
    }
    if !opc_ua {
        facts.push((w.t("device-unit"), link.unit_id.to_string()));
        return facts;
    }
    facts.push((w.t("device-token"), token));
    let security = match &link.security {
        None => w.t("device-security-best"),
        Some(security) => format!("{:?} · {:?}", security.policy, security.mode),
    };
    facts.push((w.t("device-security"), security));
    if let Some(reason) = link.security.as_ref().and_then(|security| security.exception.clone()) {
        facts.push((w.t("device-exception"), reason));
    }
    facts
}

/// What was counted, in words; a figure that nobody counted is left away.
fn counted(figures: &Figures, w: Words) -> Vec<(String, String)> {
    let ms = |us: u64| format!("{}.{:01} ms", us / 1000, us % 1000 / 100);
    let seen = &figures.seen;
    let mut all = vec![
        ("device-requests-per-s", Some(figures.requests_per_s.clone())),
        ("device-notifications-per-s", Some(figures.notifications_per_s.clone())),
        ("device-latency-p50", seen.latency_p50_us.map(ms)),
        ("device-latency-p99", seen.latency_p99_us.map(ms)),
        ("device-timeouts", Some(seen.timeouts.to_string())),
        ("device-exceptions", Some(seen.exceptions.to_string())),
        ("device-mismatches", Some(seen.mismatches.to_string())),
        ("device-reconnects", Some(seen.reconnects.to_string())),
        ("device-overflows", Some(seen.queue_overflows.to_string())),
        ("device-publish-age", seen.last_publish_age_ms.map(|age| format!("{age} ms"))),
        ("device-clock-skew", seen.clock_skew_ms.map(|skew| format!("{skew} ms"))),
    ];
    all.drain(..).filter_map(|(key, value)| Some((w.t(key), value?))).collect()
}
