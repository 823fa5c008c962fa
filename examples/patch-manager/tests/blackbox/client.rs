//! A client of the API, and its answers.

use std::time::{Duration, Instant};

use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::manager::{LONG, checks_of};

/// A client for one user.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) client: Client,
    pub(crate) base: String,
    pub(crate) token: Option<String>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The body, where the status is the expected one.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        if self.text.is_empty() { Value::Null } else { self.json() }
    }

    /// Asserts a problem of this status and code, in every member of its body.
    #[track_caller]
    pub(crate) fn problem(self, status: u16, code: &str) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        let body = self.json();
        let kind = self.headers.get("content-type").map(|kind| kind.to_str().unwrap_or_default());
        assert_eq!(kind, Some("application/problem+json"), "{body}");
        assert_eq!((&body["code"], &body["status"]), (&json!(code), &json!(status)), "{body}");
        assert_eq!(
            (&body["error"]["code"], &body["error"]["message"]),
            (&json!(code), &body["detail"])
        );
        assert!(body["errors"].is_array() && body["title"].is_string() && body["type"].is_string());
        body
    }

    /// The codes of a field's violations.
    pub(crate) fn codes(body: &Value, field: &str) -> Vec<String> {
        let errors = body["errors"].as_array().unwrap().iter();
        let of_field = errors.filter(|error| error["field"] == field);
        of_field.map(|error| error["code"].as_str().unwrap().to_owned()).collect()
    }
}

impl Api {
    pub(crate) async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let body = body.map(|body| ("application/json", body.to_string()));
        self.raw(method, path, body, &[]).await
    }

    pub(crate) async fn raw(
        &self,
        method: Method,
        path: &str,
        body: Option<(&str, String)>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some((kind, body)) = body {
            request = request.header("content-type", kind).body(body);
        }
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status(), answer.headers().clone());
        Answer { status, headers, text: answer.text().await.unwrap() }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, Some(&body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PUT, path, Some(&body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, None).await
    }

    /// An answer whose body is not read, for streams.
    pub(crate) async fn stream(&self, path: &str) -> reqwest::Response {
        let request = self.client.get(format!("{}{path}", self.base));
        let opened = request.bearer_auth(self.token.as_ref().unwrap()).send();
        // A proxy that holds a stream back holds its first line back as well.
        tokio::time::timeout(LONG, opened).await.expect("a stream opens in time").unwrap()
    }

    /// Asks again until the body is as wanted, and answers with it.
    #[track_caller]
    pub(crate) fn until(
        &self,
        path: &str,
        wanted: impl Fn(&Value) -> bool + Send,
    ) -> impl Future<Output = Value> + Send {
        self.until_in(LONG, path, wanted)
    }

    /// The same with a patience of its own.
    #[track_caller]
    pub(crate) fn until_in(
        &self,
        patience: Duration,
        path: &str,
        wanted: impl Fn(&Value) -> bool + Send,
    ) -> impl Future<Output = Value> + Send {
        let place = std::panic::Location::caller();
        async move {
            let started = Instant::now();
            loop {
                let answer = self.get(path).await;
                let body = answer.json();
                if answer.status.is_success() && wanted(&body) {
                    return body;
                }
                assert!(started.elapsed() < patience, "{place}: {path} stays at {body:#}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }

    /// Makes a service check, and answers with its id.
    pub(crate) async fn service_check(&self, host: Uuid, service: &str) -> Uuid {
        let body = json!({"name": service, "check_type": "service", "service_name": service});
        let made = self.post(&checks_of(host), body).await.expect(201);
        made["id"].as_str().unwrap().parse().unwrap()
    }

    /// Makes a job with a window from now on for so many seconds, and answers with its id.
    pub(crate) async fn job(&self, hosts: &[Uuid], seconds: i64) -> Uuid {
        let now = chrono::Utc::now();
        let closes = now + chrono::TimeDelta::seconds(seconds);
        let window = json!({"opens_at": now, "closes_at": closes});
        let made = self.post("/api/v1/jobs", json!({"host_ids": hosts, "window": window})).await;
        made.expect(201)["id"].as_str().unwrap().parse().unwrap()
    }
}
