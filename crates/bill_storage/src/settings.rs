//! The usual environment: what the tools of AWS and Azure read, handed on to the stores.

use secrecy::{ExposeSecret, SecretString};
use std::collections::BTreeMap;
use std::fmt;

/// Variables that say where a store is and who we are there: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`,
/// `AWS_REGION`, `AWS_ENDPOINT_URL`, `AWS_ALLOW_HTTP`, `AZURE_STORAGE_ACCOUNT_NAME`, `AZURE_STORAGE_ACCOUNT_KEY` and the
/// others of [`AmazonS3ConfigKey`](object_store::aws::AmazonS3ConfigKey) and
/// [`AzureConfigKey`](object_store::azure::AzureConfigKey). `Debug` shows names only.
#[derive(Clone, Default)]
pub struct Settings(BTreeMap<String, SecretString>);

impl Settings {
    /// What the process was started with.
    pub fn from_env() -> Self {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .filter(|(name, _)| name.starts_with("AWS_") || name.starts_with("AZURE_"))
            .collect()
    }

    /// The same, with this variable.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// A variable that is set and not blank.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(ExposeSecret::expose_secret).filter(|value| !value.trim().is_empty())
    }

    /// Those whose name begins so, the names in lower case, as the builders of the stores know them.
    pub(crate) fn of<'a>(&'a self, beginning: &'a str) -> impl Iterator<Item = (String, &'a str)> {
        let names = self.0.keys().filter(move |name| name.starts_with(beginning));
        names.filter_map(|name| Some((name.to_ascii_lowercase(), self.get(name)?)))
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Settings {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        let secret = |(name, value): (N, V)| (name.into(), SecretString::from(value.into()));
        Settings(variables.into_iter().map(secret).collect())
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
