//! One request, sent until there is an answer to go by: bounded in number, in time, and in what is read.

use super::Random;
use crate::error::Error;
use crate::text::shown;
use crate::transport::{SendError, Transport};
use bytes::Bytes;
use http::header::{DATE, LOCATION, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use metrics::histogram;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout_at};

const CORRELATION: HeaderName = HeaderName::from_static("ms-correlationid");
const REQUEST: HeaderName = HeaderName::from_static("ms-requestid");
/// The most bytes of an answer: a page of 500 customers has about one megabyte.
const MOST: usize = 8 << 20;
/// The first wait between two attempts; it doubles.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(8);
/// No `Retry-After` is believed beyond this.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(3600);

/// How patient a caller is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    pub(super) time_out: Duration,
    pub(super) attempts: u32,
}

/// Sends requests to one host, and knows when that host wants to be left alone.
pub(super) struct Caller {
    transport: Arc<dyn Transport>,
    random: Random,
    pace: Pace,
    /// Since the last `429`: when the next request may go out, for all that share this caller.
    not_before: Mutex<Option<Instant>>,
}

/// An answer, read whole.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) location: Option<String>,
    retry_after: Option<Duration>,
    pub(super) body: Bytes,
}

/// Why an attempt brought no answer.
enum Failure {
    /// It may pass.
    Passing(String),
    /// It will not.
    Final(Error),
}

impl Caller {
    pub(super) fn new(transport: Arc<dyn Transport>, random: Random, pace: Pace) -> Self {
        Caller { transport, random, pace, not_before: Mutex::new(None) }
    }

    /// The answer to a request that may be sent more than once, with the same ids each time, as Microsoft asks.
    /// Answers that will pass (`429`, `5xx`) are not among them, unless as the [`Error`] of the last attempt.
    pub(super) async fn call(&self, mut request: Request<Bytes>, deadline: Instant) -> Result<Answer, Error> {
        let [correlation_id, request_id] = [self.guid(), self.guid()];
        for (name, id) in [(CORRELATION, &correlation_id), (REQUEST, &request_id)] {
            if let Ok(id) = HeaderValue::from_str(id) {
                request.headers_mut().insert(name, id);
            }
        }
        let path = request.uri().path().to_owned();
        let mut attempt = 0;
        loop {
            self.wait_for_turn(deadline).await?;
            attempt += 1;
            let started = Instant::now();
            let outcome = self.attempt(request.clone(), deadline).await;
            let elapsed = started.elapsed();
            histogram!("tenantry_directory_request_duration_seconds", "outcome" => outcome_of(&outcome))
                .record(elapsed);
            let ms = elapsed.as_millis();
            let (reason, status, retry_after) = match outcome {
                Ok(answer) => {
                    let status = answer.status.as_u16();
                    tracing::debug!(
                        path,
                        attempt,
                        status,
                        ms,
                        correlation_id,
                        request_id,
                        "asked the directory"
                    );
                    if !passes(answer.status) {
                        return Ok(answer);
                    }
                    (format!("{path} answers {status}"), Some(answer.status), answer.retry_after)
                }
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::Passing(reason)) => (format!("{path}: {reason}"), None, None),
            };
            tracing::warn!(reason, attempt, ms, correlation_id, request_id, "the directory failed");

            let wait =
                retry_after.map_or_else(|| self.back_off(attempt), |wait| wait + self.up_to(FIRST_WAIT));
            let until = Instant::now() + wait;
            let throttled = status == Some(StatusCode::TOO_MANY_REQUESTS);
            if throttled {
                *self.not_before.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
            }
            if attempt >= self.pace.attempts || until >= deadline {
                let error = Error::Unreachable { reason, retry_after };
                return Err(if throttled {
                    Error::Throttled { retry_after: whole_seconds(wait) }
                } else {
                    error
                });
            }
            if !throttled {
                sleep(wait).await;
            }
        }
    }

    /// Waits until the host may be asked again, unless that is too late anyway.
    async fn wait_for_turn(&self, deadline: Instant) -> Result<(), Error> {
        let not_before = *self.not_before.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = not_before.map_or(Duration::ZERO, |at| at.saturating_duration_since(Instant::now()));
        if wait.is_zero() {
            return Ok(());
        }
        if Instant::now() + wait >= deadline {
            return Err(Error::Throttled { retry_after: whole_seconds(wait) });
        }
        sleep(wait).await;
        Ok(())
    }

    async fn attempt(&self, request: Request<Bytes>, deadline: Instant) -> Result<Answer, Failure> {
        let exchange = async {
            let answer = self.transport.send(request).await.map_err(|error| match error {
                SendError::Refused(why) => Failure::Final(Error::Refused(why)),
                SendError::Failed(why) => Failure::Passing(shown(&why)),
            })?;
            let (head, body) = answer.into_parts();
            let body = Limited::new(body, MOST).collect().await.map_err(|error| {
                if error.is::<LengthLimitError>() {
                    Failure::Final(Error::Invalid(format!("an answer of more than {} MiB", MOST >> 20)))
                } else {
                    Failure::Passing(shown(&format!("the answer broke off: {error}")))
                }
            })?;
            Ok(Answer {
                status: head.status,
                location: head
                    .headers
                    .get(LOCATION)
                    .map(|url| shown(&String::from_utf8_lossy(url.as_bytes()))),
                retry_after: retry_after(&head.headers),
                body: body.to_bytes(),
            })
        };
        let until = deadline.min(Instant::now() + self.pace.time_out);
        let timely = timeout_at(until, exchange).await;
        timely.unwrap_or_else(|_| Err(Failure::Passing("no answer in time".to_owned())))
    }

    /// Twice as long each time, half of it by chance.
    fn back_off(&self, attempt: u32) -> Duration {
        let full = LONGEST_WAIT.min(FIRST_WAIT * 2u32.saturating_pow(attempt - 1));
        full / 2 + self.up_to(full / 2)
    }

    fn up_to(&self, most: Duration) -> Duration {
        let nanos = u64::try_from(most.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos((self.random)() % nanos.max(1))
    }

    /// A random GUID (RFC 9562, version 4).
    fn guid(&self) -> String {
        let (high, low) = ((self.random)(), (self.random)());
        let (high, low) = (high & !0xf000 | 0x4000, low & !(0b11 << 62) | 0b10 << 62);
        format!(
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            high >> 32,
            high >> 16 & 0xffff,
            high & 0xffff,
            low >> 48,
            low & 0xffff_ffff_ffff
        )
    }
}

/// Whether the same request may well have another answer a moment later.
/// For those who count.
fn outcome_of(outcome: &Result<Answer, Failure>) -> &'static str {
    match outcome {
        Ok(answer) if answer.status == StatusCode::TOO_MANY_REQUESTS => "throttled",
        Ok(answer) if answer.status.is_server_error() => "server_error",
        Ok(answer) if answer.status.is_client_error() => "client_error",
        Ok(_) => "answered",
        Err(_) => "no_answer",
    }
}

fn passes(status: StatusCode) -> bool {
    status == StatusCode::REQUEST_TIMEOUT
        || status == StatusCode::TOO_MANY_REQUESTS
        || status.is_server_error()
}

/// `Retry-After` (RFC 9110, section 10.2.3): seconds, or a date, which is compared with the answer's own `Date`.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let given = text(RETRY_AFTER)?;
    let seconds = given.parse::<u64>().ok().or_else(|| {
        let [at, now] = [Some(given), text(DATE)].map(|date| jiff::fmt::rfc2822::parse(date?).ok());
        u64::try_from(at?.timestamp().as_second() - now?.timestamp().as_second()).ok()
    });
    Some(Duration::from_secs(seconds?).min(LONGEST_RETRY_AFTER))
}

/// Rounded up, and never "at once".
fn whole_seconds(wait: Duration) -> Duration {
    Duration::from_secs(wait.as_millis().div_ceil(1000).max(1).try_into().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_in_both_forms() {
        for (retry, date, seconds) in [
            (Some("57"), None, Some(57)),
            (Some(" 0 "), None, Some(0)),
            (Some("999999999999"), None, Some(3600)),
            (Some("Tue, 21 Jul 2020 04:11:55 GMT"), Some("Tue, 21 Jul 2020 04:10:58 GMT"), Some(57)),
            (Some("Tue, 21 Jul 2020 04:10:00 GMT"), Some("Tue, 21 Jul 2020 04:10:58 GMT"), None),
            (Some("Tue, 21 Jul 2020 04:11:55 GMT"), None, None),
            (Some("soon"), None, None),
            (Some("-1"), None, None),
            (None, None, None),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in [(RETRY_AFTER, retry), (DATE, date)] {
                value.map(|value| headers.insert(name, value.parse().unwrap()));
            }
            assert_eq!(retry_after(&headers), seconds.map(Duration::from_secs), "{retry:?} {date:?}");
        }
    }

    #[test]
    fn waits_grow_and_are_bounded() {
        struct Nowhere;
        impl Transport for Nowhere {
            fn send(
                &self,
                _: Request<Bytes>,
            ) -> futures_util::future::BoxFuture<'_, Result<http::Response<crate::Body>, SendError>>
            {
                Box::pin(std::future::pending())
            }
        }
        let pace = Pace { time_out: Duration::from_secs(1), attempts: 1 };
        for random in [0, 1, u64::MAX / 2, u64::MAX] {
            let caller = Caller::new(Arc::new(Nowhere), Arc::new(move || random), pace);
            for (attempt, least, most) in [(1, 250, 500), (2, 500, 1000), (5, 4000, 8000), (99, 4000, 8000)] {
                let wait = caller.back_off(attempt).as_millis();
                assert!((least..=most).contains(&wait), "attempt {attempt}: {wait} ms");
            }
            let guid = caller.guid();
            assert!(
                super::super::is_guid(&guid) && &guid[14..15] == "4" && "89ab".contains(&guid[19..20]),
                "{guid}"
            );
        }
        assert_eq!(whole_seconds(Duration::ZERO), Duration::from_secs(1));
        assert_eq!(whole_seconds(Duration::from_millis(1001)), Duration::from_secs(2));
    }
}
