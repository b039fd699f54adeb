//! Sign-in providers, and the accounts that users have there.

use app::single_sign_on;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

/// Whose users a provider signs in: the partner's own, or its customers'.
#[derive(ToSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SignInAudience {
    Partner,
    Customers,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct ProviderAudience {
    /// Whose users it signs in.
    #[param(inline)]
    audience: SignInAudience,
}

/// A provider of OpenID Connect to be used.
#[derive(ToSchema)]
pub(crate) struct NewSignInProvider {
    /// For the partner's own users the issuer; for customers' users the address in front of the tenant.
    #[schema(example = "https://login.microsoftonline.com")]
    issuer: String,
    client_id: String,
    /// The one from before if it is left out.
    #[schema(nullable)]
    client_secret: Option<String>,
    /// The domains of e-mail addresses that may sign in; all of them if it is left out.
    #[schema(nullable, max_items = 50)]
    allowed_domains: Option<Vec<String>>,
}

/// A provider of OpenID Connect, without its secret.
#[derive(ToSchema, Serialize)]
pub(crate) struct SignInProvider {
    #[schema(example = "https://login.microsoftonline.com")]
    issuer: String,
    client_id: String,
    allowed_domains: Vec<String>,
}

/// An account of a provider.
#[derive(ToSchema, Serialize)]
pub(crate) struct LinkedAccount {
    issuer: String,
    /// What the provider calls the account.
    subject: String,
}

/// The accounts of a user.
#[derive(ToSchema, Serialize)]
pub(crate) struct LinkedAccountList {
    accounts: Vec<LinkedAccount>,
}

impl From<single_sign_on::ProviderSettings> for SignInProvider {
    fn from(settings: single_sign_on::ProviderSettings) -> Self {
        let single_sign_on::ProviderSettings { issuer, client_id, allowed_domains } = settings;
        SignInProvider { issuer, client_id, allowed_domains }
    }
}

impl LinkedAccountList {
    pub(crate) fn of(accounts: Vec<single_sign_on::LinkedAccount>) -> Self {
        let account = |single_sign_on::LinkedAccount { issuer, subject }| LinkedAccount { issuer, subject };
        LinkedAccountList { accounts: accounts.into_iter().map(account).collect() }
    }
}
