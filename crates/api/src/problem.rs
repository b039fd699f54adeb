//! The one place where an error becomes an answer (contract, section 3).

use app::Exceeded;
use axum::response::{IntoResponse, Response};
use domain::{Violation, Violations};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;

/// How long a client is asked to wait when the store cannot be reached, in seconds.
const RETRY_AFTER: u64 = 1;

/// An error on its way out. The frame writes it down, because only the frame knows the request's id.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    message: String,
    details: Vec<Detail>,
    retry_after: Option<u64>,
    exceeded: Option<Box<Exceeded>>,
}

/// One violation, as the caller reads it.
#[derive(Clone, Debug, Serialize)]
struct Detail {
    #[serde(skip_serializing_if = "Option::is_none")]
    pointer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameter: Option<String>,
    code: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<usize>,
    #[serde(skip)]
    sentence: String,
}

#[derive(Serialize)]
struct Body<'a> {
    error: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<&'a str>,
    #[serde(skip_serializing_if = "<[Detail]>::is_empty")]
    details: &'a [Detail],
    request_id: &'a str,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Problem { status, message: message.into(), details: Vec::new(), retry_after: None, exceeded: None }
    }

    fn of(violations: &Violations, detail: impl Fn(&Violation) -> Detail) -> Self {
        let details: Vec<Detail> = violations.iter().map(detail).collect();
        let message = details.iter().map(|d| d.sentence.as_str()).collect::<Vec<_>>().join("; ");
        Problem { details, ..Problem::new(StatusCode::UNPROCESSABLE_ENTITY, message) }
    }

    /// When the client is to try again, in seconds.
    pub(crate) fn retry_after(self, seconds: Option<u64>) -> Self {
        Problem { retry_after: seconds, ..self }
    }

    /// The answer's body.
    pub(crate) fn body(&self, request_id: &str) -> Vec<u8> {
        let body = Body {
            error: &self.message,
            errors: self.details.iter().map(|d| d.sentence.as_str()).collect(),
            details: &self.details,
            request_id,
        };
        serde_json::to_vec(&body).unwrap_or_default()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        let headers = response.headers_mut();
        match self.status {
            StatusCode::UNAUTHORIZED => {
                headers
                    .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"tenantry\""));
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                headers
                    .insert(header::RETRY_AFTER, HeaderValue::from(self.retry_after.unwrap_or(RETRY_AFTER)));
            }
            StatusCode::CONFLICT | StatusCode::TOO_MANY_REQUESTS => {
                headers.extend(self.exceeded.iter().flat_map(|exceeded| rate_limit(exceeded)));
                self.retry_after.map(|wait| headers.insert(header::RETRY_AFTER, HeaderValue::from(wait)));
            }
            StatusCode::UNSUPPORTED_MEDIA_TYPE => {
                headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip, identity"));
            }
            StatusCode::REQUEST_TIMEOUT | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::NOT_IMPLEMENTED => {
                headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            _ => {}
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// `Retry-After`, and `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10). The three older fields
/// beside them are what most client libraries read.
fn rate_limit(exceeded: &Exceeded) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
    let Exceeded { policy, quota, window, retry_after, .. } = exceeded;
    let wait = retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0);
    let wait = wait.max(1);
    let unit = match window {
        Some(seconds) => format!("w={seconds}"),
        None => "qu=\"concurrent-requests\"".to_owned(),
    };
    let fields = [
        ("retry-after", wait.to_string()),
        ("ratelimit-policy", format!("\"{policy}\";q={quota};{unit}")),
        ("ratelimit", format!("\"{policy}\";r=0;t={wait}")),
        ("ratelimit-limit", quota.to_string()),
        ("ratelimit-remaining", "0".to_owned()),
        ("ratelimit-reset", wait.to_string()),
    ];
    fields
        .into_iter()
        .filter_map(|(name, value)| Some((HeaderName::from_static(name), HeaderValue::try_from(value).ok()?)))
}

impl From<Violations> for Problem {
    fn from(violations: Violations) -> Self {
        Problem::of(&violations, |v| Detail {
            pointer: Some(v.pointer.clone()),
            parameter: None,
            code: v.code,
            message: v.message.clone(),
            line: v.line,
            column: v.column,
            sentence: v.sentence(),
        })
    }
}

impl From<app::Error> for Problem {
    fn from(error: app::Error) -> Self {
        use app::Error::{
            Assignments, BillDamaged, Billing, BillsUnavailable, Busy, Conflict, Directory,
            DirectoryUnavailable, Forbidden, Internal, Invalid, KeyExpired, KeyReused, LastAdmin, LastOwner,
            LimitExceeded, NotFound, OutcomeUnknown, Parameters, PreconditionFailed, StillRunning, TimedOut,
            Unauthorized, Unavailable, Unfit,
        };
        match error {
            Unauthorized | KeyExpired(_) => Problem::new(StatusCode::UNAUTHORIZED, error.to_string()),
            Forbidden(why) => Problem::new(StatusCode::FORBIDDEN, why.to_string()),
            NotFound => Problem::new(StatusCode::NOT_FOUND, error.to_string()),
            KeyReused | LastAdmin | LastOwner => {
                Problem::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string())
            }
            StillRunning => Problem {
                retry_after: Some(RETRY_AFTER),
                ..Problem::new(StatusCode::CONFLICT, error.to_string())
            },
            Conflict(why) => Problem::new(StatusCode::CONFLICT, why.to_string()),
            BillsUnavailable(_) => {
                tracing::error!(%error, "answered 503");
                let said = "the object store of bills cannot be reached just now; repeat the request";
                Problem::new(StatusCode::SERVICE_UNAVAILABLE, said)
            }
            BillDamaged(_) => {
                tracing::error!(%error, "answered 500");
                let said =
                    "this file is not the one that was published; whoever runs this server can put that back";
                Problem::new(StatusCode::INTERNAL_SERVER_ERROR, said)
            }
            PreconditionFailed => Problem::new(StatusCode::PRECONDITION_FAILED, error.to_string()),
            Invalid(violations) => violations.into(),
            Parameters(violations) => Problem::of(&violations, |v| Detail {
                pointer: None,
                parameter: Some(v.pointer.trim_start_matches('/').to_owned()),
                code: v.code,
                message: v.message.clone(),
                line: None,
                column: None,
                sentence: v.sentence(),
            }),
            Unavailable(_) => {
                tracing::error!(%error, "answered 503");
                let said =
                    "the service cannot reach its database just now; nothing was written, repeat the request";
                Problem::new(StatusCode::SERVICE_UNAVAILABLE, said)
            }
            LimitExceeded(exceeded) => {
                crate::limits::note(&exceeded);
                let message = exceeded.message.clone();
                let exceeded = Some(exceeded);
                Problem { exceeded, ..Problem::new(StatusCode::TOO_MANY_REQUESTS, message) }
            }
            Busy(_) => {
                let said = "the service is busy just now; nothing was done, repeat the request";
                Problem::new(StatusCode::SERVICE_UNAVAILABLE, said)
            }
            TimedOut(_) => {
                let said = "this takes longer than it may, and was stopped; nothing was written. Ask for less at a time, \
                            with filters or a cursor, or repeat the request later";
                Problem::new(StatusCode::SERVICE_UNAVAILABLE, said)
            }
            OutcomeUnknown(_) => {
                tracing::error!(%error, "answered 503");
                let said = "it is not known whether the change was made; repeat the request with the same Idempotency-Key";
                Problem::new(StatusCode::SERVICE_UNAVAILABLE, said)
            }
            DirectoryUnavailable { retry_after } => Problem {
                retry_after: Some(retry_after.as_secs().max(1)),
                ..Problem::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
            },
            Internal(_) | Unfit(_) | Billing(_) | Directory(_) | Assignments(_) => {
                tracing::error!(%error, "answered 500");
                Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal error")
            }
        }
    }
}
