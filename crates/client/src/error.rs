//! Why there is no answer, or another than was hoped for.

use http::StatusCode;
use serde::Deserialize;
use std::fmt;

/// Why a request came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The client cannot be set up as it was asked to.
    #[error("{0}")]
    Setup(String),
    /// There was no connection, or it broke before an answer.
    #[error("cannot reach {url}: {message}")]
    Unreachable {
        /// The server.
        url: String,
        /// What happened.
        message: String,
    },
    /// The server refuses.
    #[error("{0}")]
    Refused(Box<Problem>),
    /// The answer is not one of the API.
    #[error("{url} does not answer as this API does: {message}")]
    Unexpected {
        /// The server.
        url: String,
        /// What is unexpected.
        message: String,
    },
    /// A file of this machine cannot be written.
    #[error("{0}")]
    File(#[from] std::io::Error),
}

impl Error {
    /// The status of a refusal.
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Error::Refused(problem) => Some(problem.status),
            _ => None,
        }
    }
}

/// A refusal, as the server explains it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The status.
    pub status: StatusCode,
    /// All that is wrong, in one sentence.
    pub message: String,
    /// What is wrong with which field; empty if no field is concerned.
    pub details: Vec<Detail>,
    /// What the server's log calls the request.
    pub request_id: Option<String>,
}

/// One violation of a payload or of a query.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Detail {
    /// The field, as a JSON pointer.
    pub pointer: Option<String>,
    /// The query's parameter.
    pub parameter: Option<String>,
    /// The rule that is broken.
    #[serde(default)]
    pub code: String,
    /// What is wrong; follows the field's name.
    #[serde(default)]
    pub message: String,
}

impl Problem {
    /// Reads the body of a refusal. A body that is not Tenantry's, such as a proxy's page, is not shown.
    pub(crate) fn read(status: StatusCode, body: &[u8]) -> Self {
        #[derive(Deserialize)]
        struct Body {
            error: String,
            #[serde(default)]
            details: Vec<Detail>,
            request_id: Option<String>,
        }
        match serde_json::from_slice::<Body>(body) {
            Ok(Body { error, details, request_id }) => {
                Problem { status, message: error, details, request_id }
            }
            Err(_) => Problem {
                status,
                message: "the server says no more, or something between here and the server has answered"
                    .to_owned(),
                details: Vec::new(),
                request_id: None,
            },
        }
    }

    /// Whether a field breaks this rule, such as `("/name", "taken")`.
    pub fn has(&self, pointer: &str, code: &str) -> bool {
        self.details.iter().any(|detail| detail.pointer.as_deref() == Some(pointer) && detail.code == code)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.status, self.message)?;
        match &self.request_id {
            Some(id) if self.status.is_server_error() => write!(f, " (request {id})"),
            _ => Ok(()),
        }
    }
}

/// An error with all its causes: the outermost says too little ("client error").
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut texts = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        texts.push(advice(error).unwrap_or_else(|| error.to_string()));
        // An I/O error that wraps another one does not give it as its source.
        let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        next = inner.map_or_else(|| error.source(), |inner| Some(inner));
    }
    texts.dedup();
    texts.retain(|text| !["client error (Connect)", "client error (SendRequest)"].contains(&text.as_str()));
    texts.join(": ")
}

/// What the commonest errors of TLS mean to who has not set it up, and what to do.
fn advice(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    use rustls::CertificateError::{
        Expired, ExpiredContext, NotValidForName, NotValidForNameContext, NotValidYet, NotValidYetContext,
        UnknownIssuer,
    };
    if error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse) {
        return Some(
            "what comes back is not HTTP: if the server speaks TLS, its URL begins with https:".to_owned(),
        );
    }
    match error.downcast_ref::<rustls::Error>()? {
        rustls::Error::InvalidMessage(_) => {
            Some("what comes back is not TLS: if the server does not speak it, its URL begins with http:".to_owned())
        }
        rustls::Error::InvalidCertificate(why) => Some(match why {
            UnknownIssuer => "the authority of the server's certificate is unknown: name a file with it, --ca-file".to_owned(),
            Expired | ExpiredContext { .. } => "the server's certificate has expired".to_owned(),
            NotValidYet | NotValidYetContext { .. } => {
                "the server's certificate is not valid yet: are the clocks right?".to_owned()
            }
            NotValidForName | NotValidForNameContext { .. } => {
                "the server's certificate is not for this host's name".to_owned()
            }
            other if format!("{other:?}").contains("CaUsedAsEndEntity") => {
                "the server's certificate is an authority's, as `openssl req -x509` makes it: let the server have one that \
                 the authority has signed"
                    .to_owned()
            }
            other => format!("the server's certificate is refused: {other}"),
        }),
        _ => None,
    }
}
