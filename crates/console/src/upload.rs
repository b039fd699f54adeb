//! Forms that carry a file (`multipart/form-data`, RFC 7578), read within limits.

use crate::form::Fields;
use axum::body::Body;
use bytes::{Bytes, BytesMut};
use multer::{Constraints, Multipart, SizeLimit};

/// The maximum length of such a form, in bytes. What is behind the largest file is read and dropped: a browser whose upload is
/// not read to its end shows no answer.
const MAX_FORM: u64 = 1024 * 1024;
/// The maximum number of parts.
const MAX_PARTS: usize = 20;

/// Whether a form of this media type carries a file.
pub(crate) fn is_upload(content_type: &str) -> bool {
    multer::parse_boundary(content_type).is_ok()
}

/// Reads the fields of a form, and its first file: at most one byte more than `max_file`, by which a file that is too large is
/// told. `None` for a form that is broken or too large.
pub(crate) async fn read(content_type: &str, body: Body, max_file: usize) -> Option<(Fields, Bytes)> {
    let boundary = multer::parse_boundary(content_type).ok()?;
    let limits = Constraints::new().size_limit(SizeLimit::new().whole_stream(MAX_FORM));
    let mut parts = Multipart::with_constraints(body.into_data_stream(), boundary, limits);
    let (mut fields, mut file) = (Vec::new(), None);
    for _ in 0..MAX_PARTS {
        let Some(mut part) = parts.next_field().await.ok()? else {
            return Some((Fields::from(fields), file.unwrap_or_default()));
        };
        let name = part.name().map(str::to_owned)?;
        let is_file = part.file_name().is_some();
        let mut bytes = BytesMut::new();
        while let Some(chunk) = part.chunk().await.ok()? {
            let missing = (max_file + 1).saturating_sub(bytes.len());
            bytes.extend_from_slice(&chunk[..chunk.len().min(missing)]);
        }
        if is_file {
            file.get_or_insert(bytes.freeze());
        } else {
            fields.push((name, String::from_utf8_lossy(&bytes).into_owned()));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(parts: &[(&str, Option<&str>, &str)]) -> String {
        let part = |(name, file, content): &(&str, Option<&str>, &str)| {
            let file = file.map_or(String::new(), |file| format!("; filename=\"{file}\""));
            format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n{content}\r\n")
        };
        parts.iter().map(part).collect::<String>() + "--x--\r\n"
    }

    #[tokio::test]
    async fn forms_are_read_within_limits() {
        let kind = "multipart/form-data; boundary=x";
        assert!(is_upload(kind));
        for other in
            ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain; boundary=x", ""]
        {
            assert!(!is_upload(other), "{other}");
        }
        let long = "a".repeat(2_000);
        let huge = "a".repeat(1_100_000);
        let many = vec![("a", None, "1"); MAX_PARTS + 1];
        for (what, body, expected) in [
            (
                "a file",
                form(&[("a", None, " 1 "), ("f", Some("x.png"), "abc")]),
                Some(("1", "abc".to_owned())),
            ),
            ("none", form(&[("a", None, "1"), ("f", Some(""), "")]), Some(("1", String::new()))),
            ("two files", form(&[("f", Some("x"), "1"), ("g", Some("y"), "2")]), Some(("", "1".to_owned()))),
            ("a large one", form(&[("f", Some("x"), &long)]), Some(("", "a".repeat(1_001)))),
            ("a huge one", form(&[("f", Some("x"), &huge)]), None),
            ("too many parts", form(&many), None),
            ("half a form", form(&[("a", None, "1")])[..20].to_owned(), None),
            ("no form", "a=1".to_owned(), None),
        ] {
            let read = read(kind, Body::from(body), 1_000).await;
            let read = read.map(|(fields, file)| {
                (fields.get("a").to_owned(), String::from_utf8(file.to_vec()).unwrap())
            });
            assert_eq!(read, expected.map(|(a, file)| (a.to_owned(), file)), "{what}");
        }
    }
}
