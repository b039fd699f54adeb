//! What every page has around it: navigation, account, language, notices. Templates know it as `l`.

use crate::assets;
use crate::i18n::Lang;
use app::Logo;
use domain::Role;
use std::fmt::Display;

/// A page's place in the navigation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    Home,
    Customers,
    Directory,
    Audit,
    Billing,
    /// A customer's own bills.
    Bills,
    Users,
    Settings,
    Sessions,
    /// Pages that the navigation does not name.
    None,
}

/// An entry of the navigation.
#[derive(Clone, Debug)]
pub(crate) struct NavItem {
    pub(crate) href: &'static str,
    pub(crate) label: String,
    pub(crate) is_current: bool,
}

/// Who is signed in.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    /// The user's name, or its e-mail address.
    pub(crate) name: String,
    /// The display name of the customer whose user it is.
    pub(crate) customer: Option<String>,
    /// The user's roles, in words.
    pub(crate) roles: String,
}

/// The frame of a page.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(crate) lang: Lang,
    pub(crate) title: String,
    /// Whose pages these are: the partner's name as its customers see it, or the application's.
    pub(crate) brand: String,
    pub(crate) nav: Vec<NavItem>,
    pub(crate) account: Option<Account>,
    /// The partner's colour, as six hex digits.
    pub(crate) colour: Option<String>,
    /// The partner's logo.
    pub(crate) logo: Option<Logo>,
    /// The token of every form on the page.
    pub(crate) form_token: String,
    /// The page's own path and query, to come back to after the language was changed.
    pub(crate) path: String,
    /// What has just been done.
    pub(crate) notice: Option<String>,
    /// The server is a sandbox.
    pub(crate) is_sandbox: bool,
    pub(crate) assets: assets::Paths,
}

impl Layout {
    /// The message with this id.
    pub(crate) fn t(&self, id: &str) -> String {
        self.lang.text(id, None)
    }

    /// The message with a value for one variable.
    pub(crate) fn t1(&self, id: &str, name: &str, value: impl Display) -> String {
        self.lang.text_with(id, &[(name, &value.to_string())])
    }

    /// The message for a number of things.
    pub(crate) fn count(&self, id: &str, count: &i64) -> String {
        self.lang.count(id, *count)
    }

    /// The languages to choose from: tag, own name, and whether it is this one.
    pub(crate) fn languages(&self) -> [(&'static str, &'static str, bool); 2] {
        Lang::ALL.map(|lang| (lang.tag(), lang.name(), lang == self.lang))
    }
}

/// The name of a role in the reader's language.
pub(crate) fn role_name(lang: Lang, role: Role) -> String {
    lang.text(&format!("role-{}", role.as_str()), None)
}

/// Layouts for the samples of pages.
#[cfg(test)]
pub(crate) mod samples {
    use super::*;
    use crate::format::{self, Time};

    pub(crate) fn open(title: &str) -> Layout {
        Layout {
            lang: Lang::En,
            title: Lang::En.text(title, None),
            brand: "Contoso & <i>Partners</i>".into(),
            nav: Vec::new(),
            account: None,
            colour: None,
            logo: None,
            form_token: "0123456789abcdef".into(),
            path: "/console/?a=\"b\"".into(),
            notice: Some("Done <b>".into()),
            is_sandbox: true,
            assets: assets::paths(),
        }
    }

    pub(crate) fn partner(title: &str, section: Section) -> Layout {
        let nav = NavItem {
            href: "/console",
            label: Lang::En.text("nav-home", None),
            is_current: section == Section::Home,
        };
        let account = Account {
            name: "Jane <b>".into(),
            customer: Some("Acme <b>".into()),
            roles: role_name(Lang::En, Role::Admin),
        };
        Layout {
            nav: vec![nav],
            account: Some(account),
            colour: Some("1f5fbf".into()),
            logo: Some(Logo { path: "/console/logos/0123.png".into(), width: 200, height: 40 }),
            notice: None,
            is_sandbox: false,
            ..open(title)
        }
    }

    pub(crate) fn set_language(layout: &mut Layout, lang: Lang) {
        layout.lang = lang;
    }

    pub(crate) fn time() -> Time {
        format::time(Lang::En, jiff::Timestamp::UNIX_EPOCH)
    }
}
