//! Creating, changing and deleting customers with forms.

use super::Browser;
use crate::support::browser::TOKEN;
use crate::support::{Api, Engine, Server, customer, on_both_engines};
use serde_json::{Value, json};

on_both_engines!(
    customers_are_created_in_both_variants,
    a_wrong_form_keeps_what_was_typed,
    the_fields_of_an_address_follow_the_country,
    german_readers_read_what_is_wrong,
    a_form_that_is_sent_twice_is_done_once,
    changes_go_by_what_was_seen,
    a_customer_is_deleted_with_its_name,
);

const NEW: &str = "/console/customers/new";

fn admin(engine: Engine) -> (Api, Browser) {
    let admin = Server::shared(engine).partner();
    let browser = Browser::signed_in(&admin);
    (admin, browser)
}

fn id_of(location: &str) -> String {
    location.split('?').next().unwrap().rsplit('/').next().unwrap().to_owned()
}

const ADDRESS: [(&str, &str); 8] = [
    ("name", "Acme & Söhne"),
    ("variant", "address"),
    ("street1", "1 Main St"),
    ("city", "Springfield"),
    ("state", "MA"),
    ("zipcode", "01234"),
    ("country", "US"),
    ("classification", "managed_with_access"),
];

fn customers_are_created_in_both_variants(engine: Engine) {
    let (admin, browser) = admin(engine);
    let more = [
        ("trial", "2016-12-01T10:00"),
        ("billing_contact", "billing@example.com"),
        ("margin_percentage", "12.5"),
        ("enabled", "true"),
        ("folder", "acme"),
        ("tags", "env=prod\nowner: Jane\n"),
    ];
    let fields: Vec<(&str, &str)> = ADDRESS.into_iter().chain(more).collect();
    let created = browser.submit(NEW, NEW, &fields);
    assert_eq!(created.status, 303, "{}", created.text());
    let id = id_of(created.header("location"));
    let made = admin.get(&format!("/v2/customers/{id}")).json();
    for (field, expected) in [
        ("name", json!("Acme & Söhne")),
        ("classification", json!("managed_with_access")),
        ("trial_expiration_date", json!("2016-12-01T10:00:00Z")),
        ("billing_contact", json!("billing@example.com")),
        ("margin_percentage", json!(12.5)),
        ("partner_billing_configuration", json!({"enabled": true, "folder": "acme"})),
        ("tags", json!([{"key": "env", "value": "prod"}, {"key": "owner", "value": "Jane"}])),
    ] {
        assert_eq!(made[field], expected, "{field}");
    }
    assert_eq!(made["address"]["zipcode"], "01234");
    let page = browser.get(created.header("location")).text();
    assert!(page.contains("The customer was created.") && page.contains("Acme &#38; Söhne"), "{page}");

    let fields = [("name", "Globex"), ("variant", "tenant"), ("azure_customer_id", "tenant-42")];
    let fields: Vec<(&str, &str)> =
        fields.into_iter().chain([("classification", "managed_without_access")]).collect();
    let created = browser.submit(NEW, NEW, &fields);
    assert_eq!(created.status, 303, "{}", created.text());
    let made = admin.get(&format!("/v2/customers/{}", id_of(created.header("location")))).json();
    assert_eq!((&made["azure_customer_id"], &made["address"]), (&json!("tenant-42"), &Value::Null));
}

fn a_wrong_form_keeps_what_was_typed(engine: Engine) {
    let (admin, browser) = admin(engine);
    admin.create(&customer(&json!({"name": "Acme"})));
    let answer = browser.submit(
        NEW,
        NEW,
        &[
            ("name", "acme"),
            ("variant", "address"),
            ("street1", "\"><script>alert(1)</script>"),
            ("country", "AU"),
            ("state", "NSW"),
            ("classification", "managed_with_access"),
            ("billing_contact", "abc"),
            ("margin_percentage", "much"),
            ("trial", "2010-01-01T00:00:00"),
        ],
    );
    assert_eq!(answer.status, 422);
    let page = answer.text();
    // In the summary with a link to the field, and at the field.
    for (field, message) in [
        ("name", "Name: has already been taken"),
        ("city", "Suburb: is required"),
        ("state", "State: must be the full name: use New South Wales"),
        ("billing_contact", "Billing contact: must be an e-mail address"),
        ("margin_percentage", "Margin: must be"),
        ("trial", "must be in the future"),
    ] {
        let summary = format!("<a href=\"#{field}\">");
        assert!(page.contains(&summary), "{field} is not in the summary: {page}");
        assert!(page.contains(&format!("id=\"{field}-error-1\"")), "{field} says nothing: {page}");
        assert!(page.contains(message), "{field} does not say {message:?}: {page}");
    }
    for kept in [
        "value=\"acme\"",
        "value=\"NSW\"",
        "value=\"abc\"",
        "value=\"much\"",
        "value=\"2010-01-01T00:00:00\"",
    ] {
        assert!(page.contains(kept), "{kept} is lost: {page}");
    }
    assert!(page.contains("<option value=\"AU\" selected>") && !page.contains("<script>alert"), "{page}");
    assert_eq!(admin.get("/v2/customers").header("x-total"), "1");
}

fn a_form_that_is_sent_twice_is_done_once(engine: Engine) {
    let (admin, browser) = admin(engine);
    let token = browser.token(NEW);
    let send = |name: &str| {
        let mut fields: Vec<(&str, &str)> = ADDRESS.into_iter().chain([(TOKEN, token.as_str())]).collect();
        fields[0].1 = name;
        browser.post(NEW, &fields)
    };
    let (first, again) = (send("Acme"), send("Acme"));
    assert_eq!((first.status, again.status), (303, 303), "{}", again.text());
    assert_eq!(first.header("location"), again.header("location"));
    assert_eq!(admin.get("/v2/customers").header("x-total"), "1");
    // What was typed after going back is another request.
    assert_eq!(send("Globex").status, 303);
    assert_eq!(admin.get("/v2/customers").header("x-total"), "2");
}

fn changes_go_by_what_was_seen(engine: Engine) {
    let (admin, browser) = admin(engine);
    let made = admin.create(&customer(&json!({
        "name": "Acme", "billing_contact": "a@example.com", "trial_expiration_date": "2016-12-01T10:00:01Z",
        "tags": [{"key": "env", "value": "prod"}], "margin_percentage": 7.5,
    })));
    let path = format!("/v2/customers/{}", made["id"]);
    let edit = format!("/console/customers/{}/edit", made["id"]);
    // The form as it is, sent back, changes nothing.
    let fields = form(&browser.get(&edit).text());
    let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let sent = browser.post(&edit, &fields);
    assert_eq!(sent.status, 303, "{}", sent.text());
    assert_eq!(admin.get(&path).json(), made);
    // Blank fields that can be cleared are.
    let blank = ["trial", "billing_contact", "tags"];
    let fields: Vec<(&str, &str)> = fields
        .iter()
        .map(|(name, value)| (*name, if blank.contains(name) { "" } else { *value }))
        .map(|(name, value)| if name == "name" { (name, "Acme 2") } else { (name, value) })
        .collect();
    let sent = browser.post(&edit, &fields);
    assert_eq!(sent.status, 303, "{}", sent.text());
    let now = admin.get(&path).json();
    assert_eq!(
        (&now["name"], &now["tags"], &now["billing_contact"]),
        (&json!("Acme 2"), &json!([]), &Value::Null)
    );
    assert_eq!((&now["trial_expiration_date"], &now["margin_percentage"]), (&Value::Null, &json!(7.5)));
    // Somebody else has changed it since: nothing is overwritten, and nothing that was typed is lost.
    let stale = browser.post(&edit, &fields);
    assert_eq!(stale.status, 409);
    let page = stale.text();
    assert!(
        page.contains("Somebody else has changed this customer") && page.contains("value=\"Acme 2\""),
        "{page}"
    );
    let nameless: Vec<(&str, &str)> =
        fields.iter().map(|(n, v)| (*n, if *n == "name" { "" } else { *v })).collect();
    let answer = browser.post(&edit, &nameless);
    assert!(answer.status == 422 && answer.text().contains("Enter the customer’s name"), "{}", answer.text());
}

/// The names and values of a page's main form, as a browser would send them.
fn form(page: &str) -> Vec<(String, String)> {
    let form = page.split("id=\"form\"").nth(1).unwrap().split("</form>").next().unwrap();
    let unescape = |text: &str| {
        text.replace("&#34;", "\"")
            .replace("&#39;", "'")
            .replace("&#60;", "<")
            .replace("&#62;", ">")
            .replace("&#38;", "&")
    };
    let attribute = |tag: &str, name: &str| {
        let value = tag.split(&format!(" {name}=\"")).nth(1)?.split('"').next()?;
        Some(unescape(value))
    };
    let mut fields = Vec::new();
    for tag in form.split("<input").skip(1).map(|rest| rest.split('>').next().unwrap()) {
        let is_choice = tag.contains("type=\"radio\"") || tag.contains("type=\"checkbox\"");
        if !is_choice || tag.contains(" checked") {
            fields.extend(
                attribute(tag, "name").map(|name| (name, attribute(tag, "value").unwrap_or_default())),
            );
        }
    }
    for select in form.split("<select").skip(1).map(|rest| rest.split("</select>").next().unwrap()) {
        let chosen =
            select.split("<option").find(|option| option.split('>').next().unwrap().ends_with(" selected"));
        let value = chosen.and_then(|option| attribute(option, "value")).unwrap_or_default();
        fields.extend(attribute(select.split('>').next().unwrap(), "name").map(|name| (name, value)));
    }
    for area in form.split("<textarea").skip(1).map(|rest| rest.split("</textarea>").next().unwrap()) {
        let (tag, text) = area.split_once('>').unwrap();
        fields.extend(attribute(tag, "name").map(|name| (name, unescape(text))));
    }
    fields
}

fn a_customer_is_deleted_with_its_name(engine: Engine) {
    let (admin, browser) = admin(engine);
    let id = admin.create(&customer(&json!({"name": "Acme <b>"})))["id"].as_i64().unwrap();
    let path = format!("/console/customers/{id}/delete");
    let version = form(&browser.get(&path).text()).into_iter().find(|(name, _)| name == "version").unwrap().1;
    for typed in ["", "acme <b>", "Acme"] {
        let answer = browser.submit(&path, &path, &[("name", typed), ("version", &version)]);
        assert_eq!(answer.status, 422, "{typed}");
        assert!(answer.text().contains("Type the name exactly"), "{}", answer.text());
    }
    let stale = browser.submit(&path, &path, &[("name", "Acme <b>"), ("version", "1-1")]);
    assert_eq!(stale.status, 409, "{}", stale.text());
    assert_eq!(admin.get(&format!("/v2/customers/{id}")).status, 200);
    let deleted = browser.submit(&path, &path, &[("name", "Acme <b>"), ("version", &version)]);
    assert_eq!(deleted.header("location"), "/console/customers?done=customer-deleted");
    assert_eq!(admin.get(&format!("/v2/customers/{id}")).status, 404);
}

fn the_fields_of_an_address_follow_the_country(engine: Engine) {
    let (admin, browser) = admin(engine);
    let before = admin.get("/v2/customers").header("x-total").to_owned();
    let follow = |action: &str, country: &str, more: &[(&str, &str)]| {
        let typed =
            [("name", "Acme <b>"), ("variant", "address"), ("street1", "1 Main St"), ("folder", "acme")];
        let country = [("country", country), ("follow", "country")];
        let fields: Vec<(&str, &str)> =
            typed.into_iter().chain(more.iter().copied()).chain(country).collect();
        let answer = browser.submit(action, action, &fields);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let text = answer.text();
        for kept in ["value=\"Acme &#60;b&#62;\"", "value=\"1 Main St\"", "value=\"acme\""] {
            assert!(text.contains(kept), "{kept}: {text}");
        }
        assert!(!text.contains("There is a problem"), "{text}");
        text
    };
    let is_chosen =
        |text: &str, option: &str| text.contains(&format!("<option value=\"{option}\" selected>"));
    let us = follow(NEW, "US", &[("state", "Massachusetts"), ("zipcode", "0123")]);
    assert!(us.contains(">State</label>") && us.contains(">ZIP code</label>"), "{us}");
    assert!(is_chosen(&us, "MA") && us.contains("value=\"0123\""), "{us}");
    let japan = follow(NEW, "JP", &[("state", "MA")]);
    assert!(japan.contains(">Prefecture</label>") && japan.contains(">Tokyo</option>"), "{japan}");
    assert!(is_chosen(&japan, "MA"), "what was typed stays: {japan}");
    let germany = follow(NEW, "DE", &[("state", "Bayern")]);
    assert!(germany.contains("name=\"state\" type=\"text\" value=\"Bayern\""), "{germany}");
    let emirates = follow(NEW, "AE", &[]);
    assert!(
        emirates.contains(">Emirate (optional)</label>") && !emirates.contains("name=\"zipcode\""),
        "{emirates}"
    );
    assert_eq!(admin.get("/v2/customers").header("x-total"), before, "something was saved");

    // What is wrong is said in the country's words.
    let fields = ADDRESS.map(|(name, value)| match name {
        "state" => (name, ""),
        "zipcode" => (name, "1"),
        _ => (name, value),
    });
    let wrong = browser.submit(NEW, NEW, &fields);
    let text = wrong.text();
    assert_eq!(wrong.status, 422, "{text}");
    assert!(text.contains("State: is required") && text.contains("ZIP code: must be"), "{text}");

    let created = browser.submit(NEW, NEW, &ADDRESS);
    let edit = format!("/console/customers/{}/edit", id_of(created.header("location")));
    assert!(is_chosen(&browser.get(&edit).text(), "MA"));
    follow(&edit, "CA", &[]);
    let shown = admin.get(&format!("/v2/customers/{}", id_of(created.header("location")))).json();
    assert_eq!(shown["address"]["country"], "US", "nothing was saved");
    let viewer = Browser::signed_in(&admin.colleague("viewer").1);
    let token = viewer.token("/console/sessions");
    assert_eq!(viewer.post(NEW, &[("follow", "country"), (TOKEN, &token)]).status, 403);
}

fn german_readers_read_what_is_wrong(engine: Engine) {
    let (admin, browser) = admin(engine);
    admin.create(&customer(&json!({"name": "Acme"})));
    let fields = [
        ("name", "acme"),
        ("variant", "address"),
        ("street1", "Hauptstr. 1"),
        ("zipcode", "1067"),
        ("country", "DE"),
        ("trial", "2010-01-01T00:00"),
        ("billing_contact", "jane"),
        ("margin_percentage", "100"),
        ("folder", "/acme"),
    ];
    let texts = |browser: &Browser| browser.submit(NEW, NEW, &fields).text();
    let english = texts(&browser);
    assert!(english.contains("Town or city: is required"), "the control: {english}");
    let chosen = browser.submit(NEW, "/console/language", &[("language", "de")]);
    assert_eq!(chosen.status, 303);
    let german = texts(&browser);
    for shown in [
        "Name: ist schon vergeben",
        "Ort: fehlt",
        "Postleitzahl: muss eine Postleitzahl dieses Landes sein (Deutschland)",
        "muss in der Zukunft liegen",
        "muss eine einzelne E-Mail-Adresse sein",
        "muss mindestens 0 und kleiner als 100 sein, nicht 100",
        "darf nicht mit / beginnen",
        "<option value=\"DE\" selected>Deutschland</option>",
        "<option value=\"US\">Vereinigte Staaten</option>",
    ] {
        assert!(german.contains(shown), "{shown}: {german}");
    }
    for foreign in ["must ", "is required", "has already"] {
        assert!(!german.contains(foreign), "{foreign}: {german}");
    }
    let states = browser.submit(NEW, NEW, &[("country", "US"), ("follow", "country")]).text();
    assert!(states.contains("<option value=\"CA\">Kalifornien</option>"), "{states}");
    // The API goes on in English.
    assert!(admin.post("/v2/customers", &json!({})).text().contains("name is required"));
}
