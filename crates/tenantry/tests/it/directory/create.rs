//! Customers by their Azure tenant, looked up in Partner Center.

use super::{Place, by_tenant, customer, health, id, until};
use crate::support::{Engine, Failures, on_both_engines};
use serde_json::{Value, json};

on_both_engines!(
    what_the_directory_says_decides,
    a_first_answer_outlives_the_directory,
    what_cannot_be_looked_up_is_verified_later,
);

const QUIET: [&str; 4] = ["--sync-interval", super::NO_SYNC, "--directory-timeout", "4"];

/// A case: what it shows, how Partner Center behaves, the payload, and what comes of it.
struct Case(&'static str, Value, Value, Expect);

enum Expect {
    /// `201`, with this address.
    Created(Value),
    /// `422` with exactly these violations, and this in the text.
    Refused(&'static str, &'static str),
}

fn found(name: &'static str, number: usize, address: Value) -> Case {
    Case(name, json!({}), by_tenant("Acme Corp", &id(number)), Expect::Created(address))
}

fn refused(name: &'static str, azure: &str, details: &'static str, text: &'static str) -> Case {
    Case(name, json!({}), by_tenant("Acme Corp", azure), Expect::Refused(details, text))
}

fn at(street: &str, city: &str, state: &str, zipcode: &str, country: &str) -> Value {
    json!({"street1": street, "city": city, "state": state, "zipcode": zipcode, "country": country})
}

fn cases() -> Vec<Case> {
    const UNKNOWN: &str = "00000000-0000-4000-8000-000000000000";
    const USE_ADDRESS: &str = "give address instead of azure_customer_id";
    let with = |change: Value| {
        let mut body = by_tenant("Acme Corp", UNKNOWN);
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        body
    };
    let mut redmond = at("1 Microsoft Way", "Redmond", "WA", "98052-6399", "US");
    redmond["street2"] = "Building 9".into();
    let boston = at("100 Summer St", "Boston", "MA", "02110", "US");
    let mut maidstone = at("10 High Street", "Maidstone", "Kent", "ME14 1AA", "GB");
    maidstone["street2"] = "Floor 2".into();
    let everything_hidden = json!({"no_billing_every": 1, "no_organization_every": 1});
    let hidden = |text| {
        Case(
            "an address that is hidden",
            everything_hidden.clone(),
            by_tenant("Acme Corp", &id(1)),
            Expect::Refused("/azure_customer_id no_address", text),
        )
    };
    vec![
        found("a tenant with an address", 0, redmond.clone()),
        found("a state by its name, a code without its zero", 1, boston.clone()),
        found(
            "a state by its code, where names are used",
            2,
            at("1 George Street", "Sydney", "New South Wales", "2000", "AU"),
        ),
        found("a country without states", 5, maidstone),
        Case(
            "in capitals",
            json!({}),
            by_tenant("Acme Corp", &id(1).to_uppercase()),
            Expect::Created(boston),
        ),
        Case(
            "the organization's address, where the billing profile is hidden",
            json!({"no_billing_every": 1}),
            by_tenant("Acme Corp", &id(0)),
            Expect::Created(redmond),
        ),
        refused(
            "an unknown tenant",
            UNKNOWN,
            "/azure_customer_id not_found",
            r#""error":"azure_customer_id not found""#,
        ),
        refused(
            "an id that is none of Partner Center's",
            "34fdg",
            "/azure_customer_id not_found",
            "azure_customer_id not found",
        ),
        refused("no address there", &id(3), "/azure_customer_id no_address", USE_ADDRESS),
        refused(
            "an address that cannot be used",
            &id(7),
            "/azure_customer_id no_address",
            "country must be a country",
        ),
        refused("... and what to do", &id(7), "/azure_customer_id no_address", USE_ADDRESS),
        hidden(USE_ADDRESS),
        hidden("cannot be seen with the rights that the partner has there"),
        refused(
            "a tenant that is another customer's",
            &id(8),
            "/azure_customer_id taken",
            "azure_customer_id has already been taken",
        ),
        refused("... in capitals", &id(8).to_uppercase(), "/azure_customer_id taken", "taken"),
        refused(
            "a tenant that was assigned to another customer",
            &id(9),
            "/azure_customer_id taken",
            "taken",
        ),
        refused("a tenant that is nobody's id", "34_fdg", "/azure_customer_id invalid", "azure_customer_id"),
        Case(
            "both, and nothing else",
            json!({}),
            with(json!({"address": at("1 Main St", "Springfield", "MA", "01234", "US")})),
            Expect::Refused("/azure_customer_id not_found, /address conflict", ""),
        ),
        Case(
            "a name that is taken, and a tenant that is not found",
            json!({}),
            with(json!({"name": "taken CORP"})),
            Expect::Refused(
                "/name taken, /azure_customer_id not_found",
                "name has already been taken; azure_customer_id not found",
            ),
        ),
        Case(
            "every violation at once",
            json!({}),
            with(
                json!({"name": "Taken Corp", "classification": "x", "billing_contact": "abc", "margin_percentage": 100, "tags": 1}),
            ),
            Expect::Refused(
                "/name taken, /azure_customer_id not_found, /classification invalid, /billing_contact invalid, /margin_percentage invalid, /tags wrong_type",
                "",
            ),
        ),
        Case(
            "no address there, and more",
            json!({}),
            with(json!({"azure_customer_id": id(3), "name": ""})),
            Expect::Refused("/name required, /azure_customer_id no_address", USE_ADDRESS),
        ),
        Case(
            "taken, and without an address there",
            json!({"moved_by": 3}),
            with(json!({"azure_customer_id": id(8)})),
            Expect::Refused("/azure_customer_id no_address, /azure_customer_id taken", ""),
        ),
    ]
}

fn what_the_directory_says_decides(engine: Engine) {
    let place = Place::new(engine, 20, &QUIET, &[]);
    place.create("Taken Corp", 8);
    let other = place.api.create(&customer(&json!({"name": "Other Corp"})));
    let assigned = place.api.put(
        &format!("/v1/azure_partner_customer_accounts/add/{}", other["id"]),
        &json!({"azure_customer_ids": [id(9)]}),
    );
    assert_eq!(assigned.status, 207, "{}", assigned.text());

    let mut failures = Failures::default();
    for Case(name, behaviour, payload, expected) in cases() {
        place.center.behave(behaviour);
        let answer = place.api.post("/v2/customers", &payload);
        let text = answer.text();
        let outcome = match expected {
            Expect::Created(address) if answer.status == 201 => {
                let location = answer.header("location").to_owned();
                let read = place.api.get(&location).text();
                assert_eq!(place.api.delete(&location).status, 204);
                if answer.json()["address"] == address && read == text { Ok(()) } else { Err(text.clone()) }
            }
            Expect::Refused(details, part) if answer.status == 422 => {
                if answer.details() == details && text.contains(part) {
                    Ok(())
                } else {
                    Err(format!("{details} {part:?}: {text}"))
                }
            }
            _ => Err(format!("{} {text}", answer.status)),
        };
        failures.case(name, outcome);
        // Which rights the partner lacks is for the operator alone.
        assert!(!text.contains("GDAP") && !text.contains("Admin agent"), "{text}");
    }
    assert_eq!(place.api.get("/v2/customers").header("x-total"), "2", "a refused customer was created");
    failures.done(20);

    // Without a tenant that can be one, nobody is asked.
    place.center.behave(json!({}));
    let before = place.center.count("requests");
    assert_eq!(place.api.post("/v2/customers", &by_tenant("X", "no such id")).status, 422);
    place.api.create(&customer(&json!({"name": "By address"})));
    assert_eq!(place.center.count("requests"), before);
    assert_eq!(place.api.post("/v2/customers", &by_tenant("X", &id(3))).status, 422);
    assert!(place.center.count("requests") > before);
}

fn a_first_answer_outlives_the_directory(engine: Engine) {
    let place = Place::new(engine, 20, &QUIET, &[]);
    let post = |key: &str, body: &Value| {
        place.api.call("POST", "/v2/customers").header("Idempotency-Key", key).json(body).send()
    };

    // While the first is looking up, there is no second.
    place.center.behave(json!({"next": [{"fault": "hang"}]}));
    let asked = place.center.count("requests");
    let body = by_tenant("Acme Corp", &id(1));
    let first = std::thread::scope(|scope| {
        let first = scope.spawn(|| post("one", &body));
        until("the first is looking up", || place.center.count("requests") > asked);
        let second = post("one", &body);
        assert_eq!(second.status, 409, "{}", second.text());
        assert_ne!(second.header("retry-after"), "");
        assert_eq!(post("another", &by_tenant("Beta Corp", &id(2))).status, 201, "the control");
        first.join().unwrap()
    });
    assert_eq!((first.status, first.header("idempotency-replayed")), (201, ""), "{}", first.text());

    place.center.fail(json!({"fault": "status", "status": 500}));
    let asked = place.center.count("requests");
    let again = post("one", &body);
    assert_eq!((again.status, again.text()), (201, first.text()));
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(again.header("location"), first.header("location"));
    assert_eq!(post("one", &by_tenant("Acme Corp", &id(2))).status, 422, "another payload");
    assert_eq!(place.center.count("requests"), asked, "what was answered is not looked up again");
    let control = post("three", &by_tenant("Gamma Corp", &id(4)));
    assert_eq!(control.status, 503, "{}", control.text());
    // Its key is free, for nothing was made.
    place.center.behave(json!({}));
    let made = post("three", &by_tenant("Gamma Corp", &id(4)));
    assert_eq!((made.status, made.header("idempotency-replayed")), (201, ""), "{}", made.text());
}

fn what_cannot_be_looked_up_is_verified_later(engine: Engine) {
    let serve = ["--sync-interval", "50", "--directory-timeout", "1"];
    let place = Place::new(engine, 20, &serve, &["--when-unreachable", "accept"]);
    until("the first walk", || health(&place.api) == [1, 1, 0]);
    until("all addresses", || tenants_with_address(&place) == 15);

    // It answers for what it is asked, and that counts.
    assert_eq!(
        place.api.post("/v2/customers", &by_tenant("X", "34fdg")).details(),
        "/azure_customer_id not_found"
    );

    place.center.fail(json!({"fault": "status", "status": 500}));
    let unverified = place.create("Unverified", 1);
    assert_eq!((&unverified["azure_customer_id"], &unverified["address"]), (&json!(id(1)), &Value::Null));
    let unknown = "00000000-0000-4000-8000-000000000001";
    let unknown_customer = place.api.create(&by_tenant("Unknown", unknown));
    let by_hand = place.create("By hand", 2);
    let at = |customer: &Value| format!("/v2/customers/{}", customer["id"]);
    let set = json!({"address": {"street1": "1 Main St", "city": "Springfield", "state": "MA", "zipcode": "01234", "country": "US"}});
    assert_eq!(place.api.put(&at(&by_hand), &set).status, 200);

    until("the failure shows", || health(&place.api) == [1, 1, 1]);
    let asked = place.center.asked(unknown);

    // What was accepted is asked for as soon as there are answers, and only what is missing is filled in.
    place.center.behave(json!({}));
    let read = |customer: &Value| place.api.get(&at(customer)).json();
    until("the address is filled in", || read(&unverified)["address"]["city"] == "Boston");
    until("the last is asked for", || place.center.asked(unknown) > asked);
    until("the step is at its end", || health(&place.api) == [1, 1, 0]);
    let unknown_one = read(&unknown_customer);
    assert_eq!((&unknown_one["azure_customer_id"], &unknown_one["address"]), (&json!(unknown), &Value::Null));
    assert_eq!(read(&by_hand)["address"], set["address"]);
}

fn tenants_with_address(place: &Place) -> usize {
    super::tenants(&place.api).iter().filter(|tenant| tenant["address"].is_object()).count()
}
