//! The page of `mes simulate`: every simulated device with the switches of its faults. It has no log-in and no facility; it listens
//! where it is told to, and nothing that it does is a record.

use std::{net::SocketAddr, sync::Arc};

use askama::Template;
use axum::{
    Router,
    extract::{Path, Query, Request, State},
    http::{Method, StatusCode, header},
    middleware::{self, Next},
    response::{Html, IntoResponse, Redirect, Response},
    routing::{get, post},
};
use equipment_drivers::SimPlant;
use mes_core::{clock::Clock, quantity::Language};
use serde::Deserialize;
use tokio::net::TcpListener;

use super::fault_panel::{DeviceLine, Sent, line};
use crate::{
    simulators::{SimulatorState, change, refused},
    web::{asset, error::WebError, form::Filled, locale::Words, security},
};

/// What the page shows.
#[derive(Clone)]
struct Plant {
    devices: Arc<SimPlant>,
    clock: Clock,
}

#[derive(Template)]
#[template(path = "simulators.html")]
struct SimulatorsPage {
    w: Words,
    time: String,
    base: &'static str,
    devices: Vec<DeviceLine>,
    refusal: Option<String>,
}

impl SimulatorsPage {
    fn asset(&self, name: &str) -> String {
        asset::url(name)
    }
}

/// Which language, if another than Japanese.
#[derive(Deserialize)]
struct Asked {
    language: Option<String>,
}

fn shown(plant: &Plant, language: Language, status: StatusCode, refusal: Option<String>) -> Response {
    let w = Words(language);
    let devices = plant.devices.devices().map(|handle| line(&SimulatorState::of(handle), None, w)).collect();
    let page = SimulatorsPage { w, time: plant.clock.now().shown(), base: "/devices", devices, refusal };
    match page.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => {
            tracing::error!(%error, "the page of the simulators could not be rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

async fn show(State(plant): State<Plant>, Query(asked): Query<Asked>) -> Response {
    let english = asked.language.as_deref() == Some("en");
    shown(&plant, if english { Language::En } else { Language::Ja }, StatusCode::OK, None)
}

async fn switch(State(plant): State<Plant>, Path(name): Path<String>, request: Request) -> Response {
    // The page that the form stood on says in which language an answer is read.
    let from = request.headers().get(header::REFERER).and_then(|from| from.to_str().ok()).unwrap_or_default();
    let (language, back) =
        if from.ends_with("language=en") { (Language::En, "/?language=en") } else { (Language::Ja, "/") };
    let done = async {
        let Filled(sent) = <Filled<Sent> as axum::extract::FromRequest<_>>::from_request(request, &plant).await?;
        let wanted = sent.change()?;
        let handle = plant.devices.device(&name).map_err(|_| WebError::NotFound)?;
        change(handle, &wanted).await.map_err(|error| WebError::Refused(refused(&error)))
    };
    match done.await {
        Ok(()) => Redirect::to(&format!("{back}#{name}")).into_response(),
        Err(WebError::Refused(refusal)) => {
            let said = refusal.said.get(language).to_owned();
            shown(&plant, language, StatusCode::UNPROCESSABLE_ENTITY, Some(said))
        }
        Err(other) => other.into_response(),
    }
}

async fn guard(request: Request, next: Next) -> Response {
    let safe = matches!(*request.method(), Method::GET | Method::HEAD);
    let mut response = if safe || security::ours(request.headers()) {
        next.run(request).await
    } else {
        WebError::Foreign.into_response()
    };
    security::protect(response.headers_mut());
    response
}

fn router(plant: Plant) -> Router {
    Router::new()
        .route("/", get(show))
        .route("/devices/{name}", post(switch))
        .route("/assets/{version}/{name}", get(asset::serve))
        .layer(middleware::from_fn(guard))
        .with_state(plant)
}

/// Serves the page until `stop`.
pub async fn serve(
    listener: TcpListener,
    devices: Arc<SimPlant>,
    clock: Clock,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let service = router(Plant { devices, clock }).into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service).with_graceful_shutdown(stop).await
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, body::to_bytes};
    use equipment_drivers::{DeviceKind, Fault, SimDevice, physics::Realism};
    use tower::ServiceExt;

    use super::*;

    async fn plant() -> (Plant, Router) {
        let device = SimDevice { realism: Realism::Calm, ..SimDevice::new("CO-1", DeviceKind::CometLogger, 1) };
        let clock = Clock::real();
        let devices = SimPlant::start(vec![device], &clock, std::path::Path::new("/nowhere")).await.unwrap();
        let plant = Plant { devices: Arc::new(devices), clock };
        (plant.clone(), router(plant))
    }

    async fn answer(router: &Router, request: Request) -> (StatusCode, String) {
        let response = router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    fn post_form(form: &str, origin: &str) -> Request {
        Request::post("/devices/CO-1")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::HOST, "127.0.0.1:9")
            .header(header::ORIGIN, origin)
            .header(header::REFERER, "http://127.0.0.1:9/?language=en")
            .body(Body::from(form.to_owned()))
            .unwrap()
    }

    #[tokio::test]
    async fn a_fault_is_begun_and_ended_on_the_page_and_only_from_the_page() {
        let (plant, router) = plant().await;
        let ours = "http://127.0.0.1:9";
        let (status, html) = answer(&router, Request::get("/?language=en").body(Body::empty()).unwrap()).await;
        assert_eq!(status, StatusCode::OK);
        assert!(html.contains("CO-1") && html.contains("black_hole") && !html.contains("shift_namespace"), "{html}");
        assert!(html.contains("No fault is in force"), "{html}");
        let (status, _) = answer(&router, post_form("kind=delay&value=40&on=true&tag=", ours)).await;
        assert_eq!(status, StatusCode::SEE_OTHER);
        let device = plant.devices.device("CO-1").unwrap();
        assert_eq!(device.faults(), [Fault::Delay { ms: 40 }]);
        let (_, html) = answer(&router, Request::get("/").body(Body::empty()).unwrap()).await;
        assert!(html.contains("すべての応答が ms だけ遅れる – 40"), "{html}");
        let (status, _) = answer(&router, post_form("kind=delay&on=false", ours)).await;
        assert_eq!((status, device.faults()), (StatusCode::SEE_OTHER, vec![]));

        let (status, html) = answer(&router, post_form("kind=shift_namespace&on=true", ours)).await;
        assert!(status == StatusCode::UNPROCESSABLE_ENTITY && html.contains("only OPC UA has that"), "{html}");
        let (status, html) = answer(&router, post_form("kind=delay&value=soon&on=true", ours)).await;
        assert!(status == StatusCode::UNPROCESSABLE_ENTITY && html.contains("is not a number"), "{html}");
        let (status, _) = answer(&router, post_form("kind=drop&on=true", "http://elsewhere")).await;
        assert!(status.is_client_error());
        assert_eq!(device.faults(), []);
    }
}
