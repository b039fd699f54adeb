//! The connection to the directory: what stands in its way, what worked when it was tested, new credentials, and taking it away.

use crate::cx::Cx;
use crate::failure::Failure;
use crate::format::{self, Time};
use crate::html;
use crate::i18n::Lang;
use crate::inputs::Inputs;
use crate::layout::{Layout, Section};
use crate::routes::{Routes, only_partners};
use app::connection::{self, Check, Credential, NewCredentials, Outcome, Report, SignInKind, Step};
use app::{Error, Permission};
use askama::Template;
use axum::response::Response;
use http::StatusCode;
use std::sync::Arc;

const CREDENTIALS: &str = "/console/directory/credentials";
const DISCONNECT: &str = "/console/directory/disconnect";
const SECRET: &str = "client_secret";
const TOKEN: &str = "refresh_token";

pub(crate) fn routes(routes: Routes) -> Routes {
    routes
        .post("/console/directory/test", test)
        .post("/console/directory/walk", walk)
        .get(CREDENTIALS, credentials)
        .post(CREDENTIALS, replace)
        .get(DISCONNECT, ask)
        .post(DISCONNECT, disconnect)
}

/// Why the directory cannot be used.
pub(crate) struct Cause {
    pub(crate) title: String,
    pub(crate) advice: String,
    /// What the directory has answered, in English.
    pub(crate) detail: String,
    pub(crate) since: Time,
}

impl Cause {
    pub(crate) fn of(lang: Lang, failure: connection::Failure) -> Self {
        let connection::Failure { code, message, since } = failure;
        // A newer version beside this one may have codes that this one does not know.
        let code =
            if connection::failure_codes().any(|known| known == code) { code.as_str() } else { "unknown" };
        let code = code.replace('_', "-");
        Cause {
            title: lang.text(&format!("directory-cause-{code}"), None),
            advice: lang.text(&format!("directory-advice-{code}"), None),
            detail: message,
            since: format::time(lang, since),
        }
    }
}

/// Something that the connection needs, and whether it was there at the last test.
pub(crate) struct Need {
    pub(crate) name: String,
    /// What it is for, and which permission or role it takes.
    pub(crate) about: String,
    pub(crate) state: &'static str,
    /// The id of the state's name.
    pub(crate) state_name: &'static str,
    /// What was seen.
    pub(crate) seen: String,
    /// What was answered instead, in English.
    pub(crate) detail: String,
}

/// What worked when the connection was tested.
pub(crate) fn needs(lang: Lang, report: &Report) -> Vec<Need> {
    report.steps.iter().map(|step| need(lang, step)).collect()
}

fn need(lang: Lang, step: &Step) -> Need {
    let code = step.what.code();
    let (state, state_name, detail) = match &step.outcome {
        Outcome::Works(_) => ("good", "need-works", String::new()),
        Outcome::Fails(detail) => ("bad", "need-missing", detail.clone()),
        Outcome::Lacks(detail) => ("warn", "need-missing", detail.clone()),
        Outcome::Skipped(_) => ("", "need-unknown", String::new()),
    };
    let number = |count: usize| format::number(lang, i64::try_from(count).unwrap_or(i64::MAX));
    let seen =
        step.seen.filter(|_| state == "good").map_or_else(String::new, |seen| match (step.what, seen.of) {
            (_, Some(of)) => {
                lang.text_with("need-seen-of", &[("count", &number(seen.count)), ("of", &number(of))])
            }
            (Check::ListInvoices, None) => {
                lang.text_with("need-seen-invoices", &[("count", &number(seen.count))])
            }
            (_, None) => lang.text_with("need-seen-customers", &[("count", &number(seen.count))]),
        });
    Need {
        name: lang.text(&format!("need-{code}"), None),
        about: lang.text(&format!("need-about-{code}"), None),
        state,
        state_name,
        seen,
        detail,
    }
}

#[derive(Template)]
#[template(path = "directory_credentials.html")]
pub(crate) struct DirectoryCredentialsPage {
    pub(crate) l: Layout,
    /// Whether a user stands behind the application, with a refresh token.
    pub(crate) has_user: bool,
    pub(crate) f: Inputs,
    /// What worked with the credentials that were tried.
    pub(crate) needs: Vec<Need>,
}

#[derive(Template)]
#[template(path = "directory_disconnect.html")]
pub(crate) struct DirectoryDisconnectPage {
    pub(crate) l: Layout,
    pub(crate) f: Inputs,
}

async fn test(cx: Arc<Cx>) -> Result<Response, Failure> {
    only_partners(&cx)?;
    let report = cx.app.test_own_directory(cx.call()).await?;
    // What does not work is said there.
    let to = if report.works() { "?done=directory-tested" } else { "#needs" };
    Ok(html::see_other(&format!("/console/directory{to}")))
}

async fn walk(cx: Arc<Cx>) -> Result<Response, Failure> {
    only_partners(&cx)?;
    cx.app.request_own_directory_walk(cx.call()).await?;
    Ok(html::see_other("/console/directory?done=directory-walk"))
}

/// Whether a user stands behind the application that signs in.
async fn has_user(cx: &Cx) -> Result<bool, Failure> {
    only_partners(cx)?;
    match cx.app.directory_sign_in(cx.call()).await? {
        Some(SignInKind::User) => Ok(true),
        Some(SignInKind::Application) => Ok(false),
        Some(SignInKind::Nothing) | None => Err(Failure::App(Error::NotFound)),
    }
}

/// The form. Secrets are never put into it.
fn page(cx: &Cx, has_user: bool) -> DirectoryCredentialsPage {
    DirectoryCredentialsPage {
        l: cx.layout("directory-credentials-title", Section::Directory),
        has_user,
        f: Inputs::new(&[SECRET, TOKEN], |_| String::new()),
        needs: Vec::new(),
    }
}

async fn credentials(cx: Arc<Cx>) -> Result<Response, Failure> {
    let has_user = has_user(&cx).await?;
    Ok(html::ok(&page(&cx, has_user)))
}

async fn replace(cx: Arc<Cx>) -> Result<Response, Failure> {
    let has_user = has_user(&cx).await?;
    let typed = |name| Some(cx.form.get(name).trim()).filter(|text| !text.is_empty());
    let given = NewCredentials {
        client_secret: typed(SECRET).map(|secret| secret.to_owned().into()),
        refresh_token: typed(TOKEN).filter(|_| has_user).map(|token| token.to_owned().into()),
    };
    let mut page = page(&cx, has_user);
    let status = match cx.app.reconnect_directory(cx.call(), given).await {
        Ok(connected) if connected.kept => {
            return Ok(html::see_other("/console/directory?done=directory-reconnected"));
        }
        Ok(connected) => {
            refuse(&mut page, cx.lang, &connected.report);
            page.needs = needs(cx.lang, &connected.report);
            StatusCode::UNPROCESSABLE_ENTITY
        }
        Err(error) => {
            let field = |pointer: &str| match pointer {
                "/client_secret" => (SECRET, "field-client-secret"),
                "/refresh_token" => (TOKEN, "field-refresh-token"),
                _ => ("", ""),
            };
            match page.f.refuse_error(cx.lang, &error, "directory-replaced", field) {
                Some(status) => status,
                None => return Err(error.into()),
            }
        }
    };
    Ok(html::page(status, &page))
}

/// Says what did not work: at the field of the credential that was refused, else about the whole form.
fn refuse(page: &mut DirectoryCredentialsPage, lang: Lang, report: &Report) {
    let failed = report.steps.iter().filter(|step| matches!(step.outcome, Outcome::Fails(_)));
    for step in failed {
        let (field, message) = match step.refused {
            Some(Credential::RefreshToken) if page.has_user => (TOKEN, "directory-token-refused"),
            Some(_) => (SECRET, "directory-secret-refused"),
            None => {
                let name = lang.text(&format!("need-{}", step.what.code()), None);
                page.f.refuse("", lang.text_with("directory-not-working", &[("need", &name)]));
                continue;
            }
        };
        page.f.refuse(field, lang.text(message, None));
    }
}

/// The form that asks whether that is meant.
async fn disconnecting(cx: &Cx) -> Result<DirectoryDisconnectPage, Failure> {
    only_partners(cx)?;
    if cx.app.directory_sign_in(cx.call()).await?.is_none() {
        return Err(Failure::App(Error::NotFound));
    }
    Ok(DirectoryDisconnectPage {
        l: cx.layout("directory-disconnect-title", Section::Directory),
        f: Inputs::new(&["confirm"], |name| cx.form.get(name).to_owned()),
    })
}

async fn ask(cx: Arc<Cx>) -> Result<Response, Failure> {
    Ok(html::ok(&disconnecting(&cx).await?))
}

async fn disconnect(cx: Arc<Cx>) -> Result<Response, Failure> {
    let mut page = disconnecting(&cx).await?;
    if cx.form.get("confirm") != "yes" {
        page.f.refuse("confirm", cx.lang.text("directory-disconnect-unconfirmed", None));
        return Ok(html::page(StatusCode::UNPROCESSABLE_ENTITY, &page));
    }
    cx.app.disconnect_own_directory(cx.call()).await?;
    Ok(html::see_other("/console/directory?done=directory-disconnected"))
}

/// Whether the user may change the connection.
pub(super) fn may_manage(cx: &Cx) -> bool {
    cx.may(Permission::ManagePartner)
}

/// What samples of pages show of a test.
#[cfg(test)]
pub(super) fn sample_needs() -> Vec<Need> {
    let outcomes = [
        Outcome::Works("ok".into()),
        Outcome::Fails("refused <b>".into()),
        Outcome::Lacks("lacks <i>".into()),
        Outcome::Skipped("skipped".into()),
    ];
    let steps = Check::ALL.into_iter().zip(outcomes.into_iter().cycle());
    let seen = Some(connection::Seen { count: 1, of: Some(3) });
    let steps = steps.map(|(what, outcome)| Step { what, outcome, refused: None, seen }).collect();
    needs(Lang::En, &Report { steps })
}

#[cfg(test)]
pub(super) fn credentials_samples() -> Vec<DirectoryCredentialsPage> {
    use crate::layout::samples::partner;
    let page = |has_user| DirectoryCredentialsPage {
        l: partner("directory-credentials-title", Section::Directory),
        has_user,
        f: Inputs::new(&[SECRET, TOKEN], |_| String::new()),
        needs: Vec::new(),
    };
    let mut wrong = page(true);
    wrong.f.refuse(TOKEN, "refused <b>".into());
    wrong.f.refuse("", "missing <b>".into());
    wrong.needs = sample_needs();
    vec![page(false), page(true), wrong]
}

#[cfg(test)]
pub(super) fn disconnect_samples() -> Vec<DirectoryDisconnectPage> {
    use crate::layout::samples::partner;
    let page = || DirectoryDisconnectPage {
        l: partner("directory-disconnect-title", Section::Directory),
        f: Inputs::new(&["confirm"], |_| String::new()),
    };
    let mut wrong = page();
    wrong.f.refuse("confirm", "tick <b>".into());
    vec![page(), wrong]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_and_every_need_has_its_texts() {
        for lang in Lang::ALL {
            for code in connection::failure_codes() {
                let code = code.replace('_', "-");
                for part in ["cause", "advice"] {
                    assert!(lang.has(&format!("directory-{part}-{code}")), "{lang:?}: {part} of {code}");
                }
            }
            for check in Check::ALL {
                let code = check.code();
                assert!(lang.has(&format!("need-{code}")), "{lang:?}: {code}");
                assert!(lang.has(&format!("need-about-{code}")), "{lang:?}: about {code}");
            }
        }
    }
}
