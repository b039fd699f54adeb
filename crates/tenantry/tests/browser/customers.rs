//! Signing in, the list of customers and its search: with a mouse, without JavaScript, on a phone, by keyboard alone, in
//! German.

use crate::page::{ENTER, ESCAPE, TAB};
use crate::support::{Api, Engine, Server, customer};
use crate::{Look, Page};
use serde_json::json;

/// A partner with three customers.
fn partner() -> Api {
    let admin = Server::shared(Engine::Sqlite).partner();
    for name in ["Alpha Foods", "Beta Tools", "Gamma Verkehrsbetriebegesellschaft mit beschränkter Haftung"]
    {
        let tags =
            json!([{"key": "environment", "value": "production"}, {"key": "region", "value": "north"}]);
        admin.create(&customer(&json!({"name": name, "tags": tags})));
    }
    admin
}

fn sign_in(page: &Page, key: &str) {
    page.go("/console/customers");
    page.field("API key").type_text(key);
    page.press("Sign in");
}

#[test]
fn a_reader_signs_in_searches_and_signs_out() {
    let admin = partner();
    let Some(page) = Page::open(&admin, Look::default()) else { return };
    sign_in(&page, "tnt_wrong");
    page.find(".summary a").click();
    assert_eq!(page.focused().property("id"), "key", "the summary leads to the field");
    assert_eq!(page.focused().property("value"), "", "a key is never kept in a page");
    page.keys(&admin.key);
    page.press("Sign in");
    page.sees("3 customers");
    assert_eq!(page.path(), "/console/customers", "the page that was asked for first");
    // The list follows what is typed, and so does the address.
    page.field("Name contains").type_text("tool");
    page.sees("One customer");
    assert_eq!(page.find("tbody th").text(), "Beta Tools");
    assert!(page.path().ends_with("?q=tool"), "{}", page.path());
    page.press("Beta Tools");
    page.find("//h1[.='Beta Tools']");
    page.find(".account summary").click();
    page.press("Sign out");
    page.sees("You are signed out.");
    page.go("/console");
    page.field("API key");
    page.end();
}

#[test]
fn everything_works_without_javascript() {
    let admin = partner();
    let Some(page) = Page::open(&admin, Look { has_script: false, ..Look::default() }) else { return };
    sign_in(&page, &admin.key);
    page.sees("3 customers");
    page.field("Name contains").type_text("alp");
    assert_eq!(page.count("tbody tr"), 3, "the control: nothing happens while typing");
    page.press("Search");
    page.sees("One customer");
    page.press("Alpha Foods");
    page.find("//h1[.='Alpha Foods']");
    page.find(".account summary").click();
    page.press("Sessions");
    page.press("Sign out everywhere");
    page.sees("You are signed out everywhere.");
    page.end();
}

#[test]
fn nothing_is_wider_than_a_phone() {
    let admin = partner();
    let Some(page) = Page::signed_in(&admin, Look { width: 360, ..Look::default() }) else { return };
    for path in ["/console", "/console/customers", "/console/sessions", "/console/nothing"] {
        page.go(path);
        let widths = page.run("return [document.documentElement.scrollWidth, innerWidth]");
        assert_eq!(widths, json!([360, 360]), "{path}");
    }
    page.go("/console/customers");
    // The control: the table is wider, and scrolls inside itself.
    let table = page.run("const s = document.querySelector('.scroll'); return s.scrollWidth > s.clientWidth");
    assert_eq!(table, json!(true));
    page.press("Alpha Foods");
    assert_eq!(page.run("return document.documentElement.scrollWidth"), json!(360));
    page.end();
}

#[test]
fn columns_files_and_changes_of_several_work_with_and_without_javascript() {
    let admin = partner();
    for (has_script, tag) in [(true, "tier=gold"), (false, "tier=iron")] {
        let Some(page) = Page::signed_in(&admin, Look { has_script, ..Look::default() }) else { return };
        page.go("/console/customers?sort=name");
        page.find("//summary[.='Choose columns']").click();
        page.field("Country").click();
        page.field("Last changed").click();
        page.press("Show these columns");
        page.find("//th[.='Country']");
        assert_eq!(page.count("th[scope=col]"), 7, "the choice, the name, and five columns");
        assert!(page.path().starts_with("/console/customers?sort=name&columns=access&"), "{}", page.path());
        page.field("Name contains").type_text("a");
        page.press("Search");
        page.find("//th[.='Country']");
        if has_script {
            let file = page.run_async(
                "const done = arguments[arguments.length - 1]; \
                 const link = [...document.links].find((link) => link.textContent === 'Download as CSV'); \
                 fetch(link.href).then((answer) => answer.text()).then(done)",
            );
            let file = file.as_str().unwrap();
            assert!(file.starts_with("Customer,Access,Trial,Billing,Tags,Country\nAlpha Foods,"), "{file}");
            assert_eq!(file.lines().count(), 4, "{file}");
        }
        for name in ["Alpha Foods", "Beta Tools"] {
            page.find(&format!("[aria-label='Choose {name}']")).click();
        }
        page.press("Change the chosen customers");
        page.find("//h1[.='Change several customers']");
        page.field("They get a tag").click();
        page.press("Change these customers");
        page.find(".summary a").click();
        assert_eq!(page.focused().property("id"), "tag", "the summary leads to the field");
        page.keys(tag);
        page.press("Change these customers");
        page.sees("2 customers were changed.");
        page.press("Back to the list");
        page.find(&format!("//a[.='{}']", tag.replace('=', ": ")));
        assert!(page.path().contains("columns=country"), "{}", page.path());
        page.end();
    }
}

/// Presses the tab key until an element with these words, or this id, has the focus. All on the way show that they have it.
pub(crate) fn tab_to(page: &Page, words: &str) {
    for _ in 0..60 {
        page.keys(TAB);
        let focused = page.focused();
        if focused.property("tagName") == "BODY" {
            continue; // past the last element, and round
        }
        let outline = (focused.css("outline-style"), focused.css("outline-width"));
        assert!(
            outline.0 != "none" && outline.1 != "0px",
            "{} shows no focus",
            focused.property("outerHTML")
        );
        if focused.property("id") == words || focused.text() == words {
            return;
        }
    }
    panic!("the tab key does not lead to {words} on {}", page.path());
}

#[test]
fn a_keyboard_is_enough() {
    let admin = partner();
    let Some(page) = Page::open(&admin, Look::default()) else { return };
    page.go("/console");
    tab_to(&page, "key");
    page.keys(&format!("{}{ENTER}", admin.key));
    page.find("//h1[.='Home']");
    tab_to(&page, "Skip to content");
    page.keys(ENTER);
    assert_eq!(page.focused().property("id"), "main");
    page.go("/console");
    tab_to(&page, "Customers");
    page.keys(ENTER);
    page.find("//h1[.='Customers']");
    tab_to(&page, "q");
    page.keys(&format!("gamma{ENTER}"));
    page.sees("One customer");
    tab_to(&page, "Gamma Verkehrsbetriebegesellschaft mit beschränkter Haftung");
    page.keys(ENTER);
    page.find("//h2[.='Overview']");
    let summary = page.find(".account summary").text();
    tab_to(&page, &summary);
    page.keys(ENTER);
    page.sees("Sign out");
    page.keys(ESCAPE);
    assert_eq!(page.count(".account[open]"), 0, "the escape key closes the menu");
    page.keys(ENTER);
    tab_to(&page, "Sign out");
    page.keys(ENTER);
    page.sees("You are signed out.");
    page.end();
}

#[test]
fn german_readers_read_german() {
    let admin = partner();
    let Some(page) = Page::open(&admin, Look { language: "de-AT", ..Look::default() }) else { return };
    page.go("/console/customers");
    page.field("API-Schlüssel").type_text(&admin.key);
    page.press("Anmelden");
    page.sees("3 Kunden");
    page.field("Name enthält").type_text("alpha");
    page.sees("Ein Kunde");
    assert_eq!(page.run("return document.documentElement.lang"), json!("de"));
    page.press("English");
    page.field("Name contains");
    page.go("/console");
    page.find("//h1[.='Home']");
    page.end();
}

#[test]
fn violations_of_the_policy_are_seen() {
    let admin = partner();
    let Some(page) = Page::open(&admin, Look::default()) else { return };
    page.go("/console/sign-in");
    assert_eq!(page.errors(), Vec::<String>::new());
    page.run(
        "const script = document.createElement('script'); script.textContent = 'document.title = \"Ran\"'; \
         document.head.append(script)",
    );
    let errors = page.errors();
    assert!(errors.len() == 1 && errors[0].contains("Content Security Policy"), "{errors:?}");
    assert_ne!(page.run("return document.title"), json!("Ran"));
}
