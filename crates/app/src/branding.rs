//! How a partner appears to its customers.

use crate::access::Call;
use crate::audit::Entry;
use crate::change::Done;
use crate::permissions::Permission;
use crate::{App, Error};
use domain::branding::{Colour, host};
use domain::{DisplayName, PartnerId, Violation, Violations};
use serde_json::json;
use store::Scope;
use store::branding::{self, BrandingRow};

/// A partner's branding, as it is typed and shown. Empty texts stand for what is not set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Branding {
    /// The name that customers see in place of the partner's display name.
    pub name: String,
    /// The colour, such as `#1f5fbf`.
    pub colour: String,
    /// The host of the portal, such as `portal.example.com`.
    pub portal_host: String,
}

impl App {
    /// The partner's branding.
    pub async fn branding(&self, call: &Call) -> Result<Branding, Error> {
        let grant = self.require(call, Permission::ManagePartner).await?;
        let row: Option<BrandingRow> = grant
            .look_up(call.partner(), |partner, tx| {
                Box::pin(async move { Ok::<_, Error>(branding::get(tx, *partner).await?) })
            })
            .await?;
        let BrandingRow { name, colour, portal_host } = row.unwrap_or_default();
        let colour = if colour.is_empty() { colour } else { format!("#{colour}") };
        Ok(Branding { name, colour, portal_host: portal_host.unwrap_or_default() })
    }

    /// Sets the partner's branding.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the pointers `/name`, `/colour` and `/portal_host`.
    pub async fn set_branding(&self, call: &Call, branding: &Branding) -> Result<(), Error> {
        let grant = self.require(call, Permission::ManagePartner).await?;
        let mut violations = Violations::default();
        let mut read = |pointer: &str, result: Result<String, Violation>| match result {
            Ok(value) => value,
            Err(violation) => {
                violations.push(Violation::new(pointer, violation.code, violation.message));
                String::new()
            }
        };
        let unless_blank = |text: &str, parse: &dyn Fn(&str) -> Result<String, Violation>| match text.trim() {
            "" => Ok(String::new()),
            text => parse(text),
        };
        let name = |text: &str| DisplayName::parse(text).map(|name| name.as_str().to_owned());
        let colour = |text: &str| Colour::parse(text).map(Colour::digits);
        let row = BrandingRow {
            name: read("/name", unless_blank(&branding.name, &name)),
            colour: read("/colour", unless_blank(&branding.colour, &colour)),
            portal_host: Some(read("/portal_host", unless_blank(&branding.portal_host, &host)))
                .filter(|host| !host.is_empty()),
        };
        if !violations.is_empty() {
            return Err(Error::Invalid(violations));
        }
        grant
            .change((call.partner(), row, self.clock.now()), |(partner, row, now), tx| {
                Box::pin(async move {
                    let before = branding::get(tx, *partner).await?;
                    if before.as_ref() == Some(row) {
                        return Ok(Done { value: (), entry: None });
                    }
                    if !branding::set(tx, *partner, row, *now).await? {
                        return Err(Error::Invalid(Violation::taken("/portal_host").into()));
                    }
                    let show = |row: &BrandingRow| {
                        json!({"name": row.name, "colour": row.colour, "portal_host": row.portal_host})
                    };
                    let mut entry = Entry::new("branding.update", "branding".into()).after(&show(row));
                    if let Some(before) = &before {
                        entry = entry.before(&show(before));
                    }
                    Ok(Done { value: (), entry: Some(entry) })
                })
            })
            .await
    }

    /// The partner that has this host for its portal.
    pub async fn partner_of_host(&self, host: &str) -> Result<Option<PartnerId>, Error> {
        self.db
            .unchecked()
            .look_up(Scope::System, host.to_ascii_lowercase(), |host, tx| {
                Box::pin(async move { Ok::<_, Error>(branding::partner_of_host(tx, host).await?) })
            })
            .await
    }

    /// The CSS of a colour: the colour, and that of text on it. `None` for what is no colour of six hex digits.
    pub fn colour_css(digits: &str) -> Option<String> {
        let colour = Colour::parse(digits).ok().filter(|colour| colour.digits() == digits)?;
        Some(format!(":root{{--brand:#{digits};--brand-text:#{}}}", colour.text().digits()))
    }
}
