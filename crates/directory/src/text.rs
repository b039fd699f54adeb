//! Text of others that is shown to people.

/// The most characters of somebody else's text that a message repeats.
const MOST: usize = 300;
/// The longest word: what is longer is no word but a token, and perhaps a secret.
const LONGEST_WORD: usize = 80;

/// One line of somebody else's text, fit to be shown: white space collapsed, no control characters, no long words,
/// and not too much of it.
pub(crate) fn shown(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let mut line = String::new();
    for word in words {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(if word.chars().count() > LONGEST_WORD { "…" } else { word });
        if line.chars().count() > MOST {
            line = line.chars().take(MOST).collect::<String>() + "…";
            break;
        }
    }
    line
}

/// A name as it is kept: one line of at most 255 characters.
pub(crate) fn name(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ").chars().take(255).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown() {
        for (text, expected) in [
            ("Rate limit is exceeded.\r\n Try\tagain", "Rate limit is exceeded. Try again"),
            ("a\u{0}\u{1b}[31mb", "a [31mb"),
            (&format!("Bearer {} is stale", "e".repeat(81)), "Bearer … is stale"),
            ("", ""),
        ] {
            assert_eq!(shown(text), expected);
        }
        assert_eq!(shown(&"é ".repeat(400)).chars().count(), MOST + 1);
        assert_eq!(name(" Contoso\n Ltd. "), "Contoso Ltd.");
        assert_eq!(name(&"x".repeat(300)).len(), 255);
    }
}
