//! The context of a request: who asks, for what, in which language.

use crate::form::Fields;
use crate::i18n::Lang;
use crate::layout::{Account, Layout, NavItem, Section, role_name};
use crate::visit::Visit;
use crate::{assets, cookies};
use app::{App, Call, Permission, Portal, SignedIn};
use bytes::Bytes;
use http::HeaderMap;
use std::str::FromStr;
use std::sync::Arc;

/// What is known of every request.
pub(crate) struct Asked {
    pub(crate) app: Arc<App>,
    pub(crate) visit: Visit,
    pub(crate) lang: Lang,
    pub(crate) headers: HeaderMap,
    /// The path, and the query with its `?`.
    pub(crate) path: String,
    pub(crate) raw_query: String,
    pub(crate) query: Fields,
    /// Parameters in the path.
    pub(crate) parameters: Vec<(String, String)>,
    /// The form that was posted; empty for `GET`.
    pub(crate) form: Fields,
    /// The file that came with the form; empty for none.
    pub(crate) file: Bytes,
    /// What the tokens of this browser's forms are bound to: the session's token, or a random secret.
    pub(crate) form_secret: String,
}

/// A request with an open session.
pub(crate) struct Cx {
    pub(crate) asked: Asked,
    pub(crate) signed_in: SignedIn,
}

impl std::ops::Deref for Cx {
    type Target = Asked;

    fn deref(&self) -> &Asked {
        &self.asked
    }
}

impl Asked {
    /// The token of the session, as the browser has it.
    pub(crate) fn session_token(&self) -> Option<&str> {
        cookies::read(&self.headers, &self.visit, cookies::SESSION)
    }

    /// A parameter of the path as a number or the like; `None` if it is no such thing.
    pub(crate) fn parameter<T: FromStr>(&self, name: &str) -> Option<T> {
        self.parameters.iter().find(|(this, _)| this == name)?.1.parse().ok()
    }

    /// The layout of a page that customers see before they have signed in: on the host of a portal in the partner's name, colour
    /// and logo.
    pub(crate) async fn front_layout(&self, title: &str) -> Layout {
        let layout = self.open_layout(title);
        match self.app.portal_of_host(self.visit.host()).await {
            Ok(Some(Portal { name, colour, logo, .. })) => Layout { brand: name, colour, logo, ..layout },
            Ok(None) => layout,
            Err(error) => {
                tracing::warn!(%error, "failed to find the partner of a host");
                layout
            }
        }
    }

    /// The layout of a page for a browser without a session.
    pub(crate) fn open_layout(&self, title: &str) -> Layout {
        Layout {
            lang: self.lang,
            title: self.lang.text(title, None),
            brand: self.lang.text("app-name", None),
            nav: Vec::new(),
            account: None,
            colour: None,
            logo: None,
            form_token: self.app.form_token(&self.form_secret).unwrap_or_default(),
            path: self.here(),
            notice: self.notice(),
            is_sandbox: self.app.is_sandbox(),
            assets: assets::paths(),
        }
    }

    fn here(&self) -> String {
        format!("{}{}", self.path, self.raw_query)
    }

    /// What the page before has done, named by its redirect. Only messages of the catalogue that start with `done-` are
    /// shown, so that a link cannot put words into a page.
    fn notice(&self) -> Option<String> {
        let id = format!("done-{}", self.query.get("done"));
        self.lang.has(&id).then(|| self.lang.text(&id, None))
    }
}

impl Cx {
    /// The request for use cases.
    pub(crate) fn call(&self) -> &Call {
        &self.signed_in.call
    }

    /// Whether the user may do this.
    pub(crate) fn may(&self, permission: Permission) -> bool {
        self.signed_in.call.may(permission)
    }

    /// The layout of a page. `title` is the id of a message.
    pub(crate) fn layout(&self, title: &str, section: Section) -> Layout {
        self.layout_with(self.lang.text(title, None), section)
    }

    /// The layout of a page with a title of its own, such as a customer's name.
    pub(crate) fn layout_with(&self, title: String, section: Section) -> Layout {
        let layout = self.asked.open_layout("app-name");
        let SignedIn { partner_name, colour, logo, .. } = self.signed_in.clone();
        let (nav, account) = (self.nav(section), Some(self.account()));
        Layout { title, brand: partner_name, nav, account, colour, logo, ..layout }
    }

    fn nav(&self, current: Section) -> Vec<NavItem> {
        let may = |permission| self.call().customer().is_none() && self.may(permission);
        let items = [
            (true, Section::Home, "/console", "nav-home"),
            (may(Permission::ReadCustomers), Section::Customers, "/console/customers", "nav-customers"),
            (may(Permission::ReadCustomers), Section::Directory, "/console/directory", "nav-directory"),
            (self.call().customer().is_some(), Section::Bills, "/console/portal/bills", "statements-title"),
            (may(Permission::SeeCosts), Section::Billing, "/console/billing", "nav-billing"),
            (self.call().owned_customer().is_some(), Section::Users, "/console/portal/users", "nav-users"),
            (may(Permission::ManagePartner), Section::Users, "/console/users", "nav-users"),
            (may(Permission::ReadAudit), Section::Audit, "/console/audit", "nav-audit"),
            (may(Permission::ManagePartner), Section::Settings, "/console/settings/sign-in", "nav-settings"),
        ];
        let items = items.into_iter().filter(|(is_shown, ..)| *is_shown);
        items
            .map(|(_, section, href, label)| NavItem {
                href,
                label: self.lang.text(label, None),
                is_current: section == current,
            })
            .collect()
    }

    fn account(&self) -> Account {
        let SignedIn { email, name, customer_name, .. } = &self.signed_in;
        let name = if name.is_empty() { email.as_str() } else { name };
        let roles = self.call().actor.iter().flat_map(|actor| actor.roles.iter());
        let roles: Vec<String> = roles.map(|role| role_name(self.lang, role)).collect();
        Account { name: name.to_owned(), customer: customer_name.clone(), roles: roles.join(", ") }
    }
}
