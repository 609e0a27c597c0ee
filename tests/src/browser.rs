//! A browser as far as the server sees one: cookies, forms, the JSON API. It follows no redirect by itself and runs no script.

use std::net::SocketAddr;

use reqwest::{Client, Response, StatusCode, redirect::Policy};
use serde_json::Value;

use crate::facility::DEADLINE;

/// The host name under which the tests come; it is resolved to the loopback interface here, without asking anybody.
const HOST: &str = "operator.localhost";

/// A browser with its cookies.
pub struct Browser {
    client: Client,
    origin: String,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Page {
    /// Status.
    pub status: StatusCode,
    /// Where it leads, if it does.
    pub location: Option<String>,
    /// Content type.
    pub media: String,
    /// The body as text.
    pub body: String,
    /// The body.
    pub bytes: Vec<u8>,
}

impl Page {
    async fn of(response: Response) -> Self {
        let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        let (location, media) = (header("location"), header("content-type").unwrap_or_default());
        let status = response.status();
        let bytes = response.bytes().await.unwrap().to_vec();
        Self { status, location, media, body: String::from_utf8_lossy(&bytes).into_owned(), bytes }
    }
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("no JSON ({error}): {}", self.body))
    }
}

impl Browser {
    /// A browser before any log-in.
    pub fn new(web: SocketAddr) -> Self {
        let client = Client::builder()
            .cookie_store(true)
            .redirect(Policy::none())
            .resolve(HOST, web)
            .timeout(DEADLINE)
            .build()
            .unwrap();
        Self { client, origin: format!("http://{HOST}:{}", web.port()) }
    }
    /// Logs in on the page.
    pub async fn log_in(&mut self, person: &str, password: &str) {
        let page = self.post("/login", &[("person", person), ("password", password)]).await;
        assert_eq!(page.status, StatusCode::SEE_OTHER, "{person} could not log in: {}", page.body);
    }
    /// Asks for a page.
    pub async fn get(&self, path: &str) -> Page {
        Page::of(self.client.get(format!("{}{path}", self.origin)).send().await.unwrap()).await
    }
    /// Asks for a page and gives status and head only, for answers that never end.
    pub async fn head_of(&self, path: &str) -> StatusCode {
        self.client.get(format!("{}{path}", self.origin)).send().await.unwrap().status()
    }
    /// Sends a form.
    pub async fn post(&self, path: &str, form: &[(&str, &str)]) -> Page {
        Page::of(self.client.post(format!("{}{path}", self.origin)).form(form).send().await.unwrap()).await
    }
    /// Sends JSON.
    pub async fn send(&self, path: &str, body: &Value) -> Page {
        self.try_send(path, body).await.unwrap()
    }
    /// Sends JSON to a server that may die meanwhile.
    pub async fn try_send(&self, path: &str, body: &Value) -> Result<Page, reqwest::Error> {
        let response = self.client.post(format!("{}{path}", self.origin)).json(body).send().await?;
        let status = response.status();
        let bytes = response.bytes().await?.to_vec();
        let body = String::from_utf8_lossy(&bytes).into_owned();
        Ok(Page { status, location: None, media: String::new(), body, bytes })
    }
}
