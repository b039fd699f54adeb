//! Redaction of API keys in texts that are logged or stored: paths, headers, log lines.

use std::borrow::Cow;

const PREFIX: &[u8] = b"tnt_";
const BLANK: &str = "tnt_…";

/// The text with every API key replaced by `tnt_…`, also where the key is partly percent-encoded.
pub fn redact_keys(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let mut redacted = String::new();
    let mut kept_to = 0;
    let mut at = 0;
    while at < bytes.len() {
        match key_at(bytes, at) {
            Some(end) => {
                redacted.push_str(&text[kept_to..at]);
                redacted.push_str(BLANK);
                (kept_to, at) = (end, end);
            }
            None => at += 1,
        }
    }
    if kept_to == 0 {
        return Cow::Borrowed(text);
    }
    redacted.push_str(&text[kept_to..]);
    Cow::Owned(redacted)
}

/// The end of the key that begins at byte `at`; `None` if none does.
fn key_at(bytes: &[u8], mut at: usize) -> Option<usize> {
    if !matches!(bytes[at], b't' | b'%') {
        return None;
    }
    for expected in PREFIX {
        let (byte, length) = byte_at(bytes, at)?;
        if byte != *expected {
            return None;
        }
        at += length;
    }
    let begin = at;
    while let Some((byte, length)) = byte_at(bytes, at)
        && byte.is_ascii_alphanumeric()
    {
        at += length;
    }
    (at > begin).then_some(at)
}

/// The byte at `at`, decoded from `%74`, `%2574` and deeper encodings, and the length of its encoding in bytes.
fn byte_at(bytes: &[u8], at: usize) -> Option<(u8, usize)> {
    let first = *bytes.get(at)?;
    if first != b'%' {
        return Some((first, 1));
    }
    let mut digits = at + 1;
    while bytes.get(digits..digits + 2) == Some(b"25") {
        digits += 2;
    }
    let decoded = bytes.get(digits..digits + 2).and_then(|hex| std::str::from_utf8(hex).ok());
    let decoded = decoded.and_then(|hex| u8::from_str_radix(hex, 16).ok());
    Some(decoded.map_or((first, 1), |byte| (byte, digits + 2 - at)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_redacted_in_every_position_and_encoding() {
        const KEY: &str = "tnt_AvjNY0X843PkvHnjGNCz7evAhhsBDx7i2vMxFBsUpi0omFcOG6R924enE4";
        let encoded: String = KEY.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let twice = encoded.replace('%', "%25");
        let underscore = KEY.replace('_', "%5F");
        for key in [KEY, &encoded, &twice, &underscore, &encoded.to_uppercase(), &format!("%74{}", &KEY[1..])]
        {
            for (before, after) in [
                ("", ""),
                ("/v2/me/", ""),
                ("path=\"/", "\" status=404"),
                ("ttn", "/x"),
                ("%", "%"),
                ("ü", "ü"),
            ] {
                assert_eq!(redact_keys(&format!("{before}{key}{after}")), format!("{before}tnt_…{after}"));
            }
            let two = format!("a={key}&b={key}");
            assert_eq!(redact_keys(&two), "a=tnt_…&b=tnt_…");
        }
        assert_eq!(redact_keys("Bearer tnt_AvjN"), "Bearer tnt_…");
        for text in
            ["", "tnt", "tnt_", "tnt_ and more", "/v2/customers/%", "%7", "%74%6e", "100 %", "ünïcødé"]
        {
            assert!(matches!(redact_keys(text), Cow::Borrowed(same) if same == text), "{text}");
        }
    }
}
