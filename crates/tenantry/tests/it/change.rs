//! Changing a customer: what a `PUT` names is changed, all else stays. One case a line.

use crate::support::{
    ABSENT, Api, Database, Engine, Failures, NOW, Server, customer, on_both_engines, patched,
};
use serde_json::{Value, json};

on_both_engines!(every_rule);

/// When the cases' changes are made; they are created at [`NOW`].
const LATER: &str = "2016-09-20T00:00:00Z";

/// A case: what it shows, what the customer was, what is sent, whether the handling is strict, and what comes of it.
/// In all of it, `{n}` stands for the case's number.
struct Case(&'static str, Base, Sent, bool, Expect);

/// Every optional field is set.
#[derive(Clone, Copy, PartialEq)]
enum Base {
    /// By its address; its trial has not ended.
    Address,
    /// By its tenant, `tenant-{n}`.
    Tenant,
    /// It has both.
    Both,
    /// By its address; its trial has ended between its creation and its change.
    Ended,
}

enum Sent {
    This(Value),
    /// The customer as it was answered, so changed.
    AsAnswered(Value),
}

enum Expect {
    /// `200`, and the customer differs in this, in its version and in `updated_at`.
    Becomes(Value),
    /// `200`, and the customer is the same, its version and times too.
    Stays,
    /// `422` with exactly these violations, and this in the text; and the customer is the same.
    Refused(String, &'static str),
}

fn becomes(name: &'static str, base: Base, sent: Value, change: Value) -> Case {
    Case(name, base, Sent::This(sent), false, Expect::Becomes(change))
}

fn stays(name: &'static str, base: Base, sent: Value) -> Case {
    Case(name, base, Sent::This(sent), false, Expect::Stays)
}

fn no(name: &'static str, base: Base, sent: Value, details: &str, text: &'static str) -> Case {
    Case(name, base, Sent::This(sent), false, Expect::Refused(details.to_owned(), text))
}

/// Sent with all that was answered beside it.
fn as_answered(case: Case) -> Case {
    let Sent::This(change) = case.2 else { panic!("{} is sent so already", case.0) };
    Case(case.0, case.1, Sent::AsAnswered(change), case.3, case.4)
}

fn strict(case: Case) -> Case {
    Case(case.0, case.1, case.2, true, case.4)
}

fn boston() -> Value {
    json!({"street1": "2 State St", "city": "Boston", "state": "MA", "zipcode": "02109", "country": "US"})
}

/// That address in the place of the one with a second line.
fn in_boston() -> Value {
    let mut address = boston();
    address["street2"] = json!(ABSENT);
    json!({"address": address})
}

/// The address as it is, but for this.
fn address(change: &Value) -> Value {
    let mut address = json!({"street1": "1 Main St", "street2": "Suite 2", "city": "Springfield", "state": "MA", "zipcode": "01234", "country": "US"});
    patched(&mut address, change);
    json!({"address": address})
}

fn billing(billing: Value) -> Value {
    json!({"partner_billing_configuration": billing})
}

#[rustfmt::skip]
fn names_tenants_and_addresses() -> Vec<Case> {
    use Base::{Address, Both, Tenant};
    vec![
        becomes("a name", Address, json!({"name": "Renamed {n}"}), json!({"name": "Renamed {n}"})),
        becomes("a name is trimmed", Address, json!({"name": " Renamed {n}\t"}), json!({"name": "Renamed {n}"})),
        becomes("its own name in another case", Address, json!({"name": "CASE  {n}"}), json!({"name": "CASE  {n}"})),
        stays("its own name", Address, json!({"name": "Case {n}"})),
        stays("its own name, to be trimmed", Address, json!({"name": "  Case {n} "})),
        stays("a null name", Address, json!({"name": null})),
        stays("a blank name", Address, json!({"name": " "})),
        stays("an object without fields is blank", Address, json!({"name": {}})),
        no("another's name", Address, json!({"name": "Taken Corp"}), "/name taken", "name has already been taken"),
        no("... in another form", Address, json!({"name": "ｔａｋｅｎ  CORP"}), "/name taken", ""),
        no("another's name and a slip", Address, json!({"name": "Taken Corp", "billing_contact": "abc"}), "/name taken, /billing_contact invalid", ""),
        no("256 characters", Address, json!({"name": "n".repeat(256)}), "/name too_long", ""),
        no("a number as name", Address, json!({"name": 1}), "/name wrong_type", ""),

        becomes("a tenant for one with an address", Address, json!({"azure_customer_id": "new-{n}"}), json!({"azure_customer_id": "new-{n}"})),
        becomes("another tenant", Tenant, json!({"azure_customer_id": "new-{n}"}), json!({"azure_customer_id": "new-{n}"})),
        becomes("its own tenant in another case", Tenant, json!({"azure_customer_id": "TENANT-{n}"}), json!({"azure_customer_id": "TENANT-{n}"})),
        stays("its own tenant", Tenant, json!({"azure_customer_id": " tenant-{n} "})),
        stays("a null tenant", Tenant, json!({"azure_customer_id": null})),
        stays("a blank tenant", Tenant, json!({"azure_customer_id": ""})),
        no("another's tenant", Tenant, json!({"azure_customer_id": "taken-tenant"}), "/azure_customer_id taken", ""),
        no("... in another case", Address, json!({"azure_customer_id": "Taken-TENANT"}), "/azure_customer_id taken", ""),
        no("... and another's name", Both, json!({"name": "taken corp", "azure_customer_id": "taken-tenant"}), "/name taken, /azure_customer_id taken", ""),
        no("no tenant's id", Tenant, json!({"azure_customer_id": "a_b"}), "/azure_customer_id invalid", ""),

        becomes("an address for one with a tenant", Tenant, json!({"address": boston()}), json!({"address": boston()})),
        becomes("another address", Address, json!({"address": boston()}), in_boston()),
        becomes("another city, all sent", Address, address(&json!({"city": "Boston"})), json!({"address": {"city": "Boston"}})),
        becomes("a second line that is null", Address, address(&json!({"street2": null})), json!({"address": {"street2": ABSENT}})),
        becomes("a country by its name, a zipcode as number", Address, address(&json!({"country": "usa", "zipcode": 94304, "state": "ca"})), json!({"address": {"state": "CA", "zipcode": "94304"}})),
        stays("its own address", Address, address(&json!({}))),
        stays("its own address in another form", Address, address(&json!({"country": "United States", "zipcode": 1234, "state": "ma", "city": " Springfield"}))),
        stays("a null address", Address, json!({"address": null})),
        stays("a blank address", Address, json!({"address": {"street1": " ", "city": null}})),
        no("an address is replaced whole", Address, json!({"address": {"city": "Boston"}}), "/address/street1 required, /address/state required, /address/zipcode required, /address/country required", ""),
        no("a state by its name", Address, address(&json!({"state": "Massachusetts"})), "/address/state invalid", "use MA"),
        no("the old state in a new country", Address, address(&json!({"country": "AU"})), "/address/state invalid, /address/zipcode invalid", ""),
        no("a text as address", Address, json!({"address": "Boston"}), "/address wrong_type", ""),

        stays("both as they are", Both, json!({"azure_customer_id": "tenant-{n}", "address": address(&json!({}))["address"]})),
        becomes("both sent, the address is new", Both, json!({"azure_customer_id": "tenant-{n}", "address": boston()}), in_boston()),
        becomes("both sent, the tenant is new", Both, json!({"azure_customer_id": "new-{n}", "address": address(&json!({}))["address"]}), json!({"azure_customer_id": "new-{n}"})),
        no("both sent, both new", Both, json!({"azure_customer_id": "new-{n}", "address": boston()}), "/address conflict", "azure_customer_id when the customer tenant has an address"),
        no("both new for one with an address", Address, json!({"azure_customer_id": "new-{n}", "address": boston()}), "/address conflict", ""),
        no("both new for one with a tenant", Tenant, json!({"azure_customer_id": "new-{n}", "address": boston()}), "/address conflict", ""),
    ]
}

#[rustfmt::skip]
fn access_and_trial() -> Vec<Case> {
    use Base::{Address, Ended};
    let trial = |value: Value| json!({"trial_expiration_date": value});
    let other = |value: Value| json!({"trial_expiration": value});
    vec![
        becomes("a classification", Address, json!({"classification": "managed_without_access"}), json!({"classification": "managed_without_access"})),
        stays("its own classification", Address, json!({"classification": "managed_with_access"})),
        stays("a null classification", Address, json!({"classification": null})),
        stays("a blank classification", Address, json!({"classification": " "})),
        no("an unknown classification", Address, json!({"classification": "managed"}), "/classification invalid", ""),

        becomes("a later trial", Address, trial(json!("2016-10-01")), trial(json!("2016-10-01T00:00:00Z"))),
        becomes("an earlier one, still to come", Address, trial(json!("2016-09-20T00:00:01Z")), trial(json!("2016-09-20T00:00:01Z"))),
        becomes("by its other name", Address, other(json!("2016-10-01")), trial(json!("2016-10-01T00:00:00Z"))),
        becomes("by both names", Address, json!({"trial_expiration_date": "2016-10-01", "trial_expiration": "2016-10-01T02:00:00+02:00"}), trial(json!("2016-10-01T00:00:00Z"))),
        becomes("no trial any more", Address, trial(json!(null)), trial(json!(ABSENT))),
        becomes("no trial any more, by its other name", Address, other(json!(null)), trial(json!(ABSENT))),
        becomes("one that has ended is no trial any more", Ended, trial(json!(null)), trial(json!(ABSENT))),
        becomes("one that has ended goes on", Ended, trial(json!("2016-10-01")), trial(json!("2016-10-01T00:00:00Z"))),
        stays("its own trial", Address, trial(json!("2016-09-22T00:00:00Z"))),
        stays("its own trial in another zone", Address, trial(json!("2016-09-22T02:00:00+02:00"))),
        stays("a blank trial", Address, trial(json!(" "))),
        stays("one that has ended meanwhile, as it is", Ended, trial(json!("2016-09-16T00:00:00Z"))),
        stays("... by its other name and in another form", Ended, other(json!("2016-09-16"))),
        becomes("... and another name", Ended, json!({"name": "Renamed {n}", "trial_expiration_date": "2016-09-16T00:00:00Z"}), json!({"name": "Renamed {n}"})),
        becomes("... and nothing said of it", Ended, json!({"name": "Renamed {n}"}), json!({"name": "Renamed {n}"})),
        no("a second before it ended", Ended, trial(json!("2016-09-15T23:59:59Z")), "/trial_expiration_date not_future", ""),
        no("the instant itself", Address, trial(json!(LATER)), "/trial_expiration_date not_future", "it is 2016-09-20T00:00:00Z now"),
        no("no time", Address, trial(json!("soon")), "/trial_expiration_date invalid", ""),
        no("two times", Address, json!({"trial_expiration_date": "2016-10-01", "trial_expiration": "2016-10-02"}), "/trial_expiration conflict", ""),
        no("a time and none", Address, json!({"trial_expiration_date": "2016-10-01", "trial_expiration": null}), "/trial_expiration conflict", ""),
    ]
}

#[rustfmt::skip]
fn the_rest() -> Vec<Case> {
    use Base::Address;
    let contact = |value: Value| json!({"billing_contact": value});
    let margin = |value: Value| json!({"margin_percentage": value});
    let tags = |value: Value| json!({"tags": value});
    let old_tags = json!([{"key": "a", "value": "1"}, {"key": "b", "value": "2"}]);
    let turned = json!([{"key": "b", "value": "2"}, {"key": "a", "value": "1"}]);
    let many: Value = (0..21).map(|i| json!({"key": format!("k{i}"), "value": ""})).collect();
    vec![
        becomes("a contact", Address, contact(json!("new@example.com")), contact(json!("new@example.com"))),
        becomes("no contact any more", Address, contact(json!(null)), contact(json!(ABSENT))),
        stays("a blank contact", Address, contact(json!(""))),
        stays("a contact that is an object without fields", Address, contact(json!({}))),
        stays("its own contact", Address, contact(json!("old@example.com"))),
        no("no e-mail address", Address, contact(json!("abc")), "/billing_contact invalid", ""),

        becomes("a margin", Address, margin(json!(25)), margin(json!(25.0))),
        becomes("no margin", Address, margin(json!(0)), margin(json!(0.0))),
        stays("its own margin with more places", Address, margin(json!("12.5000"))),
        stays("a null margin", Address, margin(json!(null))),
        stays("a blank margin", Address, margin(json!(""))),
        no("all of it", Address, margin(json!(100)), "/margin_percentage invalid", ""),

        becomes("disabled, the folder stays", Address, billing(json!({"enabled": false})), billing(json!({"enabled": false}))),
        becomes("a folder, enabled stays", Address, billing(json!({"folder": "bills/new"})), billing(json!({"folder": "bills/new"}))),
        becomes("both of the configuration", Address, billing(json!({"enabled": "FALSE", "folder": "f"})), billing(json!({"enabled": false, "folder": "f"}))),
        stays("its own configuration", Address, billing(json!({"enabled": "true", "folder": "bills/old"}))),
        stays("a blank part of the configuration", Address, billing(json!({"enabled": null}))),
        no("an empty folder", Address, billing(json!({"folder": ""})), "/partner_billing_configuration/folder invalid", ""),
        no("a null folder", Address, billing(json!({"enabled": true, "folder": null})), "/partner_billing_configuration/folder invalid", ""),
        becomes("a folder with a slash", Address, billing(json!({"folder": "bills/new/"})), billing(json!({"folder": "bills/new/"}))),
        stays("an empty configuration", Address, billing(json!({}))),
        stays("a null configuration", Address, billing(json!(null))),
        no("a folder to get out by", Address, billing(json!({"folder": "../x"})), "/partner_billing_configuration/folder invalid", ""),

        becomes("tags are replaced", Address, tags(json!([{"key": "c", "value": ""}])), tags(json!([{"key": "c", "value": ""}]))),
        becomes("a tag's value", Address, tags(json!([{"key": "a", "value": "1"}, {"key": "b", "value": "3"}])), tags(json!([{"key": "a", "value": "1"}, {"key": "b", "value": "3"}]))),
        becomes("tags in another order", Address, tags(turned.clone()), tags(turned)),
        becomes("no tags", Address, tags(json!([])), tags(json!([]))),
        stays("its own tags", Address, tags(old_tags)),
        stays("null tags", Address, tags(json!(null))),
        stays("blank tags", Address, tags(json!(""))),
        no("21 tags", Address, tags(many), "/tags too_many", "has 21 entries, at most 20 are allowed"),
        no("two keys alike", Address, tags(json!([{"key": "k", "value": "1"}, {"key": "k", "value": "2"}])), "/tags/1/key duplicate", ""),
    ]
}

#[rustfmt::skip]
fn the_whole() -> Vec<Case> {
    use Base::{Address, Both, Ended, Tenant};
    let trial = |value: Value| json!({"trial_expiration_date": value});
    vec![
        stays("nothing", Address, json!({})),
        stays("an unknown field", Address, json!({"colour": "blue"})),
        stays("read-only fields", Address, json!({"id": 1, "created_at": "x", "updated_at": 7, "generated_external_id": null, "_links": []})),
        as_answered(stays("as answered, by address", Address, json!({}))),
        as_answered(stays("as answered, by tenant", Tenant, json!({}))),
        as_answered(stays("as answered, with both", Both, json!({}))),
        as_answered(stays("as answered, the trial has ended", Ended, json!({}))),
        strict(as_answered(stays("as answered, strictly", Both, json!({})))),
        as_answered(becomes("as answered, with another name", Both, json!({"name": "Renamed {n}"}), json!({"name": "Renamed {n}"}))),
        as_answered(becomes("as answered, with another tenant", Both, json!({"azure_customer_id": "new-{n}"}), json!({"azure_customer_id": "new-{n}"}))),
        as_answered(becomes("as answered, with another trial", Both, trial(json!("2016-10-01")), trial(json!("2016-10-01T00:00:00Z")))),
        as_answered(becomes("as answered, with another trial by its other name", Both, json!({"trial_expiration": "2016-10-01"}), trial(json!("2016-10-01T00:00:00Z")))),
        as_answered(becomes("as answered, without a trial", Both, trial(json!(null)), trial(json!(ABSENT)))),
        as_answered(becomes("as answered, with another city", Both, json!({"address": {"city": "Boston"}}), json!({"address": {"city": "Boston"}}))),
        strict(becomes("strict, and all is known", Address, json!({"name": "Renamed {n}"}), json!({"name": "Renamed {n}"}))),
        strict(no("strict, and one is unknown", Address, json!({"nmae": "x"}), "/nmae unknown", "did you mean name?")),
        becomes("several at once", Address,
            json!({"name": "Renamed {n}", "billing_contact": null, "tags": [], "margin_percentage": 1, "trial_expiration_date": null, "partner_billing_configuration": {"enabled": false}}),
            json!({"name": "Renamed {n}", "billing_contact": ABSENT, "tags": [], "margin_percentage": 1.0, "trial_expiration_date": ABSENT, "partner_billing_configuration": {"enabled": false}})),
        no("one good, all others wrong", Address,
            json!({"name": "Renamed {n}", "azure_customer_id": "?", "classification": "x", "trial_expiration_date": "x", "billing_contact": "x", "margin_percentage": -1, "partner_billing_configuration": 1, "tags": 1}),
            "/azure_customer_id invalid, /classification invalid, /trial_expiration_date invalid, /billing_contact invalid, /margin_percentage invalid, \
             /partner_billing_configuration wrong_type, /tags wrong_type", ""),
        no("an array", Address, json!([]), " wrong_type", ""),
        no("a text", Address, json!("name"), " wrong_type", ""),
    ]
}

fn every_rule(engine: Engine) {
    let database = Database::new(engine);
    let server = Server::start(&database, &["--sandbox", "--at", NOW]);
    let api = server.admin();
    api.create(&customer(
        &json!({"name": "Taken Corp", "address": ABSENT, "azure_customer_id": "taken-tenant"}),
    ));
    let cases: Vec<Case> = [names_tenants_and_addresses(), access_and_trial(), the_rest(), the_whole()]
        .into_iter()
        .flatten()
        .collect();
    let before: Vec<Value> = cases.iter().enumerate().map(|(n, case)| create(&api, n, case.1)).collect();
    assert_eq!(api.put("/sandbox/clock", &json!({"now": LATER})).status, 200);

    let mut failures = Failures::default();
    for (n, (case, before)) in cases.iter().zip(before).enumerate() {
        failures.case(case.0, run(&api, n, case, &before));
    }
    failures.done(100);
}

fn create(api: &Api, n: usize, base: Base) -> Value {
    let trial = if base == Base::Ended { "2016-09-16T00:00:00Z" } else { "2016-09-22T00:00:00Z" };
    let mut body = customer(&json!({
        "name": format!("Case {n}"), "address": {"street2": "Suite 2"}, "classification": "managed_with_access",
        "trial_expiration_date": trial, "billing_contact": "old@example.com", "margin_percentage": 12.5,
        "partner_billing_configuration": {"enabled": true, "folder": "bills/old"},
        "tags": [{"key": "a", "value": "1"}, {"key": "b", "value": "2"}],
    }));
    let tenant = json!({"azure_customer_id": format!("tenant-{n}")});
    if base == Base::Tenant {
        patched(&mut body, &json!({"address": ABSENT}));
        patched(&mut body, &tenant);
    }
    let created = api.create(&body);
    if base != Base::Both {
        return created;
    }
    let both = api.put(&path(&created), &tenant);
    assert_eq!(both.status, 200, "{}", both.text());
    both.json()
}

fn path(customer: &Value) -> String {
    format!("/v2/customers/{}", customer["id"])
}

fn run(api: &Api, n: usize, Case(_, _, sent, strict, expected): &Case, before: &Value) -> Result<(), String> {
    let numbered = |value: &Value| -> Value {
        serde_json::from_str(&value.to_string().replace("{n}", &n.to_string())).unwrap()
    };
    let body = match sent {
        Sent::This(body) => numbered(body),
        Sent::AsAnswered(change) => {
            let mut body = before.clone();
            patched(&mut body, &numbered(change));
            body
        }
    };
    let old_tag = api.get(&path(before)).header("etag").to_owned();
    let mut call = api.call("PUT", &path(before)).json(&body);
    if *strict {
        call = call.header("Prefer", "handling=strict");
    }
    let answer = call.send();
    let read = api.get(&path(before));
    let mut should_be = before.clone();
    if let Expect::Becomes(change) = expected {
        patched(&mut should_be, &numbered(change));
        // Both names are answered, or neither.
        let trial = should_be.get("trial_expiration_date").cloned();
        patched(&mut should_be, &json!({"trial_expiration": trial.unwrap_or(json!(ABSENT))}));
        should_be["updated_at"] = json!(LATER);
    }
    let changed = matches!(expected, Expect::Becomes(_));
    let wrong = |what: String| Err(format!("{what}: {} {}", answer.status, answer.text()));
    if let Expect::Refused(details, part) = expected {
        if answer.status != 422 || answer.details() != *details || !answer.text().contains(part) {
            return wrong(format!("should be refused: {details} {part}"));
        }
    } else if answer.status != 200 {
        return wrong("should be 200".into());
    } else if answer.text() != read.text() || answer.header("etag") != read.header("etag") {
        return wrong(format!("but it is read as {}", read.text()));
    }
    if read.json() != should_be {
        return wrong(format!("the customer is {}, and should be {should_be}", read.text()));
    }
    if (read.header("etag") != old_tag) != changed {
        return wrong(format!("its tag was {old_tag} and is {}", read.header("etag")));
    }
    Ok(())
}
