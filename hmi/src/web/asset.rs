//! Scripts and styles, embedded in the program and served under a path that names their content, so that browsers may
//! keep them for ever. Nothing here is fetched from anywhere else.

use std::sync::LazyLock;

use axum::{
    extract::Path,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use sha2::{Digest, Sha256};

include!(concat!(env!("OUT_DIR"), "/packages.rs"));

/// Our own files.
const OWN: &[(&str, &[u8])] = &[
    ("style.css", include_bytes!("../../web/style.css")),
    ("live.js", include_bytes!("../../web/live.js")),
    ("numpad.js", include_bytes!("../../web/numpad.js")),
    ("trend.js", include_bytes!("../../web/trend.js")),
    ("mark.svg", include_bytes!("../../web/mark.svg")),
];

/// Eight characters that change whenever any embedded file does.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut hasher = Sha256::new();
    for (name, content) in PACKAGES.iter().chain(OWN) {
        hasher.update(name.as_bytes());
        hasher.update(content);
    }
    hasher.finalize().iter().take(4).map(|byte| format!("{byte:02x}")).collect()
});

/// Where a file is served.
pub(crate) fn url(name: &str) -> String {
    format!("/assets/{}/{name}", *VERSION)
}

/// Serves a file.
pub(crate) async fn serve(Path((_version, name)): Path<(String, String)>) -> Response {
    let Some((_, content)) = PACKAGES.iter().chain(OWN).find(|(known, _)| *known == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let media = match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "text/plain; charset=utf-8",
    };
    ([(header::CONTENT_TYPE, media), (header::CACHE_CONTROL, "public, max-age=31536000, immutable")], *content)
        .into_response()
}
