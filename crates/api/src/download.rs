//! Downloads: conditional and partial requests of files (RFC 9110, sections 13 and 14).

use crate::extract::list;
use crate::problem::Problem;
use app::billing::BillFile;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use std::ops::Range;

/// The headers of a download that bear on its response.
pub(crate) struct Download<'a> {
    headers: &'a HeaderMap,
}

/// The bytes that a `Range` header asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Asked {
    /// All: there is no header, or one that this server does not honour.
    Whole,
    Part(Range<u64>),
    /// None of the file's.
    Unsatisfiable,
}

impl<'a> Download<'a> {
    pub(crate) fn of(headers: &'a HeaderMap) -> Self {
        Download { headers }
    }

    /// The bytes to be read of a file of this length and digest; `None` for all.
    pub(crate) fn range(&self, size: u64, sha256: Option<&str>) -> Option<Range<u64>> {
        match self.asked(size, sha256) {
            Asked::Part(range) => Some(range),
            Asked::Whole | Asked::Unsatisfiable => None,
        }
    }

    fn asked(&self, size: u64, sha256: Option<&str>) -> Asked {
        let text = |name| self.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        let Some(range) = text(header::RANGE) else { return Asked::Whole };
        // A part of another file than the one that the client has a part of.
        if text(header::IF_RANGE).is_some_and(|known| Some(known.trim()) != sha256.map(etag).as_deref()) {
            return Asked::Whole;
        }
        parse(range, size)
    }

    /// The response with a file that was opened for [`Download::range`].
    pub(crate) fn answer(&self, opened: BillFile) -> Result<Response, Problem> {
        let BillFile { file, media_type, name } = opened;
        let tag = file.sha256.as_deref().map(etag);
        if let Some(tag) = &tag {
            let is_known = |seen: &str| seen == "*" || seen.trim_start_matches("W/") == tag;
            if list(self.headers, header::IF_NONE_MATCH).any(is_known) {
                return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag.clone())]).into_response());
            }
        }
        let size = file.size;
        let (status, length, content_range) = match self.asked(size, file.sha256.as_deref()) {
            Asked::Whole => (StatusCode::OK, size, None),
            Asked::Part(Range { start, end }) => {
                (StatusCode::PARTIAL_CONTENT, end - start, Some(format!("bytes {start}-{}/{size}", end - 1)))
            }
            Asked::Unsatisfiable => {
                let refused = Problem::new(
                    StatusCode::RANGE_NOT_SATISFIABLE,
                    format!("the file has {size} bytes, and none of those that Range names"),
                );
                return Ok(([(header::CONTENT_RANGE, format!("bytes */{size}"))], refused).into_response());
            }
        };
        let headers = [
            (header::CONTENT_TYPE, media_type.to_owned()),
            (header::CONTENT_LENGTH, length.to_string()),
            (header::ACCEPT_RANGES, "bytes".to_owned()),
            // Never a page of this origin.
            (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
        ];
        let tag = tag.map(|tag| [(header::ETAG, tag)]);
        let content_range = content_range.map(|range| [(header::CONTENT_RANGE, range)]);
        Ok((status, headers, tag, content_range, Body::from_stream(file.stream)).into_response())
    }
}

fn etag(sha256: &str) -> String {
    format!("\"{sha256}\"")
}

/// Reads a `Range` header. Several ranges, other units and syntax errors count as no header, as RFC 9110 allows.
fn parse(header: &str, size: u64) -> Asked {
    let Some((unit, range)) = header.split_once('=') else { return Asked::Whole };
    let Some((first, last)) = range.trim().split_once('-') else { return Asked::Whole };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    // A number beyond 64 bits is beyond every file.
    let number = |text: &str| text.parse::<u64>().unwrap_or(u64::MAX);
    let range = match (first.trim(), last.trim()) {
        _ if !unit.trim().eq_ignore_ascii_case("bytes") => return Asked::Whole,
        ("", suffix) if is_number(suffix) => size.saturating_sub(number(suffix))..size,
        (first, "") if is_number(first) => number(first)..size,
        (first, last) if is_number(first) && is_number(last) && number(first) <= number(last) => {
            number(first)..number(last).saturating_add(1).min(size)
        }
        _ => return Asked::Whole,
    };
    if range.start < range.end { Asked::Part(range) } else { Asked::Unsatisfiable }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_rfc_9110_says() {
        for (header, size, expected) in [
            ("bytes=0-9", 100, Asked::Part(0..10)),
            ("bytes=10-", 100, Asked::Part(10..100)),
            ("bytes=-10", 100, Asked::Part(90..100)),
            ("bytes=-1000", 100, Asked::Part(0..100)),
            ("bytes=90-1000", 100, Asked::Part(90..100)),
            ("bytes=0-0", 1, Asked::Part(0..1)),
            ("Bytes = 0-9", 100, Asked::Part(0..10)),
            ("bytes=0-99999999999999999999999", 100, Asked::Part(0..100)),
            ("bytes=100-", 100, Asked::Unsatisfiable),
            ("bytes=99999999999999999999999-", 100, Asked::Unsatisfiable),
            ("bytes=-0", 100, Asked::Unsatisfiable),
            ("bytes=0-", 0, Asked::Unsatisfiable),
            ("bytes=9-0", 100, Asked::Whole),
            ("bytes=0-1,5-6", 100, Asked::Whole),
            ("bytes=a-b", 100, Asked::Whole),
            ("bytes=-", 100, Asked::Whole),
            ("bytes", 100, Asked::Whole),
            ("lines=0-9", 100, Asked::Whole),
            ("bytes=+1-2", 100, Asked::Whole),
        ] {
            assert_eq!(parse(header, size), expected, "{header}");
        }
    }
}
