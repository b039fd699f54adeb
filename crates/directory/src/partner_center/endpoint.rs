//! One of Microsoft's APIs: its address, its pace, and its token.

use super::caller::{Answer, Caller};
use super::token::Tokens;
use super::{MFA_ADVICE, bare, wire};
use crate::error::Error;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use tokio::time::Instant;

const APPLICATION: HeaderName = HeaderName::from_static("ms-partnercenter-application");

/// An API that wants a token.
pub(super) struct Endpoint {
    /// Its address, without a slash at the end.
    pub(super) base: String,
    pub(super) caller: Caller,
    pub(super) tokens: Tokens,
}

impl Endpoint {
    /// One request, with a token; with a new one if the first is refused. A `401` that asks for a multi-factor sign-in, or
    /// that a new token has just met, gets no further token: none would help.
    pub(super) async fn ask(
        &self,
        method: &Method,
        url: &str,
        further: &[(HeaderName, HeaderValue)],
        body: Bytes,
        deadline: Instant,
    ) -> Result<Answer, Error> {
        let mut headers: HeaderMap = further.iter().cloned().collect();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(APPLICATION, HeaderValue::from_static("Tenantry"));
        if !body.is_empty() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        let request = |headers: &HeaderMap| {
            let mut request = Request::builder()
                .method(method.clone())
                .uri(url)
                .body(body.clone())
                .map_err(|error| Error::Invalid(format!("{}: {error}", self.shown_path(url))))?;
            *request.headers_mut() = headers.clone();
            Ok::<_, Error>(request)
        };
        let token = self.tokens.get(deadline).await?;
        headers.insert(AUTHORIZATION, token.header.clone());
        let answer = self.caller.call(request(&headers)?, deadline).await?;
        if answer.status != StatusCode::UNAUTHORIZED {
            token.accept();
            return Ok(answer);
        }
        self.require_no_mfa(url, &answer)?;
        if !self.tokens.forget(&token).await {
            return Ok(answer);
        }
        let token = self.tokens.get(deadline).await?;
        headers.insert(AUTHORIZATION, token.header.clone());
        let answer = self.caller.call(request(&headers)?, deadline).await?;
        if answer.status == StatusCode::UNAUTHORIZED {
            self.require_no_mfa(url, &answer)?;
        } else {
            token.accept();
        }
        Ok(answer)
    }

    fn require_no_mfa(&self, url: &str, answer: &Answer) -> Result<(), Error> {
        match wire::Fault::read(&answer.body) {
            Some(fault) if fault.is_mfa_required() => {
                let (path, theirs) = (self.shown_path(url), fault.text());
                Err(Error::MfaRequired(
                    self.tokens.shown(&format!("{path} answers 401: {theirs}; {MFA_ADVICE}")),
                ))
            }
            _ => Ok(()),
        }
    }

    /// The path of a URL of this API, without its query.
    pub(super) fn shown_path<'u>(&self, url: &'u str) -> &'u str {
        bare(url.strip_prefix(&self.base).unwrap_or(url))
    }
}
