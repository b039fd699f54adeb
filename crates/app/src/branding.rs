//! How a partner appears to its customers.

use crate::access::Call;
use crate::audit::Entry;
use crate::audit::record::{BrandingRecord, LogoRecord};
use crate::boxed;
use crate::change::Done;
use crate::logo::{self, Picture};
use crate::permissions::Permission;
use crate::secrets::hex;
use crate::{App, Error};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use domain::branding::{Colour, PAYLOAD, host};
use domain::fields::Fields;
use domain::text::string;
use domain::{DisplayName, Handling, Json, PartnerId, Violation, Violations};
use sha2::{Digest, Sha256};
use store::Scope;
use store::branding::{self, BrandingRow, LogoRow};
use tokio::sync::Semaphore;

/// One logo at a time is decoded: the memory for many at once would be too much.
static DECODER: Semaphore = Semaphore::const_new(1);
/// The length of the digest in a logo's name: 128 bits in hex.
const DIGEST_LENGTH: usize = 32;

/// A partner's branding, as it is typed and shown. Empty texts stand for what is not set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Branding {
    /// The name that customers see in place of the partner's display name.
    pub name: String,
    /// The colour, such as `#1f5fbf`.
    pub colour: String,
    /// The host of the portal, such as `portal.example.com`.
    pub portal_host: String,
    /// The logo, which is set by itself.
    pub logo: Option<Logo>,
}

/// A partner's logo: a PNG that the server has written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logo {
    /// Where it is served. Its name is made of its content, so another logo has another path.
    pub path: String,
    /// In pixels, at most 480.
    pub width: i64,
    /// In pixels, at most 96.
    pub height: i64,
}

impl Branding {
    /// Reads a payload with name, colour and host. What is left out is empty.
    ///
    /// # Errors
    /// Every rule that the payload breaks.
    pub fn parse(body: &Json, handling: Handling) -> Result<Self, Violations> {
        let mut fields = Fields::of(body, r##"a JSON object such as {"colour": "#1f5fbf"}"##)?;
        let mut text =
            |name| fields.optional(name, |json| string(json).map(str::to_owned)).unwrap_or_default();
        let branding = Branding {
            name: text("name"),
            colour: text("colour"),
            portal_host: text("portal_host"),
            logo: None,
        };
        let mut violations = fields.violations;
        violations.extend(validated(&branding).1);
        violations.extend(PAYLOAD.unknown(body, handling));
        if violations.is_empty() { Ok(branding) } else { Err(violations) }
    }
}

/// The row of what was typed, and what is wrong with it.
fn validated(branding: &Branding) -> (BrandingRow, Violations) {
    let mut violations = Violations::default();
    let mut read = |pointer: &str, result: Result<String, Violation>| match result {
        Ok(value) => value,
        Err(violation) => {
            violations.push(Violation { pointer: pointer.to_owned(), ..violation });
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
    (row, violations)
}

/// A partner as visitors of its portal see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Portal {
    /// The partner.
    pub partner: PartnerId,
    /// Its name as its customers see it.
    pub name: String,
    /// The colour, as six hex digits.
    pub colour: Option<String>,
    /// The logo.
    pub logo: Option<Logo>,
}

impl From<LogoRow> for Logo {
    fn from(row: LogoRow) -> Self {
        let LogoRow { digest, width, height } = row;
        Logo { path: format!("/console/logos/{digest}.png"), width, height }
    }
}

impl App {
    /// The partner's branding.
    #[boxed]
    pub async fn branding(&self, call: &Call) -> Result<Branding, Error> {
        let grant = self.require(call, Permission::ManagePartner).await?;
        let (row, logo): (Option<BrandingRow>, Option<LogoRow>) = grant
            .look_up(call.partner(), |partner, tx| {
                Box::pin(async move {
                    let row = branding::get(tx, *partner).await?;
                    Ok::<_, Error>((row, branding::logo(tx, *partner).await?))
                })
            })
            .await?;
        let BrandingRow { name, colour, portal_host } = row.unwrap_or_default();
        let colour = if colour.is_empty() { colour } else { format!("#{colour}") };
        let portal_host = portal_host.unwrap_or_default();
        Ok(Branding { name, colour, portal_host, logo: logo.map(Logo::from) })
    }

    /// Sets the partner's logo, from a PNG or WebP picture of at most 200 KB.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the pointer `""`.
    #[boxed]
    pub async fn set_logo(&self, call: &Call, picture: Bytes) -> Result<(), Error> {
        let grant = self.require(call, Permission::ManagePartner).await?;
        let Picture { png, width, height } = decoded(picture).await?;
        let mut digest = hex(&Sha256::digest(&png));
        digest.truncate(DIGEST_LENGTH);
        let row = LogoRow { digest, width: width.into(), height: height.into() };
        let input = (call.partner(), row, BASE64_STANDARD.encode(&png), self.clock.now());
        grant
            .change(input, |(partner, row, png, now), tx| {
                Box::pin(async move {
                    let before = branding::logo(tx, *partner).await?;
                    if before.as_ref() == Some(row) {
                        return Ok(Done { value: (), entry: None });
                    }
                    branding::set_logo(tx, *partner, row, png, *now).await?;
                    let mut entry =
                        Entry::new("branding.set_logo", "branding".into()).after(&LogoRecord::from(row));
                    if let Some(before) = &before {
                        entry = entry.before(&LogoRecord::from(before));
                    }
                    Ok(Done { value: (), entry: Some(entry) })
                })
            })
            .await
    }

    /// Removes the partner's logo.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it has none.
    #[boxed]
    pub async fn remove_logo(&self, call: &Call) -> Result<(), Error> {
        let grant = self.require(call, Permission::ManagePartner).await?;
        grant
            .change(call.partner(), |partner, tx| {
                Box::pin(async move {
                    let before = branding::logo(tx, *partner).await?.ok_or(Error::NotFound)?;
                    branding::remove_logo(tx, *partner).await?;
                    let entry = Entry::new("branding.remove_logo", "branding".into())
                        .before(&LogoRecord::from(&before));
                    Ok(Done { value: (), entry: Some(entry) })
                })
            })
            .await
    }

    /// The PNG with this name, such as `0123456789abcdef0123456789abcdef.png`. Who knows a logo's name may see it. One
    /// that was changed beside the server is not the one that its name is made of, and is not found.
    #[boxed]
    pub async fn logo(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        let Some(digest) = name.strip_suffix(".png").filter(|digest| digest.len() == DIGEST_LENGTH) else {
            return Ok(None);
        };
        let found: Option<String> = self
            .db
            .unchecked()
            .look_up(Scope::System, digest.to_owned(), |digest, tx| {
                Box::pin(async move { Ok::<_, Error>(branding::picture(tx, digest).await?) })
            })
            .await?;
        let png = found.and_then(|png| BASE64_STANDARD.decode(png).ok());
        Ok(png.filter(|png| hex(&Sha256::digest(png)).starts_with(digest)))
    }

    /// Sets the partner's name, colour and host.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the pointers `/name`, `/colour` and `/portal_host`.
    #[boxed]
    pub async fn set_branding(&self, call: &Call, branding: &Branding) -> Result<(), Error> {
        let grant = self.require(call, Permission::ManagePartner).await?;
        let (row, violations) = validated(branding);
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
                    let mut entry =
                        Entry::new("branding.update", "branding".into()).after(&BrandingRecord::from(row));
                    if let Some(before) = &before {
                        entry = entry.before(&BrandingRecord::from(before));
                    }
                    Ok(Done { value: (), entry: Some(entry) })
                })
            })
            .await
    }

    /// The partner that has this host for its portal.
    #[boxed]
    pub async fn portal_of_host(&self, host: &str) -> Result<Option<Portal>, Error> {
        let found: Option<branding::Portal> = self
            .db
            .unchecked()
            .look_up(Scope::System, host.to_ascii_lowercase(), |host, tx| {
                Box::pin(async move { Ok::<_, Error>(branding::portal(tx, host).await?) })
            })
            .await?;
        Ok(found.map(|portal| Portal {
            partner: portal.partner,
            name: portal.name,
            colour: Some(portal.colour).filter(|colour| !colour.is_empty()),
            logo: portal.logo.map(Logo::from),
        }))
    }

    /// The CSS of a colour: the colour, and that of text on it. `None` for what is no colour of six hex digits.
    pub fn colour_css(digits: &str) -> Option<String> {
        let colour = Colour::parse(digits).ok().filter(|colour| colour.digits() == digits)?;
        Some(format!(":root{{--brand:#{digits};--brand-text:#{}}}", colour.text().digits()))
    }
}

/// Decodes a logo on a thread of its own.
async fn decoded(picture: Bytes) -> Result<Picture, Error> {
    let _one = DECODER.acquire().await.map_err(|error| Error::Internal(error.to_string()))?;
    match tokio::task::spawn_blocking(move || logo::read(&picture)).await {
        Ok(read) => read.map_err(|violation| Error::Invalid(violation.into())),
        Err(error) => Err(Error::Internal(format!("decoding a logo failed: {error}"))),
    }
}
