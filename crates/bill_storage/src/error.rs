//! What can go wrong, in words for whoever runs the platform. No error and no `Debug` of this crate has a credential.

use std::error::Error as StdError;
use std::path::Path;

/// Why something could not be done. Each text says what, where and, where that is known, what would be right.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A root, a source, a folder or a setting that will not do. Trying again changes nothing.
    #[error("{0}")]
    Invalid(String),
    /// There is no such object, bill or bucket.
    #[error("{0}")]
    NotFound(String),
    /// The store knows us, or does not, and lets us not in.
    #[error("{0}")]
    Denied(String),
    /// Somebody else writes the same bill at this moment. Nothing of theirs was touched.
    #[error("{0}")]
    Contended(String),
    /// What is read is not what was written: another length, another digest, cut off or exchanged meanwhile.
    #[error("{0}")]
    Corrupt(String),
    /// A source that has more bytes than it may have.
    #[error("{0}")]
    TooLarge(String),
    /// The caller does not want it any more.
    #[error("cancelled")]
    Cancelled,
    /// The store or the disk failed; trying again may help.
    #[error("{0}")]
    Unavailable(String),
}

impl Error {
    /// An error of a store, about the address the caller knows.
    pub(crate) fn store(place: &str, error: &object_store::Error) -> Self {
        use object_store::Error as E;
        let why = explain(error);
        // Of lists and credentials it only hands on the text.
        let text = error.to_string();
        let status =
            |codes: [&str; 2]| codes.iter().any(|code| text.contains(&format!("status code: {code}")));
        match error {
            E::NotFound { .. } => Error::NotFound(format!("{place}: not there{why}")),
            E::Generic { .. } if status(["404", "410"]) => {
                Error::NotFound(format!("{place}: not there{why}"))
            }
            E::PermissionDenied { .. } | E::Unauthenticated { .. } => {
                Error::Denied(format!("{place}: the store refuses{why}"))
            }
            E::Generic { .. } if status(["401", "403"]) => {
                Error::Denied(format!("{place}: the store refuses{why}"))
            }
            _ => Error::Unavailable(format!("{place}: the store failed{why}")),
        }
    }

    /// An error of a file.
    pub(crate) fn file(path: &Path, error: &std::io::Error) -> Self {
        let text = format!("{}: {error}", path.display());
        match error.kind() {
            std::io::ErrorKind::NotFound => Error::NotFound(text),
            std::io::ErrorKind::PermissionDenied => Error::Denied(text),
            _ => Error::Unavailable(text),
        }
    }
}

/// `" (SignatureDoesNotMatch: …)"`: what S3 and Azure say in their answer, or the innermost cause. The whole chain is
/// not passed on: it repeats itself, and a URL in it may be signed.
fn explain(error: &object_store::Error) -> String {
    let text = error.to_string();
    let element = |name: &str| {
        let (_, rest) = text.split_once(&format!("<{name}>"))?;
        Some(rest.split_once("</")?.0.trim().to_owned())
    };
    let said: Vec<String> = ["Code", "Message"].into_iter().filter_map(element).collect();
    if !said.is_empty() {
        return format!(" ({})", said.join(": "));
    }
    let mut cause: &dyn StdError = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    let innermost = cause.to_string();
    let innermost = innermost.strip_suffix(": ").unwrap_or(&innermost);
    // Where AWS and Azure give credentials to machines of theirs.
    let asks_the_machine = ["/latest/api/token", "/latest/meta-data/", "/identity/oauth2/token"];
    if asks_the_machine.iter().any(|path| text.contains(path)) {
        return format!(
            " (no key is set in the environment, and this machine has none of its own: {innermost})"
        );
    }
    format!(" ({innermost})")
}
