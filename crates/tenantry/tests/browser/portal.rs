//! Forms that follow what is chosen, the logo, and the portal's page of users: with and without JavaScript, on a phone, in German.

use crate::support::{Api, Engine, Server, customer};
use crate::{Look, Page};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;

/// 24 × 12 pixels of one colour.
const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAABgAAAAMCAIAAAD3UuoiAAAAF0lEQVR42mOQj99PFcQwatCoQaMG4UMAnNtksJTEueUAAAAASUVORK5CYII=";

const LOOKS: [Look; 2] = [
    Look { language: "en", width: 1280, is_dark: false, has_script: true },
    Look { language: "en", width: 360, is_dark: false, has_script: false },
];

/// A partner, and an owner of one of its customers.
fn owned() -> (Api, Api) {
    let admin = Server::shared(Engine::Sqlite).partner();
    let change = json!({"name": "Alpine Ski House", "classification": "managed_with_access"});
    let id = admin.create(&customer(&change))["id"].as_i64().unwrap();
    let (_, owner) = admin.user_as(id, "owner");
    (admin, owner)
}

/// Nothing on the page is wider than the screen.
fn fits(page: &Page) {
    let fits = page.run("return document.documentElement.scrollWidth <= innerWidth");
    assert_eq!(fits, json!(true), "{}", page.path());
}

#[test]
fn an_owner_invites_and_removes_a_user() {
    for look in LOOKS {
        let (_, owner) = owned();
        let Some(page) = Page::signed_in(&owner, look) else { return };
        page.press("Users");
        page.find("//h1[.='Users']");
        fits(&page);
        page.press("Create the invitation");
        page.find(".summary a").click();
        assert_eq!(page.focused().property("id"), "email", "the summary leads to the field");
        page.keys("joe@example.com");
        page.press("Create the invitation");
        let link = page.find(".secret code").text();
        assert!(link.contains("/console/invitation?token="), "{link}");
        fits(&page);
        page.press("Back to the user");
        page.press("joe@example.com");
        fits(&page);
        page.find("//label[starts-with(normalize-space(),'Owner')]").click();
        page.press("Save changes");
        page.sees("The changes were saved.");
        page.press("joe@example.com");
        assert_eq!(page.run("return document.querySelector('[name=role]:checked').value"), json!("owner"));
        page.press("Remove this user");
        if look.has_script {
            page.find("//dialog//button[.='Remove this user']").click();
        }
        page.sees("The user was removed.");
        assert_eq!(page.count("tbody tr"), 1);
        page.end();
    }
}

#[test]
fn owners_read_german() {
    let (_, owner) = owned();
    let Some(page) = Page::signed_in(&owner, Look { language: "de-AT", ..Look::default() }) else { return };
    page.press("Benutzer");
    page.find("//h2[.='Benutzer einladen']");
    page.field("E-Mail-Adresse").type_text("joe");
    page.press("Einladung erstellen");
    page.find("//a[.='E-Mail-Adresse: muss eine einzelne E-Mail-Adresse sein, etwa jane@example.com']");
    page.end();
}

#[test]
fn customers_see_an_uploaded_logo() {
    let folder = tempfile::tempdir().unwrap();
    let (small, large) = (folder.path().join("logo.png"), folder.path().join("large.png"));
    std::fs::write(&small, BASE64_STANDARD.decode(PNG).unwrap()).unwrap();
    std::fs::write(&large, vec![0; 205 * 1024]).unwrap();
    let file = |path: &std::path::Path| path.to_str().unwrap().to_owned();
    for look in LOOKS {
        let (admin, owner) = owned();
        let Some(page) = Page::signed_in(&admin, look) else { return };
        page.go("/console/settings/branding");
        fits(&page);
        page.field("Picture").type_text(&file(&large));
        if look.has_script {
            page.sees("This file is larger than 200 KB. Choose a smaller one.");
            assert_eq!(page.find("#logo").property("value"), "", "it is not sent");
        } else {
            page.press("Use this picture");
            page.sees("Logo: is larger than 200 KB");
        }
        page.field("Picture").type_text(&file(&small));
        page.press("Use this picture");
        page.sees("The logo was saved.");
        drop(page);
        let page = Page::signed_in(&owner, look).unwrap();
        let width = "return document.querySelector('.brand img').naturalWidth";
        assert_eq!(page.run(width), json!(24), "the picture is shown");
        fits(&page);
        page.end();
    }
}

#[test]
fn an_address_follows_its_country() {
    let admin = Server::shared(Engine::Sqlite).partner();
    for look in LOOKS {
        let Some(page) = Page::signed_in(&admin, look) else { return };
        page.go("/console/customers/new");
        page.field("Name").type_text(&format!("Acme {}", look.width));
        page.find("//label[normalize-space()='I will type it']").click();
        page.field("Street").type_text("1 Main St");
        page.field("State, province or region").type_text("Massachusetts");
        page.field("Postal code").type_text("01234");
        page.find("#country option[value=US]").click();
        if !look.has_script {
            page.press("Use this country");
        }
        page.field("ZIP code");
        page.find("#state option[value=MA]");
        let typed =
            "return ['street1', 'state', 'zipcode', 'country'].map(id => document.getElementById(id).value)";
        assert_eq!(page.run(typed), json!(["1 Main St", "MA", "01234", "US"]));
        fits(&page);
        page.field("Town or city").type_text("Springfield");
        page.press("Create the customer");
        page.sees("The customer was created.");
        page.end();
    }
}
