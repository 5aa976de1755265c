//! What a request asks of the API server.

use std::fmt;
use std::time::Instant;

use http::{Method, header};

use crate::installation::NAME;

/// What is done, in the API server's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the API server's verbs")]
pub enum Verb {
    Get,
    List,
    Watch,
    Create,
    Update,
    Patch,
    Delete,
}

impl Verb {
    /// Those that change something.
    pub const WRITES: [Self; 4] = [Self::Create, Self::Update, Self::Patch, Self::Delete];
}

/// A request to the API server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Request {
    /// What is done.
    pub verb: Verb,
    /// To what kind of thing: `secrets`, or `sealedsecrets/status`; empty for what is no resource.
    pub resource: String,
    /// In which namespace, if in one.
    pub namespace: Option<String>,
    /// To which one, if to one.
    pub name: Option<String>,
    /// Path and query.
    pub path: String,
    /// Whether a fault was injected.
    pub faulted: bool,
    /// When it came.
    pub at: Instant,
    /// What the API server made of it, once it has answered.
    pub answered: Option<Answered>,
    /// Tells it from all others of the same proxy.
    pub(super) number: u64,
    pub(super) token: Option<Token>,
}

/// An answer of the API server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answered {
    /// The HTTP status code.
    pub code: u16,
    /// When it came.
    pub at: Instant,
}

/// A bearer token, kept out of the output of failed tests.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Token(pub(super) String);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

impl Request {
    /// Whether this is part of electing the replica that writes, which goes on when nothing else does.
    #[must_use]
    pub fn is_of_election(&self) -> bool {
        self.resource == "leases"
            && self.name.as_deref() == Some(NAME)
            && matches!(self.verb, Verb::Get | Verb::Update)
    }

    /// When it was carried out, if the API server said so.
    #[must_use]
    pub fn done(&self) -> Option<Instant> {
        let answered = self.answered?;
        (200..300).contains(&answered.code).then_some(answered.at)
    }

    pub(super) fn of<B>(http: &http::Request<B>) -> Self {
        let query = http.uri().query().unwrap_or_default();
        let watches = query
            .split('&')
            .any(|pair| matches!(pair, "watch=true" | "watch=1"));
        let token = http.headers().get(header::AUTHORIZATION);
        let token = token
            .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "))
            .map(|token| Token(token.trim().to_owned()));
        let path = http.uri().to_string();
        let mut request = Self::to(http.uri().path(), path);
        request.token = token;
        request.verb = match *http.method() {
            Method::POST => Verb::Create,
            Method::PUT => Verb::Update,
            Method::PATCH => Verb::Patch,
            Method::DELETE => Verb::Delete,
            _ if watches => Verb::Watch,
            _ if request.name.is_some() => Verb::Get,
            _ => Verb::List,
        };
        request
    }

    fn to(path: &str, whole: String) -> Self {
        let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
        let rest = match segments.as_slice() {
            ["api", _, rest @ ..] | ["apis", _, _, rest @ ..] => rest,
            _ => &[],
        };
        let (namespace, rest) = match rest {
            ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (Some(*namespace), rest),
            rest => (None, rest),
        };
        let (resource, name) = match rest {
            [kind, name, subresource] => (format!("{kind}/{subresource}"), Some(*name)),
            [kind, name] => ((*kind).to_owned(), Some(*name)),
            [kind] => ((*kind).to_owned(), None),
            _ => (String::new(), None),
        };
        Self {
            verb: Verb::Get,
            resource,
            namespace: namespace.map(str::to_owned),
            name: name.map(str::to_owned),
            path: whole,
            faulted: false,
            at: Instant::now(),
            answered: None,
            number: 0,
            token: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: Method, path: &str) -> Request {
        let http = http::Request::builder()
            .method(method)
            .uri(path)
            .header("Authorization", "Bearer t0ken")
            .body(())
            .unwrap();
        Request::of(&http)
    }

    #[test]
    fn verbs_and_resources_are_those_of_the_api_server() {
        let status = request(
            Method::PUT,
            "/apis/bitnami.com/v1alpha1/namespaces/shop/sealedsecrets/db/status",
        );
        assert_eq!(
            (status.verb, status.resource.as_str()),
            (Verb::Update, "sealedsecrets/status")
        );
        assert_eq!(status.namespace.as_deref(), Some("shop"));
        assert_eq!(status.name.as_deref(), Some("db"));
        assert_eq!(status.token, Some(Token("t0ken".to_owned())));

        let watch = request(Method::GET, "/api/v1/secrets?watch=true&limit=5");
        assert_eq!(
            (watch.verb, watch.resource.as_str()),
            (Verb::Watch, "secrets")
        );
        let list = request(Method::GET, "/api/v1/namespaces/shop/secrets?limit=5");
        assert_eq!((list.verb, list.name), (Verb::List, None));
        let namespace = request(Method::GET, "/api/v1/namespaces/shop");
        assert_eq!(namespace.resource, "namespaces");
        assert_eq!(namespace.name.as_deref(), Some("shop"));
        assert_eq!(request(Method::GET, "/readyz").resource, "");
    }
}
