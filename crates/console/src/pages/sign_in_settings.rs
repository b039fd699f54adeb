//! The settings of the providers that users sign in with.

use crate::cx::Cx;
use crate::failure::Failure;
use crate::html;
use crate::inputs::Inputs;
use crate::layout::{Layout, Section};
use crate::pages::single_sign_on::redirect_uri;
use crate::routes::{Routes, only_partners};
use app::Error;
use app::single_sign_on::{Audience, ProviderSettings};
use askama::Template;
use axum::response::Response;
use http::StatusCode;
use std::sync::Arc;

const PATH: &str = "/console/settings/sign-in";
/// Where Microsoft's global cloud signs users in.
const MICROSOFT: &str = "https://login.microsoftonline.com";

pub(crate) fn routes(routes: Routes) -> Routes {
    routes
        .get(PATH, show)
        .post("/console/settings/sign-in/{audience}", save)
        .post("/console/settings/sign-in/{audience}/remove", remove)
}

/// A provider on the page.
pub(crate) struct ProviderForm {
    pub(crate) audience: &'static str,
    pub(crate) is_customers: bool,
    /// Whether there is one.
    pub(crate) is_set: bool,
    pub(crate) f: Inputs,
}

#[derive(Template)]
#[template(path = "sign_in_settings.html")]
pub(crate) struct SignInSettingsPage {
    pub(crate) l: Layout,
    pub(crate) forms: Vec<ProviderForm>,
    /// Where providers send browsers back to.
    pub(crate) redirect_uri: String,
    /// The address of the sign-in page with this partner's providers.
    pub(crate) sign_in: String,
}

/// The names of a form's fields: issuer, client id, secret, domains.
fn names(audience: Audience) -> [&'static str; 4] {
    match audience {
        Audience::Partner => ["partner-issuer", "partner-client", "partner-secret", "partner-domains"],
        Audience::Customers => {
            ["customers-issuer", "customers-client", "customers-secret", "customers-domains"]
        }
    }
}

async fn form(cx: &Cx, audience: Audience) -> Result<ProviderForm, Failure> {
    let settings = cx.app.sign_in_provider(cx.call(), audience).await?;
    let [issuer, client, _, domains] = names(audience);
    let f = Inputs::new(&names(audience), |name| match &settings {
        Some(settings) if name == issuer => settings.issuer.clone(),
        Some(settings) if name == client => settings.client_id.clone(),
        Some(settings) if name == domains => settings.allowed_domains.join(", "),
        None if name == issuer && audience == Audience::Customers => MICROSOFT.to_owned(),
        _ => String::new(),
    });
    let is_customers = audience == Audience::Customers;
    Ok(ProviderForm { audience: audience.as_str(), is_customers, is_set: settings.is_some(), f })
}

async fn page(cx: &Cx, mut wrong: Option<(Audience, Inputs)>) -> Result<SignInSettingsPage, Failure> {
    let mut forms = Vec::new();
    for audience in Audience::ALL {
        let mut form = form(cx, audience).await?;
        if let Some((_, f)) = wrong.take_if(|(wrong, _)| *wrong == audience) {
            form.f = f;
        }
        forms.push(form);
    }
    Ok(SignInSettingsPage {
        l: cx.layout("sso-settings-title", Section::Settings),
        forms,
        redirect_uri: redirect_uri(cx),
        sign_in: format!("{}/console/sign-in?partner={}", cx.visit.origin, cx.call().partner()),
    })
}

async fn show(cx: Arc<Cx>) -> Result<Response, Failure> {
    only_partners(&cx)?;
    Ok(html::ok(&page(&cx, None).await?))
}

fn audience(cx: &Cx) -> Result<Audience, Failure> {
    only_partners(cx)?;
    let name: String = cx.parameter("audience").unwrap_or_default();
    Audience::parse(&name).ok_or(Failure::App(Error::NotFound))
}

async fn save(cx: Arc<Cx>) -> Result<Response, Failure> {
    let audience = audience(&cx)?;
    let names = names(audience);
    let [issuer, client, secret, domains] = names;
    let secret = cx.form.get(secret);
    let settings = ProviderSettings {
        issuer: cx.form.get(issuer).to_owned(),
        client_id: cx.form.get(client).to_owned(),
        allowed_domains: ProviderSettings::domains(cx.form.get(domains)),
    };
    let secret = (!secret.is_empty()).then(|| secret.to_owned().into());
    match cx.app.set_sign_in_provider(cx.call(), audience, settings, secret).await {
        Ok(()) => Ok(html::see_other("/console/settings/sign-in?done=sign-in-saved")),
        Err(Error::Invalid(violations)) => {
            // The secret is not sent back.
            let value = |name: &str| if name == names[2] { "" } else { cx.form.get(name) }.to_owned();
            let mut f = Inputs::new(&names, value);
            f.refuse_all(cx.lang, &violations, |pointer| match pointer {
                "/issuer" => (names[0], "field-issuer"),
                "/client_id" => (names[1], "field-client-id"),
                "/client_secret" => (names[2], "field-client-secret"),
                "/allowed_domains" => (names[3], "field-domains"),
                _ => ("", ""),
            });
            let page = page(&cx, Some((audience, f))).await?;
            Ok(html::page(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
        Err(error) => Err(error.into()),
    }
}

async fn remove(cx: Arc<Cx>) -> Result<Response, Failure> {
    cx.app.remove_sign_in_provider(cx.call(), audience(&cx)?).await?;
    Ok(html::see_other("/console/settings/sign-in?done=sign-in-removed"))
}

#[cfg(test)]
pub(super) fn samples() -> Vec<SignInSettingsPage> {
    use crate::layout::samples::partner;
    let form = |audience: Audience, is_set, is_wrong| {
        let mut f = Inputs::new(&names(audience), |name| format!("{name} <b>"));
        if is_wrong {
            f.refuse(names(audience)[0], "Issuer: is no URL <b>".into());
        }
        let is_customers = audience == Audience::Customers;
        ProviderForm { audience: audience.as_str(), is_customers, is_set, f }
    };
    let page = |forms| SignInSettingsPage {
        l: partner("sso-settings-title", Section::Settings),
        forms,
        redirect_uri: "https://tenantry.example.com/console/single-sign-on/return".into(),
        sign_in: "https://tenantry.example.com/console/sign-in?partner=1".into(),
    };
    vec![
        page(vec![form(Audience::Partner, false, false), form(Audience::Customers, false, false)]),
        page(vec![form(Audience::Partner, true, true), form(Audience::Customers, true, false)]),
    ]
}
