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

impl Page {
    /// The hidden fields of the form on this page that is sent to an address, as a browser would send them.
    pub fn fields(&self, action: &str) -> Vec<(String, String)> {
        let start = self.body.find(&format!("<form method=\"post\" action=\"{action}\""));
        let form = &self.body[start.unwrap_or_else(|| panic!("no form for {action}: {}", self.body))..];
        let form = &form[..form.find("</form>").unwrap()];
        let value = |input: &str, name: &str| {
            let from = input.find(&format!("{name}=\""))? + name.len() + 2;
            Some(unescaped(&input[from..from + input[from..].find('"')?]))
        };
        let hidden = form.split("<input ").skip(1).map(|rest| &rest[..rest.find('>').unwrap()]);
        let hidden = hidden.filter(|input| input.contains("type=\"hidden\""));
        hidden.map(|input| (value(input, "name").unwrap(), value(input, "value").unwrap())).collect()
    }
}

fn unescaped(text: &str) -> String {
    [("&#34;", "\""), ("&quot;", "\""), ("&#39;", "'"), ("&lt;", "<"), ("&gt;", ">"), ("&#60;", "<"), ("&#62;", ">")]
        .iter()
        .fold(text.to_owned(), |text, (escaped, plain)| text.replace(escaped, plain))
        .replace("&#38;", "&")
        .replace("&amp;", "&")
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
    /// Asks for a page and reads it until something that must come has come, for answers that never end.
    pub async fn get_until(&self, path: &str, end: &str) -> Page {
        let mut response = self.client.get(format!("{}{path}", self.origin)).send().await.unwrap();
        let (status, mut bytes) = (response.status(), Vec::new());
        while !String::from_utf8_lossy(&bytes).contains(end) {
            let Some(chunk) = response.chunk().await.unwrap() else { break };
            bytes.extend_from_slice(&chunk);
        }
        let body = String::from_utf8_lossy(&bytes).into_owned();
        Page { status, location: None, media: String::new(), body, bytes }
    }
    /// Sends a form.
    pub async fn post<N: AsRef<str>, V: AsRef<str>>(&self, path: &str, form: &[(N, V)]) -> Page {
        let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (name.as_ref(), value.as_ref())).collect();
        Page::of(self.client.post(format!("{}{path}", self.origin)).form(&form).send().await.unwrap()).await
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
