//! Why nobody was signed in.

/// Error of a sign-in. The texts are for the operator's log and for the partner's administrators: they hold no secret, and
/// no token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The settings cannot be used.
    #[error("{0}")]
    Settings(String),
    /// The provider cannot be reached, or its metadata cannot be used.
    #[error("the provider cannot be used: {0}")]
    Unreachable(String),
    /// The provider did not exchange the code: it is not the one that it gave, or the registration is wrong.
    #[error("the provider refuses the exchange of the code: {0}")]
    Refused(String),
    /// What the provider says is not to be believed.
    #[error("the provider's token is not accepted: {0}")]
    Untrusted(String),
}

/// The longest text of a provider that is repeated.
const MAX_LENGTH: usize = 300;

/// A text of a provider, fit to be shown: without control characters, and shortened.
pub(crate) fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MAX_LENGTH).collect()
}
