//! Errors, in words for the operator. No error and no `Debug` of this crate shows a credential.

use std::error::Error as StdError;
use std::path::Path;

/// An error of a store, a source or a bill. Each text says what is wrong, where and, as far as that is known, what would be
/// right.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A root, a source, a folder or a setting that cannot be used. Retrying is pointless.
    #[error("{0}")]
    Invalid(String),
    /// There is no such object, bill or bucket.
    #[error("{0}")]
    NotFound(String),
    /// The store refuses access.
    #[error("{0}")]
    Denied(String),
    /// Another process is writing the same bill. Its files were not touched.
    #[error("{0}")]
    Contended(String),
    /// The bytes are not those that were written: another length, another digest, cut off or replaced meanwhile.
    #[error("{0}")]
    Corrupt(String),
    /// A source exceeds its maximum size.
    #[error("{0}")]
    TooLarge(String),
    /// The caller cancelled the work.
    #[error("cancelled")]
    Cancelled,
    /// The store or the disk failed; retrying may help.
    #[error("{0}")]
    Unavailable(String),
}

impl Error {
    /// An error of a store, about the address that the caller knows.
    pub(crate) fn store(place: &str, error: &object_store::Error) -> Self {
        use object_store::Error as E;
        let why = explain(error);
        // object_store has variants for few requests; of lists and credentials only the text tells.
        let text = error.to_string();
        let status =
            |codes: [&str; 2]| codes.iter().any(|code| text.contains(&format!("status code: {code}")));
        if Error::is_unsupported(error) {
            return Error::Invalid(format!(
                "{place}: the store does not know a request that bills need{why}; AWS S3, MinIO, Cloudflare R2, Azure Blob and \
                 folders do"
            ));
        }
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

    /// Whether a store answered 501. The connector turns that into 405, which object_store does not retry.
    pub(crate) fn is_unsupported(error: &object_store::Error) -> bool {
        matches!(error, object_store::Error::NotImplemented { .. })
            || ["405", "501"].iter().any(|code| error.to_string().contains(&format!("status code: {code}")))
            || error.to_string().contains("<Code>NotImplemented</Code>")
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
    // The addresses at which AWS and Azure hand out credentials to their own machines.
    let asks_the_machine = ["/latest/api/token", "/latest/meta-data/", "/identity/oauth2/token"];
    if asks_the_machine.iter().any(|path| text.contains(path)) {
        return format!(
            " (no key is set in the environment, and this machine has none of its own: {innermost})"
        );
    }
    format!(" ({innermost})")
}
