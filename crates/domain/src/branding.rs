//! How a partner appears to its customers: its colour, and the host of its portal.

use crate::payload::{Member, Payload};
use crate::text::invalid;
use crate::violation::Violation;

/// What the payload of a partner's branding consists of.
pub static PAYLOAD: Payload = Payload {
    members: &[
        Member::plain("name"),
        Member::alias("colour", &["color"]),
        Member::alias("portal_host", &["host", "hostname", "portal"]),
    ],
    read_only: &["logo"],
};

/// The longest name of a host (RFC 1035).
const MAX_HOST: usize = 253;

/// A colour of sRGB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour([u8; 3]);

impl Colour {
    /// Reads `#1f5fbf`, or the same without `#`.
    ///
    /// # Errors
    /// The violation, without a pointer, if it is neither.
    pub fn parse(text: &str) -> Result<Self, Violation> {
        let wrong = || invalid("must be a colour such as #1f5fbf").because("colour", &[]);
        let digits = text.trim().trim_start_matches('#');
        if digits.len() != 6 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        let part = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).map_err(|_| wrong());
        Ok(Colour([part(0)?, part(2)?, part(4)?]))
    }

    /// Six hex digits in lower case.
    pub fn digits(self) -> String {
        let [red, green, blue] = self.0;
        format!("{red:02x}{green:02x}{blue:02x}")
    }

    /// Black or white, whichever is easier to read on this colour. The contrast is at least 4.5, which WCAG 2.2 wants of text.
    pub fn text(self) -> Colour {
        let [black, white] = [Colour([0; 3]), Colour([255; 3])];
        if self.contrast(black) > self.contrast(white) { black } else { white }
    }

    /// The contrast with another colour, from 1 to 21 (WCAG 2.2).
    #[expect(clippy::float_arithmetic, reason = "a ratio of light, which is no money")]
    fn contrast(self, other: Colour) -> f64 {
        let (a, b) = (self.luminance(), other.luminance());
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    /// The relative luminance, from 0 to 1 (WCAG 2.2).
    #[expect(clippy::float_arithmetic, reason = "light, which is no money")]
    fn luminance(self) -> f64 {
        let linear = |part: u8| {
            let part = f64::from(part) / 255.0;
            if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        };
        let [red, green, blue] = self.0.map(linear);
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }
}

/// Reads the name of a host, such as `portal.example.com`: in lower case, without scheme, port and path.
///
/// # Errors
/// The violation, without a pointer, if it is none.
pub fn host(text: &str) -> Result<String, Violation> {
    let host = text.trim().to_ascii_lowercase();
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if host.len() > MAX_HOST || !host.contains('.') || !host.split('.').all(is_label) {
        return Err(invalid(
            "must be the name of a host such as portal.example.com, without https:// and without a port",
        )
        .because("host", &[]));
    }
    Ok(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_read() {
        for (text, expected) in [
            ("#1f5fbf", Some("1f5fbf")),
            (" 1F5FBF ", Some("1f5fbf")),
            ("#fff", None),
            ("", None),
            ("red", None),
            ("#1f5fbg", None),
            ("#1f5fbf;}", None),
            ("+1+1+1", None),
            ("ü5fbf", None),
        ] {
            assert_eq!(Colour::parse(text).ok().map(Colour::digits).as_deref(), expected, "{text:?}");
        }
    }

    #[test]
    fn text_can_be_read_on_every_colour() {
        let steps = || (0..=255u8).step_by(5);
        for (red, green, blue) in
            steps().flat_map(|r| steps().flat_map(move |g| steps().map(move |b| (r, g, b))))
        {
            let colour = Colour([red, green, blue]);
            assert!(colour.contrast(colour.text()) >= 4.5, "{}", colour.digits());
        }
        assert_eq!(Colour([255, 255, 0]).text(), Colour([0; 3]));
        assert_eq!(Colour([0, 0, 128]).text(), Colour([255; 3]));
    }

    #[test]
    fn hosts_are_read() {
        for (text, expected) in [
            ("portal.example.com", Some("portal.example.com")),
            (" Portal.Example.com ", Some("portal.example.com")),
            ("xn--bcher-kva.example", Some("xn--bcher-kva.example")),
            ("localhost", None),
            ("", None),
            ("https://portal.example.com", None),
            ("portal.example.com:443", None),
            ("portal.example.com/a", None),
            ("portal..example", None),
            ("-a.example", None),
            ("bücher.example", None),
        ] {
            assert_eq!(host(text).ok().as_deref(), expected, "{text:?}");
        }
        assert!(host(&format!("{}.example", "a".repeat(64))).is_err());
    }
}
