//! Bodies of requests that are compressed (RFC 9110, section 8.4).

use crate::BODY_LIMIT;
use crate::problem::Problem;
use crate::request_body::{BodyError, Reservation};
use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http::{HeaderMap, StatusCode, header};
use std::io::Read;

/// How much is decompressed before more memory is asked for.
const STEP: u64 = 64 * 1024;

/// How a request's body is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ContentEncoding {
    Identity,
    Gzip,
}

impl ContentEncoding {
    /// What `Content-Encoding` says; `415` for what is not understood.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let values = headers.get_all(header::CONTENT_ENCODING).iter();
        let names = values.flat_map(|value| value.to_str().unwrap_or("?").split(','));
        let names: Vec<String> = names.map(|name| name.trim().to_ascii_lowercase()).collect();
        let names = names.iter().map(String::as_str).filter(|name| !["", "identity"].contains(name));
        match names.collect::<Vec<_>>()[..] {
            [] => Ok(ContentEncoding::Identity),
            ["gzip" | "x-gzip"] => Ok(ContentEncoding::Gzip),
            _ => {
                let message = "the Content-Encoding must be gzip, or the body sent as it is";
                Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message))
            }
        }
    }
}

/// The body as it was before it was encoded. The limit on a body's size holds for both.
pub(crate) fn decode(
    encoding: ContentEncoding,
    bytes: Bytes,
    reservation: Option<&Reservation>,
) -> Result<Bytes, Problem> {
    if encoding == ContentEncoding::Identity || bytes.is_empty() {
        return Ok(bytes);
    }
    let mut decoder = MultiGzDecoder::new(&bytes[..]);
    let mut decoded = Vec::new();
    loop {
        let read = decoder.by_ref().take(STEP).read_to_end(&mut decoded);
        let read = read.map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "the body is not valid gzip"))?;
        if read == 0 {
            return Ok(decoded.into());
        }
        if decoded.len() > BODY_LIMIT {
            return Err(BodyError::TooLarge.into());
        }
        if let Some(reservation) = reservation {
            reservation.add(read)?;
        }
    }
}
