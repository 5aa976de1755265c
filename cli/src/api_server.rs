//! Requests to the API server, and finding the controller's Service there.

use std::time::Duration;

use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use k8s_openapi::api::core::v1::Service;
use kube::Client;

use crate::controller_client::{Address, ControllerError};
use crate::discovery::{SELECTORS, candidates};
use crate::error::root_cause;
use crate::message;

/// No answer is anywhere near as long.
const MAX_ANSWER: usize = 64 << 20;

/// An API server, and how long to wait for its answers.
pub(crate) struct ApiServer {
    pub(crate) client: Client,
    pub(crate) url: String,
    pub(crate) timeout: Option<Duration>,
}

impl ApiServer {
    /// The Service at `address`; where there is none and nobody insists on that name, the one in the
    /// same namespace that has the labels of a controller's.
    pub(crate) async fn find(
        &self,
        address: Address,
        is_named: bool,
    ) -> Result<(Service, Address), ControllerError> {
        let answer = self.get(&service_path(&address)).await?;
        if answer.status != StatusCode::NOT_FOUND {
            return answer.service(address, Vec::new());
        }
        let mut near = Vec::new();
        if !is_named {
            near = self.labelled(Some(&address.namespace)).await;
            if let [found] = near.as_slice() {
                let answer = self.get(&service_path(found)).await?;
                if answer.status.is_success() {
                    message::hint(&format!(
                        "using Service {}/{1}; --controller-name {1} says so without a search",
                        found.namespace, found.name
                    ));
                }
                return answer.service(found.clone(), Vec::new());
            }
        }
        let known = match near {
            near if near.is_empty() => self.labelled(None).await,
            near => near,
        };
        answer.service(address, known)
    }

    /// Services that have the labels of a controller's. None where they can't be listed.
    async fn labelled(&self, namespace: Option<&str>) -> Vec<Address> {
        let folder = match namespace {
            Some(namespace) => format!("namespaces/{}/services", escaped(namespace)),
            None => "services".to_owned(),
        };
        for selector in SELECTORS {
            let path = format!("/api/v1/{folder}?labelSelector={selector}");
            let found = match self.get(&path).await {
                Ok(answer) if answer.status.is_success() => candidates(&answer.body),
                _ => Vec::new(),
            };
            if !found.is_empty() {
                return found;
            }
        }
        Vec::new()
    }

    async fn get(&self, path: &str) -> Result<Answer, ControllerError> {
        self.ask(Method::GET, path, "application/json", None).await
    }

    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        accept: &'static str,
        body: Option<Vec<u8>>,
    ) -> Result<Answer, ControllerError> {
        let exchange = self.exchange(method, path, accept, body);
        match self.timeout {
            None => exchange.await,
            Some(after) => match tokio::time::timeout(after, exchange).await {
                Ok(answer) => answer,
                Err(_) => Err(ControllerError::Timeout {
                    server: self.url.clone(),
                    after,
                }),
            },
        }
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        accept: &'static str,
        body: Option<Vec<u8>>,
    ) -> Result<Answer, ControllerError> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::ACCEPT, accept);
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let request = request
            .body(body.unwrap_or_default().into())
            .expect("names in the path are escaped");
        let response = self
            .client
            .send(request)
            .await
            .map_err(|error| self.failure(error))?;
        let status = response.status();
        let body = Limited::new(response.into_body(), MAX_ANSWER)
            .collect()
            .await
            .map_err(|error| ControllerError::Answer {
                server: self.url.clone(),
                reason: root_cause(error.as_ref()),
            })?;
        Ok(Answer {
            status,
            body: body.to_bytes().to_vec(),
        })
    }

    fn failure(&self, error: kube::Error) -> ControllerError {
        match error {
            // Credentials are made when they are first needed: a plugin may be missing.
            kube::Error::Auth(_) => ControllerError::Settings(Box::new(error)),
            error => ControllerError::Unreachable {
                server: self.url.clone(),
                reason: root_cause(&error),
            },
        }
    }
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    fn service(
        &self,
        address: Address,
        known: Vec<Address>,
    ) -> Result<(Service, Address), ControllerError> {
        let status = self.status.as_u16();
        let message = if self.status.is_success() {
            match serde_json::from_slice(&self.body) {
                Ok(service) => return Ok((service, address)),
                Err(_) => "the answer is not a Service".to_owned(),
            }
        } else {
            self.message()
        };
        Err(ControllerError::Service {
            address,
            status,
            message,
            known,
        })
    }

    /// What the answer says: the message of a Kubernetes Status, or a short text, or its status.
    pub(crate) fn message(&self) -> String {
        let status = serde_json::from_slice::<serde_json::Value>(&self.body).ok();
        if let Some(message) = status
            .as_ref()
            .and_then(|status| status.get("message")?.as_str())
            && !message.is_empty()
        {
            return message.to_owned();
        }
        let text = String::from_utf8_lossy(&self.body);
        let text = text.trim();
        if text.is_empty() || text.len() > 200 || text.starts_with(['{', '<']) {
            self.status.to_string()
        } else {
            format!("{} ({})", text, self.status)
        }
    }
}

fn service_path(address: &Address) -> String {
    format!(
        "/api/v1/namespaces/{}/services/{}",
        escaped(&address.namespace),
        escaped(&address.name)
    )
}

/// A name as a part of a path. Kubernetes' own names have nothing to escape.
pub(crate) fn escaped(name: &str) -> String {
    let mut escaped = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                escaped.push(char::from(byte));
            }
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_their_part_of_the_path() {
        assert_eq!(escaped("sealed-secrets.x_1~"), "sealed-secrets.x_1~");
        assert_eq!(escaped("../a b:é?"), "..%2Fa%20b%3A%C3%A9%3F");
    }

    #[test]
    fn answers_are_quoted_when_they_are_short() {
        let message = |body: &str| {
            Answer {
                status: StatusCode::SERVICE_UNAVAILABLE,
                body: body.as_bytes().to_vec(),
            }
            .message()
        };
        assert_eq!(
            message(r#"{"kind":"Status","message":"no endpoints available"}"#),
            "no endpoints available"
        );
        assert_eq!(message("busy\n"), "busy (503 Service Unavailable)");
        assert_eq!(message(""), "503 Service Unavailable");
        assert_eq!(message("<html>"), "503 Service Unavailable");
    }
}
