//! What every answer carries and every change must prove: a strict content policy, no caching of what people see, and an
//! origin check beside the same-site cookie.

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{Html, IntoResponse, Response},
};

use mes_core::quantity::{Bilingual, Language};

use super::{
    AppState,
    error::{self, WebError},
    locale::Words,
    session::Visit,
    term,
};

/// Scripts and styles come from this program only; nothing stands inline.
const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const HEADERS: [(&str, &str); 5] = [
    ("content-security-policy", CONTENT_POLICY),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("permissions-policy", "camera=(), microphone=(), geolocation=()"),
];

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Whether a changing request comes from one of our own pages, or from a program that is no browser.
pub(crate) fn ours(headers: &HeaderMap) -> bool {
    match (text(headers, "sec-fetch-site"), text(headers, "origin")) {
        (Some("same-origin" | "none"), _) => true,
        (Some(_), _) => false,
        (None, None) => true,
        (None, Some(origin)) => {
            let authority = origin.split_once("://").map(|(_, authority)| authority);
            authority.is_some() && authority == text(headers, "host")
        }
    }
}

/// Refuses changes from foreign pages, and puts the headers on every answer.
pub(crate) async fn guard(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let safe = matches!(*request.method(), Method::GET | Method::HEAD);
    if !safe && !ours(request.headers()) {
        return finished(&state, WebError::Foreign.into_response());
    }
    let asset = request.uri().path().starts_with("/assets/");
    if safe && !asset && arrives(request.headers()) {
        let (parts, body) = request.into_parts();
        if Visit::read(&parts, &state, false).scope.is_none() {
            return finished(&state, again());
        }
        return finished(&state, next.run(Request::from_parts(parts, body)).await);
    }
    finished(&state, next.run(request).await)
}

/// A browser that follows a link from another site leaves the same-site cookie away.
fn arrives(headers: &HeaderMap) -> bool {
    text(headers, "sec-fetch-site") == Some("cross-site") && text(headers, "sec-fetch-mode") == Some("navigate")
}

/// Asks the browser to come again, now from our own page and therefore with its cookie.
fn again() -> Response {
    let body = "<!doctype html><html><head><meta charset=\"utf-8\"><meta http-equiv=\"refresh\" content=\"0\"><title>…</title></head></html>";
    (StatusCode::OK, [(header::CACHE_CONTROL, "no-store")], Html(body)).into_response()
}

fn finished(state: &AppState, response: Response) -> Response {
    let key = term::purpose(state.desk.view().purpose);
    let said = |language, key| Words(language).t(key);
    let purpose = key.map(|key| Bilingual::new(said(Language::Ja, key), said(Language::En, key)));
    let mut response = error::marked(response, purpose);
    let headers = response.headers_mut();
    protect(headers);
    response
}

/// The headers that every answer carries.
pub(crate) fn protect(headers: &mut HeaderMap) {
    for (name, value) in HEADERS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(n, v)| (HeaderName::from_static(n), HeaderValue::from_static(v))).collect()
    }

    #[test]
    fn a_change_from_another_site_is_not_ours() {
        assert!(ours(&headers(&[("sec-fetch-site", "same-origin")])));
        assert!(ours(&headers(&[("origin", "http://operator.localhost:8080"), ("host", "operator.localhost:8080")])));
        assert!(ours(&headers(&[("host", "operator.localhost:8080")])));
        assert!(!ours(&headers(&[("sec-fetch-site", "cross-site")])));
        assert!(!ours(&headers(&[("sec-fetch-site", "same-site")])));
        assert!(!ours(&headers(&[("origin", "http://tenant.localhost:8080"), ("host", "operator.localhost:8080")])));
        assert!(!ours(&headers(&[("origin", "null"), ("host", "operator.localhost:8080")])));
    }
}
