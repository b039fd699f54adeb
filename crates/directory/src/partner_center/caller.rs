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
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout_at};

const CORRELATION: HeaderName = HeaderName::from_static("ms-correlationid");
const REQUEST: HeaderName = HeaderName::from_static("ms-requestid");
/// Tells, where it was asked for, whether the sign-in behind the token was a multi-factor one.
const MFA_COMPLIANT: HeaderName = HeaderName::from_static("ismfacompliant");
/// Maximum size of an answer in bytes: a page of 500 customers has about one megabyte.
const MAX_BYTES: usize = 8 << 20;
/// The first wait between two attempts; it doubles.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const MAX_WAIT: Duration = Duration::from_secs(8);
/// Longest wait after `429` answers in a row that do not say how long: asking too early restarts the penalty.
const MAX_THROTTLED_WAIT: Duration = Duration::from_secs(64);
/// A longer `Retry-After` counts as this.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(3600);

/// Time-out of one attempt, and maximum number of attempts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    pub(super) time_out: Duration,
    pub(super) attempts: u32,
    /// Whether a `404` with a page is a gateway's, and passes.
    pub(super) pages_pass: bool,
}

/// Sends requests to one host, and keeps the pace that the host asks for.
pub(super) struct Caller {
    transport: Arc<dyn Transport>,
    random: Random,
    pace: Pace,
    /// Shared by all requests of this caller.
    throttle: Mutex<Throttle>,
}

/// What the host last said about the pace.
#[derive(Default)]
struct Throttle {
    /// When the next request may be sent.
    not_before: Option<Instant>,
    /// Number of `429` answers in a row without a usable `Retry-After`.
    unsaid: u32,
}

/// An answer, read whole.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) location: Option<String>,
    pub(super) headers: HeaderMap,
    /// Whether the sign-in was a multi-factor one, where the request asked (`ValidateMfa`).
    pub(super) mfa_compliant: Option<bool>,
    pub(super) retry_after: Option<Duration>,
    pub(super) body: Bytes,
}

/// Why an attempt brought no answer.
enum Failure {
    /// Another attempt may succeed.
    Passing(String),
    /// Another attempt would fail the same way.
    Final(Error),
}

impl Caller {
    pub(super) fn new(transport: Arc<dyn Transport>, random: Random, pace: Pace) -> Self {
        Caller { transport, random, pace, throttle: Mutex::default() }
    }

    /// The answer to a request that may be sent more than once, with the same ids each time, as Microsoft asks.
    /// Answers that call for another attempt (`429`, `5xx`, a gateway's `404`) become the [`Error`] of the last attempt.
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
                        "directory request"
                    );
                    if !calls_for_another(&answer, self.pace.pages_pass) {
                        self.throttle().unsaid = 0;
                        return Ok(answer);
                    }
                    let hint = if answer.status == StatusCode::NOT_FOUND {
                        " with a page that is not Partner Center's; is the address of Partner Center right?"
                    } else {
                        ""
                    };
                    (format!("{path} answers {status}{hint}"), Some(answer.status), answer.retry_after)
                }
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::Passing(reason)) => (format!("{path}: {reason}"), None, None),
            };
            tracing::debug!(reason, attempt, ms, correlation_id, request_id, "directory request failed");

            let throttled = status == Some(StatusCode::TOO_MANY_REQUESTS);
            let wait = match retry_after {
                Some(wait) => wait + self.up_to(FIRST_WAIT),
                None if throttled => self.throttled_wait(),
                None => self.back_off(attempt, MAX_WAIT),
            };
            let until = Instant::now() + wait;
            if throttled || retry_after.is_some() {
                let mut throttle = self.throttle();
                throttle.not_before = throttle.not_before.max(Some(until));
            }
            if attempt >= self.pace.attempts || until >= deadline {
                return Err(if throttled {
                    Error::Throttled { retry_after: whole_seconds(wait) }
                } else {
                    Error::Unreachable { reason, retry_after }
                });
            }
            if !throttled && retry_after.is_none() {
                sleep(wait).await;
            }
        }
    }

    fn throttle(&self) -> MutexGuard<'_, Throttle> {
        self.throttle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the host may be asked again, unless that is after the deadline.
    async fn wait_for_turn(&self, deadline: Instant) -> Result<(), Error> {
        let not_before = self.throttle().not_before;
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
            let body = Limited::new(body, MAX_BYTES).collect().await.map_err(|error| {
                if error.is::<LengthLimitError>() {
                    Failure::Final(Error::Invalid(format!("an answer of more than {} MiB", MAX_BYTES >> 20)))
                } else {
                    Failure::Passing(shown(&format!("the answer broke off: {error}")))
                }
            })?;
            let body = body.to_bytes();
            Ok(Answer {
                status: head.status,
                location: head
                    .headers
                    .get(LOCATION)
                    .map(|url| shown(&String::from_utf8_lossy(url.as_bytes()))),
                mfa_compliant: mfa_compliant(&head.headers),
                retry_after: retry_after(&head.headers).or_else(|| retry_after_in(head.status, &body)),
                headers: head.headers,
                body,
            })
        };
        let until = deadline.min(Instant::now() + self.pace.time_out);
        let timely = timeout_at(until, exchange).await;
        timely.unwrap_or_else(|_| Err(Failure::Passing("no answer in time".to_owned())))
    }

    /// Doubles with each attempt, up to `max`; half of it is random.
    fn back_off(&self, attempt: u32, max: Duration) -> Duration {
        let full = max.min(FIRST_WAIT * 2u32.saturating_pow(attempt - 1));
        full / 2 + self.up_to(full / 2)
    }

    /// The wait after a `429` that does not say how long: it grows with each such answer in a row, of all requests.
    fn throttled_wait(&self) -> Duration {
        let in_a_row = {
            let mut throttle = self.throttle();
            throttle.unsaid = throttle.unsaid.saturating_add(1).min(16);
            throttle.unsaid
        };
        self.back_off(in_a_row, MAX_THROTTLED_WAIT)
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

/// Metric label for the outcome of an attempt.
fn outcome_of(outcome: &Result<Answer, Failure>) -> &'static str {
    match outcome {
        Ok(answer) if answer.status == StatusCode::TOO_MANY_REQUESTS => "throttled",
        Ok(answer) if answer.status.is_server_error() => "server_error",
        Ok(answer) if answer.status.is_client_error() => "client_error",
        Ok(_) => "answered",
        Err(_) => "no_answer",
    }
}

/// Whether the same request may have another answer a moment later. A `404` with a page is a gateway's: it says nothing
/// about customers.
fn calls_for_another(answer: &Answer, pages_pass: bool) -> bool {
    let status = answer.status;
    status == StatusCode::REQUEST_TIMEOUT
        || status == StatusCode::TOO_MANY_REQUESTS
        || status.is_server_error()
        || pages_pass && status == StatusCode::NOT_FOUND && answer.body.trim_ascii_start().starts_with(b"<")
}

/// `Retry-After` (RFC 9110, section 10.2.3): seconds, which Microsoft also sends with decimals, or a date, which is
/// compared with the answer's own `Date`. Rounded up to whole seconds; zero and less says nothing.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let given = text(RETRY_AFTER)?;
    let seconds = seconds_rounded_up(given).or_else(|| {
        let [at, now] = [Some(given), text(DATE)].map(|date| jiff::fmt::rfc2822::parse(date?).ok());
        u64::try_from(at?.timestamp().as_second() - now?.timestamp().as_second()).ok()
    })?;
    (seconds > 0).then(|| Duration::from_secs(seconds).min(MAX_RETRY_AFTER))
}

/// `57`, `2.128`.
fn seconds_rounded_up(text: &str) -> Option<u64> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    let more = u64::from(fraction.bytes().any(|b| b != b'0'));
    Some(whole.parse::<u64>().unwrap_or(u64::MAX).saturating_add(more))
}

/// The wait that a throttling answer names in its text: "Rate limit is exceeded. Try again in 57 seconds."
fn retry_after_in(status: StatusCode, body: &[u8]) -> Option<Duration> {
    if status != StatusCode::TOO_MANY_REQUESTS && status != StatusCode::SERVICE_UNAVAILABLE {
        return None;
    }
    let text = String::from_utf8_lossy(body).to_ascii_lowercase();
    let (_, rest) = text.split_once("try again in ")?;
    let (number, unit) = rest.split_once(' ')?;
    let seconds = seconds_rounded_up(number)?;
    let seconds = if unit.starts_with("minute") { seconds.saturating_mul(60) } else { seconds };
    (seconds > 0 && (unit.starts_with("second") || unit.starts_with("minute")))
        .then(|| Duration::from_secs(seconds).min(MAX_RETRY_AFTER))
}

fn mfa_compliant(headers: &HeaderMap) -> Option<bool> {
    let value = headers.get(MFA_COMPLIANT)?.to_str().ok()?.trim();
    Some(value.eq_ignore_ascii_case("true"))
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
            (Some(" 0 "), None, None),
            (Some("2.128"), None, Some(3)),
            (Some("30.5"), None, Some(31)),
            (Some("0.2"), None, Some(1)),
            (Some("3.0"), None, Some(3)),
            (Some("2."), None, None),
            (Some("1e3"), None, None),
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
    fn retry_after_in_the_text_of_an_answer() {
        for (status, body, seconds) in [
            (429, r#"{"message": "Rate limit is exceeded. Try again in 57 seconds."}"#, Some(57)),
            (429, "Try again in 1.5 seconds", Some(2)),
            (429, "try again in 2 minutes", Some(120)),
            (503, "Try again in 5 seconds.", Some(5)),
            (429, "Try again in 0 seconds.", None),
            (429, "Try again in some seconds.", None),
            (429, "Try again in 5 apples.", None),
            (429, "Slow down", None),
            (200, "Try again in 57 seconds.", None),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            let expected = seconds.map(Duration::from_secs);
            assert_eq!(retry_after_in(status, body.as_bytes()), expected, "{status} {body}");
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
        let pace = Pace { time_out: Duration::from_secs(1), attempts: 1, pages_pass: true };
        for random in [0, 1, u64::MAX / 2, u64::MAX] {
            let caller = Caller::new(Arc::new(Nowhere), Arc::new(move || random), pace);
            for (attempt, least, most) in [(1, 250, 500), (2, 500, 1000), (5, 4000, 8000), (99, 4000, 8000)] {
                let wait = caller.back_off(attempt, MAX_WAIT).as_millis();
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
