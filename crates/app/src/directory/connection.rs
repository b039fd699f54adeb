//! The connection to a partner's directory: tested, given new credentials, walked again and taken away, by the operator or by an
//! administrator of the partner.

use super::{Connected, DirectorySecret, Source, setup_of};
use crate::access::Call;
use crate::audit::Entry;
use crate::boxed;
use crate::change::Done;
use crate::grant::Grant;
use crate::permissions::Permission;
use crate::{App, Error, Refusal};
use ::directory::Report;
use domain::{PartnerId, Violation, Violations, code};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use std::sync::{Arc, Mutex, PoisonError};
use store::directories::{self, DirectoryRow};

/// The maximum length of a secret, in bytes. Refresh tokens of Microsoft have some 1,500.
const MAX_LENGTH: usize = 10_000;

/// What a directory's application signs in with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignInKind {
    /// Nothing: the directory is a file.
    Nothing,
    /// Its own secret.
    Application,
    /// Its own secret, and the refresh token of a user who consented.
    User,
}

/// The credentials that replace those of a connection. What is left out stays as it is.
#[derive(Clone, Debug, Default)]
pub struct NewCredentials {
    /// The application's secret.
    pub client_secret: Option<SecretString>,
    /// The refresh token of a consenting user.
    pub refresh_token: Option<SecretString>,
}

impl NewCredentials {
    fn check(&self, kind: SignInKind) -> Violations {
        let mut violations = Violations::default();
        let given = [("/client_secret", &self.client_secret), ("/refresh_token", &self.refresh_token)];
        for (pointer, secret) in given {
            let Some(secret) = secret else { continue };
            let text = secret.expose_secret();
            if text.is_empty() || text.len() > MAX_LENGTH || !text.bytes().all(|b| b.is_ascii_graphic()) {
                let message = "has characters that it cannot have, or is too long";
                violations
                    .push(Violation::new(pointer, code::INVALID, message).because("provider-text", &[]));
            }
        }
        let pointer = match kind {
            SignInKind::User if self.client_secret.is_none() && self.refresh_token.is_none() => {
                "/refresh_token"
            }
            SignInKind::Application if self.client_secret.is_none() => "/client_secret",
            _ => return violations,
        };
        let message = "is required";
        violations.push(Violation::new(pointer, code::REQUIRED, message).because("required", &[]));
        violations
    }
}

impl App {
    /// Tests a partner's connected directory; `None` if the partner has none.
    #[boxed]
    pub async fn test_directory(&self, partner: PartnerId) -> Result<Option<Report>, Error> {
        let call = Call::of_operator(partner, "directory test");
        self.test(self.unchecked(&call)).await
    }

    /// Tests the partner's own directory, and records what worked.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the partner has none.
    #[boxed]
    pub async fn test_own_directory(&self, call: &Call) -> Result<Report, Error> {
        let grant = self.require(call, Permission::ManagePartner).await?;
        self.test(grant).await?.ok_or(Error::NotFound)
    }

    async fn test(&self, grant: Grant<'_>) -> Result<Option<Report>, Error> {
        let partner = grant.call().partner();
        let Some(row) = self.directory_row(partner).await? else { return Ok(None) };
        let (directory, _) = self.directory_of(&row)?;
        let report = directory.check().await;
        let input = (partner, row.version, self.clock.now(), text_of(&report)?, report.works());
        grant
            .change(input, |(partner, version, at, report, works), tx| {
                Box::pin(async move {
                    directories::set_tested(tx, *partner, *version, *at, report).await?;
                    let entry = Entry::new("directory.test", "directory".into());
                    Ok::<_, Error>(Done { value: (), entry: Some(entry.after(&json!({"works": works}))) })
                })
            })
            .await?;
        Ok(Some(report))
    }

    /// What the partner's directory signs in with; `None` if the partner has none.
    #[boxed]
    pub async fn directory_sign_in(&self, call: &Call) -> Result<Option<SignInKind>, Error> {
        self.require(call, Permission::ManagePartner).await?;
        let Some(row) = self.directory_row(call.partner()).await? else { return Ok(None) };
        Ok(Some(self.credentials(&row)?.map_or(SignInKind::Nothing, |secret| kind_of(&secret))))
    }

    /// Tests the partner's own directory with new credentials, and replaces the stored ones if everything works.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the partner has no directory, [`Error::Invalid`] with the pointers `/client_secret` and
    /// `/refresh_token`, [`Error::PreconditionFailed`] if the directory was replaced meanwhile.
    #[boxed]
    pub async fn reconnect_directory(&self, call: &Call, given: NewCredentials) -> Result<Connected, Error> {
        let grant = self.require(call, Permission::ManagePartner).await?;
        let partner = call.partner();
        let row = self.directory_row(partner).await?.ok_or(Error::NotFound)?;
        let setup = setup_of(&row)?;
        let (Source::PartnerCenter { .. }, Some(stored)) = (&setup.source, self.credentials(&row)?) else {
            let refusal = Refusal::new("the directory is a file, which nothing signs in to");
            return Err(Error::Conflict(refusal.named("directory-is-a-file", &[])));
        };
        let kind = kind_of(&stored);
        let violations = given.check(kind);
        if !violations.is_empty() {
            return Err(Error::Invalid(violations));
        }
        let replaced: Vec<&str> = [
            given.client_secret.as_ref().map(|_| "client_secret"),
            given.refresh_token.as_ref().map(|_| "refresh_token"),
        ]
        .into_iter()
        .flatten()
        .collect();
        let is_stored_token = given.refresh_token.is_none();
        let secret = DirectorySecret {
            client_secret: given.client_secret.unwrap_or_else(|| stored.client_secret.clone()),
            refresh_token: match kind {
                SignInKind::User => given.refresh_token.or(stored.refresh_token),
                _ => None,
            },
        };
        // The test may exchange the refresh token for a newer one, which invalidates the given one.
        let newer = Arc::new(Mutex::new(None));
        let on_refresh_token = {
            let newer = Arc::clone(&newer);
            Arc::new(move |token: &SecretString| {
                *newer.lock().unwrap_or_else(PoisonError::into_inner) = Some(token.clone());
            })
        };
        let report = self.make_directory(&setup, Some(secret.clone()), on_refresh_token)?.check().await;
        let newer: Option<SecretString> = newer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if !report.works() {
            if let (Some(newer), true) = (newer, is_stored_token) {
                let secret =
                    DirectorySecret { client_secret: stored.client_secret, refresh_token: Some(newer) };
                self.replace_refresh_token(&row, &secret).await?;
            }
            return Ok(Connected { report, kept: false });
        }
        let secret = DirectorySecret { refresh_token: newer.or(secret.refresh_token), ..secret };
        let sealed = self.seal_credentials(partner, &secret)?;
        let next = i64::from_le_bytes(self.random.bytes()?) & i64::MAX;
        let tested = (self.clock.now(), text_of(&report)?);
        let input = (partner, row.version, next, sealed, tested, json!({"replaced": replaced}));
        grant
            .change(input, |(partner, version, next, sealed, (at, tested), after), tx| {
                Box::pin(async move {
                    if !directories::replace_credentials(tx, *partner, *version, *next, sealed).await? {
                        return Err(Error::PreconditionFailed);
                    }
                    directories::set_tested(tx, *partner, *next, *at, tested).await?;
                    let entry = Entry::new("directory.reconnect", "directory".into()).after(after);
                    Ok(Done { value: (), entry: Some(entry) })
                })
            })
            .await?;
        Ok(Connected { report, kept: true })
    }

    /// Stores the refresh token that the stored one was exchanged for by a test that has failed for another reason, and has
    /// the client read it.
    async fn replace_refresh_token(&self, row: &DirectoryRow, secret: &DirectorySecret) -> Result<(), Error> {
        let sealed = self.seal_credentials(row.partner, secret)?;
        let input = (row.partner, row.version, sealed);
        self.db
            .unchecked()
            .write(row.partner, input, |(partner, version, sealed), tx| {
                Box::pin(
                    async move { Ok::<_, Error>(directories::reseal(tx, *partner, *version, sealed).await?) },
                )
            })
            .await?;
        self.directories.made.lock().unwrap_or_else(PoisonError::into_inner).remove(&row.partner);
        Ok(())
    }

    /// Makes the next sync step read a partner's directory from its beginning.
    #[boxed]
    pub async fn request_directory_walk(&self, partner: PartnerId) -> Result<(), Error> {
        let call = Call::of_operator(partner, "directory sync");
        self.walk_again(self.unchecked(&call)).await
    }

    /// Makes the next sync step read the partner's own directory from its beginning.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the partner has none.
    #[boxed]
    pub async fn request_own_directory_walk(&self, call: &Call) -> Result<(), Error> {
        let grant = self.require(call, Permission::ManagePartner).await?;
        self.walk_again(grant).await
    }

    async fn walk_again(&self, grant: Grant<'_>) -> Result<(), Error> {
        grant
            .change(grant.call().partner(), |partner, tx| {
                Box::pin(async move {
                    if !directories::request_walk(tx, *partner).await? {
                        return Err(Error::NotFound);
                    }
                    let entry = Entry::new("directory.sync", "directory".into());
                    Ok(Done { value: (), entry: Some(entry) })
                })
            })
            .await
    }

    /// Disconnects a partner's directory; from now on tenants are accepted without a look-up.
    #[boxed]
    pub async fn disconnect_directory(&self, partner: PartnerId) -> Result<(), Error> {
        let call = Call::of_operator(partner, "directory disconnect");
        match self.disconnect(self.unchecked(&call)).await {
            Err(Error::NotFound) => Ok(()),
            disconnected => disconnected,
        }
    }

    /// Disconnects the partner's own directory like [`App::disconnect_directory`].
    ///
    /// # Errors
    /// [`Error::NotFound`] if the partner has none.
    #[boxed]
    pub async fn disconnect_own_directory(&self, call: &Call) -> Result<(), Error> {
        let grant = self.require(call, Permission::ManagePartner).await?;
        self.disconnect(grant).await
    }

    async fn disconnect(&self, grant: Grant<'_>) -> Result<(), Error> {
        grant
            .change(grant.call().partner(), |partner, tx| {
                Box::pin(async move {
                    if !directories::remove(tx, *partner).await? {
                        return Err(Error::NotFound);
                    }
                    let entry = Entry::new("directory.disconnect", "directory".into());
                    Ok(Done { value: (), entry: Some(entry) })
                })
            })
            .await
    }

    fn credentials(&self, row: &DirectoryRow) -> Result<Option<DirectorySecret>, Error> {
        row.sealed.as_ref().map(|sealed| self.open_credentials(row.partner, sealed)).transpose()
    }
}

fn kind_of(secret: &DirectorySecret) -> SignInKind {
    if secret.refresh_token.is_some() { SignInKind::User } else { SignInKind::Application }
}

/// A report as it is stored.
pub(super) fn text_of(report: &Report) -> Result<String, Error> {
    serde_json::to_string(report).map_err(|e| Error::Internal(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_needed_depends_on_the_kind_of_sign_in() {
        let given = |secret: &str, token: &str| NewCredentials {
            client_secret: (secret != "-").then(|| secret.to_owned().into()),
            refresh_token: (token != "-").then(|| token.to_owned().into()),
        };
        for (kind, secret, token, expected) in [
            (SignInKind::User, "-", "-", vec!["/refresh_token"]),
            (SignInKind::User, "s", "-", vec![]),
            (SignInKind::User, "-", "t", vec![]),
            (SignInKind::User, "a b", "t\n", vec!["/client_secret", "/refresh_token"]),
            (SignInKind::Application, "-", "-", vec!["/client_secret"]),
            (SignInKind::Application, "s", "-", vec![]),
            (SignInKind::Application, "", "-", vec!["/client_secret"]),
        ] {
            let violations = given(secret, token).check(kind);
            let found: Vec<&str> = violations.iter().map(|violation| violation.pointer.as_str()).collect();
            assert_eq!(found, expected, "{kind:?} {secret:?} {token:?}");
        }
        let long =
            NewCredentials { client_secret: Some("x".repeat(MAX_LENGTH + 1).into()), ..given("-", "-") };
        assert_eq!(long.check(SignInKind::Application).iter().count(), 1);
    }
}
