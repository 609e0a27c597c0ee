//! Who is at the screen: sessions in memory, one cookie per host, ended by the person, by time, or with the process.
//!
//! The cookie holds a random token that is written nowhere else; entries name the session's id. A session re-authenticates
//! nobody: signatures carry their own credential.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{HeaderMap, header, request::Parts},
};
use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use mes_core::{
    access::Scope,
    clock::Clock,
    engine::View,
    id::{PersonId, SessionId},
    quantity::Language,
    tenant::Role,
};
use sha2::{Digest, Sha256};

use super::{AppState, locale::Words};

/// A session without a request for this long ends (15 min).
pub(crate) const IDLE_MAX: Duration = Duration::from_secs(15 * 60);
/// A session ends after this long whatever happens (12 h: one long shift).
pub(crate) const AGE_MAX: Duration = Duration::from_secs(12 * 3600);
/// Most sessions held; the longest idle one makes room.
const SESSIONS_MAX: usize = 10_000;
/// Name of the session cookie.
const COOKIE: &str = "mes_session";
/// Name of the cookie that keeps the language before anybody logs in.
const LANGUAGE_COOKIE: &str = "mes_language";

struct Row {
    scope: Scope,
    began: Instant,
    touched: Instant,
}

impl Row {
    fn over(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.touched) > IDLE_MAX || now.saturating_duration_since(self.began) > AGE_MAX
    }
}

/// All sessions, by the hash of their token.
#[derive(Default)]
pub(crate) struct Sessions {
    rows: Mutex<BTreeMap<[u8; 32], Row>>,
}

fn key(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

impl Sessions {
    fn locked(&self) -> std::sync::MutexGuard<'_, BTreeMap<[u8; 32], Row>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// Begins a session under a token.
    pub(crate) fn begin(&self, token: &str, scope: Scope) {
        let now = Clock::wall();
        let mut rows = self.locked();
        if rows.len() >= SESSIONS_MAX
            && let Some(oldest) = rows.iter().min_by_key(|(_, row)| row.touched).map(|(key, _)| *key)
        {
            rows.remove(&oldest);
        }
        rows.insert(key(token), Row { scope, began: now, touched: now });
    }
    /// The session under a token; a request keeps it alive, looking does not.
    fn find(&self, token: &str, touch: bool) -> Option<Scope> {
        let now = Clock::wall();
        let mut rows = self.locked();
        let row = rows.get_mut(&key(token)).filter(|row| !row.over(now))?;
        if touch {
            row.touched = now;
        }
        Some(row.scope.clone())
    }
    /// Ends a session.
    pub(crate) fn end(&self, session: &SessionId) -> Option<Scope> {
        let mut rows = self.locked();
        let key = rows.iter().find(|(_, row)| row.scope.session == *session).map(|(key, _)| *key)?;
        rows.remove(&key).map(|row| row.scope)
    }
    /// Whether a session is still there; looking does not keep it alive.
    pub(crate) fn lives(&self, session: &SessionId) -> bool {
        let now = Clock::wall();
        self.locked().values().any(|row| row.scope.session == *session && !row.over(now))
    }
    /// Removes and returns the sessions whose time is over.
    pub(crate) fn take_expired(&self) -> Vec<Scope> {
        let now = Clock::wall();
        let mut rows = self.locked();
        let over: Vec<[u8; 32]> = rows.iter().filter(|(_, row)| row.over(now)).map(|(key, _)| *key).collect();
        over.iter().filter_map(|key| rows.remove(key)).map(|row| row.scope).collect()
    }
    /// Changes the language of a session.
    pub(crate) fn speak(&self, session: &SessionId, language: Language) {
        for row in self.locked().values_mut().filter(|row| row.scope.session == *session) {
            row.scope.language = language;
        }
    }
}

/// The cookie that carries a token. It stays on its host, so that three host names keep three log-ins side by side.
pub(crate) fn cookie(token: String, secure: bool) -> Cookie<'static> {
    Cookie::build((COOKIE, token)).path("/").http_only(true).same_site(SameSite::Strict).secure(secure).build()
}

/// The cookie that ends a session in the browser.
pub(crate) fn gone() -> Cookie<'static> {
    Cookie::build((COOKIE, "")).path("/").build()
}

/// The cookie that keeps a language.
pub(crate) fn language_cookie(language: Language) -> Cookie<'static> {
    let code = Words(language).code();
    Cookie::build((LANGUAGE_COOKIE, code)).path("/").http_only(true).same_site(SameSite::Lax).permanent().build()
}

/// A request, with the person behind it if somebody is logged in.
#[derive(Clone)]
pub(crate) struct Visit {
    /// The session's scope.
    pub(crate) scope: Option<Scope>,
    /// Language to answer in.
    pub(crate) language: Language,
    /// Host name of the request, without port.
    pub(crate) host: String,
    /// Client address.
    pub(crate) client: String,
    /// Path and query.
    pub(crate) path: String,
    /// htmx asks for a part of a page.
    pub(crate) partial: bool,
}

/// A logged-in person's request. Handlers that take one cannot be reached without a session.
#[derive(Clone)]
pub(crate) struct Session {
    /// Whose session, where.
    pub(crate) scope: Scope,
    /// The request.
    pub(crate) visit: Visit,
}

impl Session {
    /// The part of the view that this person may see.
    pub(crate) fn view(&self, state: &AppState) -> View {
        state.desk.view().cut(&self.scope)
    }
    /// The session's words.
    pub(crate) fn words(&self) -> Words {
        Words(self.scope.language)
    }
}

fn header_text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

fn preferred(headers: &HeaderMap) -> Language {
    let accepted = header_text(headers, header::ACCEPT_LANGUAGE).unwrap_or_default();
    let first = accepted.split(',').map(str::trim).find(|tag| tag.starts_with("ja") || tag.starts_with("en"));
    if first.is_some_and(|tag| tag.starts_with("en")) { Language::En } else { Language::Ja }
}

impl Visit {
    /// Reads a request; with `touch` it keeps its session alive.
    pub(crate) fn read(parts: &Parts, state: &AppState, touch: bool) -> Self {
        let jar = CookieJar::from_headers(&parts.headers);
        let scope = jar.get(COOKIE).and_then(|cookie| state.sessions.find(cookie.value(), touch));
        let chosen = match jar.get(LANGUAGE_COOKIE).map(Cookie::value) {
            Some("en") => Some(Language::En),
            Some("ja") => Some(Language::Ja),
            _ => None,
        };
        let language = scope.as_ref().map(|scope| scope.language).or(chosen);
        let host = header_text(&parts.headers, header::HOST).unwrap_or_default();
        let host = host.rsplit_once(':').map_or(host, |(name, _)| name).to_owned();
        let client = parts.extensions.get::<ConnectInfo<std::net::SocketAddr>>();
        Self {
            scope,
            language: language.unwrap_or_else(|| preferred(&parts.headers)),
            host,
            client: client.map_or_else(|| "unknown".to_owned(), |info| info.0.ip().to_string()),
            path: parts.uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string),
            partial: parts.headers.contains_key("hx-request"),
        }
    }
}

impl FromRequestParts<AppState> for Visit {
    type Rejection = std::convert::Infallible;
    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Self::Rejection> {
        if let Some(visit) = parts.extensions.get::<Self>() {
            return Ok(visit.clone());
        }
        Ok(Self::read(parts, state, true))
    }
}

impl FromRequestParts<AppState> for Session {
    type Rejection = super::error::WebError;
    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Self::Rejection> {
        let visit = Visit::read(parts, state, true);
        match visit.scope.clone() {
            Some(scope) => Ok(Self { scope, visit }),
            None => Err(super::error::WebError::LogIn { next: visit.path, partial: visit.partial }),
        }
    }
}

/// A person's name and roles, as the badge on top of each screen shows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Badge {
    /// Name in both scripts.
    pub(crate) name: String,
    /// Person id.
    pub(crate) id: PersonId,
    /// Roles in words.
    pub(crate) roles: String,
    /// Employer, terminal.
    pub(crate) place: String,
}

/// The badge of a session.
pub(crate) fn badge(scope: &Scope, view: &View, w: Words) -> Badge {
    let person = view.facility.people.get(&scope.person);
    let roles: Vec<Role> = person.map(|p| p.roles.iter().map(|grant| grant.role).collect()).unwrap_or_default();
    let tenant = scope.tenant.as_ref().and_then(|id| view.facility.tenants.get(id));
    let mut place = tenant.map(|tenant| w.b(&tenant.name).to_owned()).unwrap_or_default();
    if let Some(terminal) = &scope.terminal {
        place = format!("{place} {terminal}").trim().to_owned();
    }
    Badge {
        name: person.map_or_else(|| scope.person.to_string(), |person| person.name.full()),
        id: scope.person.clone(),
        roles: roles.into_iter().map(|role| w.t(super::term::role(role))).collect::<Vec<_>>().join(" · "),
        place,
    }
}

#[cfg(test)]
mod tests {
    use mes_core::access::AuthMethod;

    use super::*;

    fn scope(session: &str) -> Scope {
        Scope {
            person: "sato".parse().unwrap(),
            tenant: None,
            terminal: None,
            session: session.parse().unwrap(),
            auth: AuthMethod::Password,
            client: "127.0.0.1".into(),
            language: Language::Ja,
        }
    }

    #[test]
    fn a_session_is_found_by_its_token_only_and_ends_at_once() {
        let sessions = Sessions::default();
        sessions.begin("secret", scope("S-1"));
        assert!(sessions.find("S-1", true).is_none());
        assert_eq!(sessions.find("secret", true).unwrap().session.as_str(), "S-1");
        assert!(sessions.end(&"S-1".parse().unwrap()).is_some());
        assert!(sessions.find("secret", true).is_none());
    }

    #[test]
    fn an_idle_session_is_over_and_is_reported_once() {
        let sessions = Sessions::default();
        sessions.begin("secret", scope("S-1"));
        for row in sessions.locked().values_mut() {
            row.touched = row.touched.checked_sub(IDLE_MAX + Duration::from_secs(1)).unwrap();
        }
        assert!(sessions.find("secret", true).is_none());
        assert!(!sessions.lives(&"S-1".parse().unwrap()));
        assert_eq!(sessions.take_expired().len(), 1);
        assert!(sessions.take_expired().is_empty());
    }
}
