//! The directory, and tenants that are assigned from it.

use super::Browser;
use crate::support::{Api, Engine, Server, customer, on_both_engines};
use serde_json::json;

on_both_engines!(tenants_are_listed_and_assigned);

/// The tenants that are assigned to a customer.
fn assigned(admin: &Api, customer: &str) -> Vec<String> {
    let answer = admin.get(&format!("/v1/azure_partner_customer_accounts/list/{customer}"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let text = answer.json();
    let found = text["azure_partner_customer_accounts"].as_array().unwrap().iter();
    found
        .map(|tenant| {
            tenant["azure_partner_customer_account"]["azure_customer_id"].as_str().unwrap().to_owned()
        })
        .collect()
}

fn tenants_are_listed_and_assigned(engine: Engine) {
    let server = Server::shared(engine);
    let admin = server.partner();
    let browser = Browser::signed_in(&admin);
    let empty = browser.get("/console/directory").text();
    assert!(
        empty.contains("No directory is connected.") && empty.contains("There are no Azure tenants yet.")
    );

    let [acme, beta] = ["Acme <b>", "Beta"].map(|name| {
        let made = admin.create(&customer(&json!({"name": name})));
        made["id"].to_string()
    });
    let ids = json!({"azure_customer_ids": ["tenant-1", "tenant-2", "tenant-3", "tenant-4"]});
    for change in ["add", "remove"] {
        let path = format!("/v1/azure_partner_customer_accounts/{change}/{beta}");
        assert_eq!(admin.put(&path, &ids).status, 207, "{change}");
    }
    let page = browser.get("/console/directory").text();
    assert_eq!(page.matches("name=\"tenant\"").count(), 4, "{page}");
    assert!(page.contains("value=\"tenant-4\"") && page.contains("4 tenants"), "{page}");
    let wrong = browser.get("/console/directory?assigned=perhaps");
    assert!(wrong.status == 422 && wrong.text().contains("role=\"alert\""), "{}", wrong.text());

    // A reader sees them, and cannot choose.
    let viewer = Browser::signed_in(&admin.colleague("viewer").1);
    let seen = viewer.get("/console/directory").text();
    assert!(seen.contains("tenant-1") && !seen.contains("name=\"tenant\""), "{seen}");

    let choose = "/console/directory/assign?tenant=tenant-1&tenant=tenant-2";
    let page = browser.get(choose).text();
    assert!(page.contains("Acme &#60;b&#62;") && page.contains("Beta"), "{page}");
    let found = browser.get(&format!("{choose}&q=bet")).text();
    assert!(
        !found.contains("Acme") && found.contains("Beta") && found.contains("value=\"tenant-2\""),
        "{found}"
    );

    let assign = |fields: &[(&str, &str)]| browser.submit(choose, "/console/directory/assign", fields);
    let both = [("tenant", "tenant-1"), ("tenant", "tenant-2")];
    let missing = assign(&both);
    assert!(missing.status == 422 && missing.text().contains("Choose a customer"), "{}", missing.text());
    assert_eq!(assigned(&admin, &acme), Vec::<String>::new());
    let done = assign(&[both[0], both[1], ("customer", acme.as_str())]);
    let expected = format!("/console/customers/{acme}?done=tenants-assigned");
    assert_eq!((done.status, done.header("location")), (303, expected.as_str()));
    assert_eq!(assigned(&admin, &acme).len(), 2);
    // All or none: one of these has a customer already.
    let taken = assign(&[("tenant", "tenant-3"), ("tenant", "tenant-1"), ("customer", beta.as_str())]);
    assert!(taken.status == 422 && taken.text().contains("already been taken"), "{}", taken.text());
    assert!(taken.text().contains("value=\"tenant-3\""), "what was chosen is kept");
    assert_eq!(assigned(&admin, &beta), Vec::<String>::new());
    let nobody = assign(&[("tenant", "tenant-3"), ("customer", "999999")]);
    assert_eq!(nobody.status, 404);
    for (query, shown) in [("assigned=true", 2), ("assigned=false", 2)] {
        let page = browser.get(&format!("/console/directory?{query}")).text();
        assert_eq!(page.matches("<th scope=\"row\">").count(), shown, "{query}: {page}");
    }
}
