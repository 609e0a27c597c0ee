//! Reading what a form sent: ids, times, and texts that may be empty.

use axum::{
    Form,
    extract::{FromRequest, FromRequestParts, Path, Query, Request},
    http::request::Parts,
};
use mes_core::{
    access::Rejection,
    clock::{SHOWN_OFFSET_S, Timestamp},
};

use serde::de::DeserializeOwned;

use super::error::WebError;

/// The ids in an address. One that cannot be an id leads nowhere.
pub(crate) struct At<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for At<T> {
    type Rejection = WebError;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, WebError> {
        let Path(ids) = Path::<T>::from_request_parts(parts, state).await.map_err(|_| WebError::NotFound)?;
        Ok(Self(ids))
    }
}

/// What stands behind the question mark of an address.
pub(crate) struct Asked<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = WebError;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, WebError> {
        let query = Query::<T>::from_request_parts(parts, state).await;
        let Query(asked) = query.map_err(|error| WebError::Form(error.body_text()))?;
        Ok(Self(asked))
    }
}

/// What a form sent.
pub(crate) struct Filled<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Filled<T> {
    type Rejection = WebError;
    async fn from_request(request: Request, state: &S) -> Result<Self, WebError> {
        let form = Form::<T>::from_request(request, state).await;
        let Form(sent) = form.map_err(|error| WebError::Form(error.body_text()))?;
        Ok(Self(sent))
    }
}

/// A text with something in it.
pub(crate) fn filled(text: Option<&String>) -> Option<String> {
    text.map(|text| text.trim()).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// An id that a page filled in; a person never types these.
pub(crate) fn id<T: std::str::FromStr>(text: &str) -> Result<T, WebError>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error: T::Err| WebError::Form(error.to_string()))
}

/// An id that a person typed or scanned.
pub(crate) fn typed_id<T: std::str::FromStr>(text: &str, field: &str) -> Result<T, Rejection> {
    text.trim().parse().map_err(|_| {
        Rejection::new(
            "form",
            "使えない文字があります。英数字と . _ - で、64文字以内で入力してください。",
            "This holds characters that an id cannot have. Use letters, digits and . _ -, at most 64.",
        )
        .about(field)
    })
}

/// A time as a browser's date-and-time field sends it (`2026-07-01T14:03`), in the facility's local time.
pub(crate) fn local_time(text: &str, field: &str) -> Result<Timestamp, Rejection> {
    let text = text.trim();
    let seconds = if text.len() == "2026-07-01T14:03".len() { ":00" } else { "" };
    let hours = SHOWN_OFFSET_S / 3600;
    format!("{text}{seconds}+{hours:02}:00").parse().map_err(|_| {
        Rejection::new(
            "form",
            "日時を読み取れません。例:2026-07-01T14:03",
            "The date and time cannot be read. Example: 2026-07-01T14:03",
        )
        .about(field)
    })
}

/// A time as a browser's date-and-time field shows it.
pub(crate) fn local_field(at: Timestamp) -> String {
    let shifted = at.plus_s(i64::from(SHOWN_OFFSET_S)).to_string();
    shifted.chars().take("2026-07-01T14:03".len()).collect()
}

/// A text for use inside a query string.
pub(crate) fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}

/// A path of our own to go to afterwards; anything else becomes the start page, so that a link cannot lead elsewhere.
pub(crate) fn own_path(text: Option<&str>) -> String {
    match text {
        Some(path) if path.starts_with('/') && !path.starts_with("//") && !path.contains('\\') => path.to_owned(),
        _ => "/".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_local_time_reads_back_what_the_field_shows() {
        let at = local_time("2026-07-01T14:03", "from").unwrap();
        assert_eq!(at.to_string(), "2026-07-01T05:03:00.000Z");
        assert_eq!(local_field(at), "2026-07-01T14:03");
        assert_eq!(local_time("tomorrow", "from").unwrap_err().field.as_deref(), Some("from"));
    }

    #[test]
    fn only_our_own_paths_are_followed() {
        assert_eq!(own_path(Some("/batches/B-1?phase=P1")), "/batches/B-1?phase=P1");
        for bad in ["https://elsewhere", "//elsewhere", "/\\elsewhere", ""] {
            assert_eq!(own_path(Some(bad)), "/");
        }
    }
}
