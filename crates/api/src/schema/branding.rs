//! The branding.

use serde::Serialize;
use utoipa::ToSchema;

/// How the partner is to appear to its customers.
#[derive(ToSchema)]
pub(crate) struct NewBranding {
    /// The name that customers see; the partner's own if it is left out.
    #[schema(nullable, example = "Contoso Cloud")]
    name: Option<String>,
    /// The background of the header, as in CSS. The text on it becomes black or white.
    #[schema(nullable, example = "#1f5fbf")]
    colour: Option<String>,
    /// The host that the portal has beside the server's own, without a port.
    #[schema(nullable, example = "portal.example.com")]
    portal_host: Option<String>,
}

/// How the partner appears to its customers. An empty text is not set.
#[derive(ToSchema, Serialize)]
pub(crate) struct Branding {
    #[schema(example = "Contoso Cloud")]
    name: String,
    #[schema(example = "#1f5fbf")]
    colour: String,
    #[schema(example = "portal.example.com")]
    portal_host: String,
    logo: Option<Logo>,
}

/// The partner's logo, a PNG.
#[derive(ToSchema, Serialize)]
pub(crate) struct Logo {
    /// The path of the logo on the server, which needs no key. Another logo has another path.
    #[schema(example = "/console/logos/0123456789abcdef0123456789abcdef.png")]
    path: String,
    /// In pixels.
    #[schema(minimum = 1, maximum = 480)]
    width: i64,
    /// In pixels.
    #[schema(minimum = 1, maximum = 96)]
    height: i64,
}

impl From<app::Branding> for Branding {
    fn from(branding: app::Branding) -> Self {
        let app::Branding { name, colour, portal_host, logo } = branding;
        let logo = logo.map(|app::Logo { path, width, height }| Logo { path, width, height });
        Branding { name, colour, portal_host, logo }
    }
}
