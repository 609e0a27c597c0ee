//! What goes wrong on the way to a page, and how it is said: in both languages, what and what to do.
//!
//! A rule's refusal of a form is not here: the form's own page shows it and keeps what was entered.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Redirect, Response},
};
use mes_core::{access::Rejection, quantity::Bilingual};

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WebError {
    /// Nobody is logged in.
    #[error("nobody is logged in")]
    LogIn {
        /// Where to go afterwards.
        next: String,
        /// htmx asked for a part of a page.
        partial: bool,
    },
    /// It is not there, or the person may not know that it is.
    #[error("not found")]
    NotFound,
    /// A rule said no, and there is no form to say it on.
    #[error("refused: {0}")]
    Refused(#[from] Rejection),
    /// The request does not have the form that the page sends.
    #[error("the request cannot be read: {0}")]
    Form(String),
    /// The template could not be filled in.
    #[error("the page could not be rendered")]
    Render(#[from] askama::Error),
    /// The request comes from a page of another site.
    #[error("the request comes from another site")]
    Foreign,
    /// Something broke while the page was made.
    #[error("a fault while the page was made")]
    Broken,
}

/// Status of a refusal.
pub(crate) fn status_of(rejection: &Rejection) -> StatusCode {
    match rejection.rule.as_str() {
        "not-found" => StatusCode::NOT_FOUND,
        "access" => StatusCode::FORBIDDEN,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

impl WebError {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::LogIn { .. } => StatusCode::UNAUTHORIZED,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Refused(rejection) => status_of(rejection),
            Self::Form(_) => StatusCode::BAD_REQUEST,
            Self::Foreign => StatusCode::FORBIDDEN,
            Self::Render(_) | Self::Broken => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
    /// The sentence, in both languages.
    pub(crate) fn said(&self) -> Bilingual {
        match self {
            Self::LogIn { .. } => Bilingual::new("ログインしてください。", "Log in first."),
            Self::NotFound => Rejection::not_found().said,
            Self::Refused(rejection) => rejection.said.clone(),
            Self::Form(what) => Bilingual::new(
                format!("送信された内容を読み取れません({what})。前の画面に戻り、入力し直してください。"),
                format!("What was sent cannot be read ({what}). Go back and enter it again."),
            ),
            Self::Foreign => Bilingual::new(
                "別のサイトからの操作は受け付けません。この画面を開き直してから操作してください。",
                "Acts that come from another site are not accepted. Open the page here and try again.",
            ),
            Self::Render(_) | Self::Broken => Bilingual::new(
                "画面を作成できませんでした。記録には影響ありません。再読込しても直らない場合はシステム管理者に連絡してください。",
                "The page could not be made. The record is not affected. Reload; if it stays, tell the system administrator.",
            ),
        }
    }
}

/// What an error page says; it travels beside the answer until the purpose of the journal is known.
#[derive(Clone)]
struct Said {
    status: StatusCode,
    said: Bilingual,
    rule: Option<String>,
}

/// Puts the mark of a journal that is no manufacturing record on an error page, as on every other page.
pub(crate) fn marked(response: Response, purpose: Option<Bilingual>) -> Response {
    match (response.extensions().get::<Said>(), purpose) {
        (Some(Said { status, said, rule }), Some(purpose)) => {
            let mut page = page(*status, said, rule.as_deref(), Some(&purpose));
            page.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            page
        }
        _ => response,
    }
}

/// The page of an error; it needs no template, so that it can speak of a broken one.
fn page(status: StatusCode, said: &Bilingual, rule: Option<&str>, purpose: Option<&Bilingual>) -> Response {
    let banner = purpose.map(|p| format!("<p class=\"purpose\">◇ {} / {}</p>", escape(&p.ja), escape(&p.en)));
    let known = Said { status, said: said.clone(), rule: rule.map(str::to_owned) };
    let rule = rule.map(|rule| format!("<p class=\"rule\">{}</p>", escape(rule))).unwrap_or_default();
    let body = format!(
        "<!doctype html><html lang=\"ja\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{code}</title><link rel=\"icon\" href=\"{icon}\"><link rel=\"stylesheet\" href=\"{style}\"></head><body class=\"error-page\">{banner}<main id=\"work\" class=\"panel narrow\">\
         <h1><span class=\"mark\" aria-hidden=\"true\">!</span> {code}</h1><p lang=\"ja\">{ja}</p><p lang=\"en\">{en}</p>{rule}\
         <p><a class=\"button\" href=\"/\">最初の画面へ / Start page</a></p></main></body></html>",
        code = status.as_u16(),
        style = super::asset::url("style.css"),
        icon = super::asset::url("mark.svg"),
        banner = banner.unwrap_or_default(),
        ja = escape(&said.ja),
        en = escape(&said.en),
    );
    let mut response = (status, Html(body)).into_response();
    response.extensions_mut().insert(known);
    response
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// What a panic in a handler becomes.
pub(crate) fn after_panic(fault: Box<dyn std::any::Any + Send>) -> Response {
    let said = fault.downcast_ref::<String>().map(String::as_str).or_else(|| fault.downcast_ref::<&str>().copied());
    tracing::error!(fault = said.unwrap_or("unknown"), "a page broke");
    WebError::Broken.into_response()
}

impl IntoResponse for WebError {
    fn into_response(self) -> Response {
        if let Self::LogIn { next, partial } = &self {
            let to = format!("/login?next={}", super::form::encoded(next));
            return match (partial, HeaderValue::from_str(&to)) {
                (true, Ok(to)) => (StatusCode::UNAUTHORIZED, [("hx-redirect", to)]).into_response(),
                _ => Redirect::to(&to).into_response(),
            };
        }
        if let Self::Render(error) = &self {
            tracing::error!(%error, "a template could not be filled in");
        }
        let rule = match &self {
            Self::Refused(rejection) => Some(rejection.rule.as_str()),
            _ => None,
        };
        let mut response = page(self.status(), &self.said(), rule, None);
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}
