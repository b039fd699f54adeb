//! Every template with every sample, in every language.

use super::*;
use crate::failure::ErrorPage;
use crate::i18n::Lang;
use crate::layout::Layout;
use crate::layout::Section;
use crate::layout::samples::{partner, set_language};
use askama::Template;

/// A page of this size needs no second round trip over a slow line.
const MAX_BYTES: usize = 60 * 1024;

trait Page {
    fn layout(&mut self) -> &mut Layout;
    fn html(&self) -> String;
}

macro_rules! pages {
    ($($page:ty),* $(,)?) => {
        $(impl Page for $page {
            fn layout(&mut self) -> &mut Layout {
                &mut self.l
            }
            fn html(&self) -> String {
                self.render().expect("a page")
            }
        })*
    };
}

pages![
    ErrorPage,
    sign_in::SignInPage,
    sign_in_settings::SignInSettingsPage,
    branding::BrandingPage,
    home::HomePage,
    customers::CustomersPage,
    customers_change::CustomersChangePage,
    customers_change::CustomersChangedPage,
    customer::CustomerPage,
    customer_form::CustomerFormPage,
    customer_delete::CustomerDeletePage,
    users::UsersPage,
    users::UserPage,
    users::UserKeyPage,
    invitation::InvitationLinkPage,
    invitation::InvitationPage,
    billing::BillingPage,
    invoices::InvoicesPage,
    automation::AutomationPage,
    bill_run::BillRunPage,
    finalize::FinalizePage,
    bill::BillPage,
    price_rules::PriceRulesPage,
    price_rules::PriceRuleDeletePage,
    price_rule_form::PriceRuleFormPage,
    statement::StatementPage,
    directory::DirectoryPage,
    directory_connection::DirectoryCredentialsPage,
    directory_connection::DirectoryDisconnectPage,
    assign::AssignPage,
    audit::AuditPage,
    audit_verify::AuditVerifyPage,
    sessions::SessionsPage,
    portal::PortalPage,
    portal::PortalBillsPage,
    portal_users::PortalUsersPage,
    portal_users::PortalUserPage,
];

fn error_pages() -> Vec<ErrorPage> {
    let page = |reason: &str, retry: Option<(String, Vec<(String, String)>)>| ErrorPage {
        l: partner("error-forbidden-title", Section::None),
        reason: reason.to_owned(),
        advice: "Ask an admin".into(),
        next: ("/console".into(), "Home".into()),
        retry,
        request_id: "0123<script>".into(),
    };
    let fields = vec![("form_token".into(), "0123".into()), ("name".into(), "\"><script>".into())];
    vec![
        page("", None),
        page("the role viewer may not <b>", None),
        page("", Some(("/console/customers/new".into(), fields))),
    ]
}

fn all() -> Vec<(&'static str, Box<dyn Page>)> {
    fn boxed<P: Page + 'static>(name: &'static str, samples: Vec<P>) -> Vec<(&'static str, Box<dyn Page>)> {
        assert!(!samples.is_empty(), "{name} has no sample");
        samples.into_iter().map(|page| (name, Box::new(page) as Box<dyn Page>)).collect()
    }
    [
        boxed("error.html", error_pages()),
        boxed("sign_in.html", sign_in::samples()),
        boxed("sign_in_settings.html", sign_in_settings::samples()),
        boxed("branding.html", branding::samples()),
        boxed("home.html", home::samples()),
        boxed("customers.html", customers::samples()),
        boxed("customers_change.html", customers_change::samples()),
        boxed("customers_changed.html", customers_change::samples_of_outcomes()),
        boxed("customer.html", customer::samples()),
        boxed("customer_form.html", customer_form::samples()),
        boxed("customer_delete.html", customer_delete::samples()),
        boxed("users.html", users::samples().0),
        boxed("user.html", users::samples().1),
        boxed("user_key.html", users::samples().2),
        boxed("invitation_link.html", invitation::link_samples()),
        boxed("invitation.html", invitation::samples()),
        boxed("billing.html", billing::samples()),
        boxed("invoices.html", invoices::samples()),
        boxed("automation.html", automation::samples()),
        boxed("bill_run.html", bill_run::samples()),
        boxed("finalize.html", finalize::samples()),
        boxed("bill.html", bill::samples()),
        boxed("price_rules.html", price_rules::samples().0),
        boxed("price_rule_delete.html", price_rules::samples().1),
        boxed("price_rule_form.html", price_rule_form::samples()),
        boxed("statement.html", statement::samples()),
        boxed("directory.html", directory::samples()),
        boxed("directory_credentials.html", directory_connection::credentials_samples()),
        boxed("directory_disconnect.html", directory_connection::disconnect_samples()),
        boxed("assign.html", assign::samples()),
        boxed("audit.html", audit::samples()),
        boxed("audit_verify.html", audit_verify::samples()),
        boxed("sessions.html", sessions::samples()),
        boxed("portal.html", portal::samples()),
        boxed("portal_bills.html", portal::bills_samples()),
        boxed("portal_users.html", portal_users::samples()),
        boxed("portal_user.html", portal_users::user_samples()),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[test]
fn every_template_has_samples() {
    let rendered: Vec<&str> = all().iter().map(|(name, _)| *name).collect();
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let is_part = ["layout.html", "parts.html"].contains(&name.as_str());
        assert!(is_part || rendered.contains(&name.as_str()), "{name} is not rendered by this test");
    }
}

#[test]
fn every_sample_renders_in_every_language() {
    for lang in Lang::ALL {
        for (name, mut page) in all() {
            set_language(page.layout(), lang);
            let html = page.html();
            assert!(html.starts_with("<!doctype html>") && html.contains("</html>"), "{name}");
            assert!(html.len() < MAX_BYTES, "{name}: {} bytes", html.len());
            assert!(html.contains(&format!("<html lang=\"{}\"", lang.tag())), "{name}");
            // Samples hold markup in every text that somebody else writes.
            for markup in ["<script>", "<b>", "<i>", "<prod>", "<expired>"] {
                assert!(!html.contains(markup), "{name} shows {markup} of a text as markup");
            }
            for inline in ["<style", " style=", " onclick=", "javascript:"] {
                assert!(!html.contains(inline), "{name} has inline code: {inline}");
            }
            let missing = html.split('[').skip(1).filter_map(|rest| rest.split_once(']'));
            for (id, _) in missing {
                let is_id = id.contains('-') && id.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
                assert!(!is_id, "{name}: there is no message {id}");
            }
            assert_forms(name, &html);
        }
    }
}

/// Every form that posts carries its token, and every field has a label.
fn assert_forms(name: &str, html: &str) {
    for form in html.split("<form").skip(1) {
        let form = form.split("</form>").next().unwrap();
        if form.split('>').next().unwrap().contains("method=\"post\"") {
            assert!(form.contains("name=\"form_token\""), "{name}: a form without its token: {form}");
        }
    }
    for field in ["<input", "<select", "<textarea"].into_iter().flat_map(|tag| html.split(tag).skip(1)) {
        let field = field.split('>').next().unwrap();
        if field.contains("type=\"hidden\"") || field.contains("aria-label=") {
            continue;
        }
        let id = field.split(" id=\"").nth(1).and_then(|rest| rest.split('"').next());
        let id = id.unwrap_or_else(|| panic!("{name}: a field without an id: {field}"));
        assert!(html.contains(&format!("for=\"{id}\"")), "{name}: no label for {id}");
    }
}

#[test]
fn paths_are_registered_once() {
    let mut seen = std::collections::HashSet::new();
    for (method, path, _) in routes().listed() {
        assert!(seen.insert((method, path)), "{method} {path}");
    }
}
