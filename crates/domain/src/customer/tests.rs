//! The rules of a customer, as tables and as properties.

use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

fn now() -> Timestamp {
    "2016-09-15T18:17:04Z".parse().unwrap()
}

fn create(body: &Value) -> Result<NewCustomer, RejectedPayload> {
    NewCustomer::parse(&Json::from(body), now(), Handling::Lenient)
}

fn customer(body: &Value) -> Customer {
    Customer {
        id: CustomerId(3947),
        details: create(body).unwrap(),
        generated_external_id: ExternalId::parse("1a2b3c4d5e6f").unwrap(),
        created_at: now(),
        updated_at: now(),
        version: 1,
        billing_configuration: None,
    }
}

fn messages(refused: Result<NewCustomer, RejectedPayload>) -> Vec<String> {
    refused.map_or_else(|refused| refused.violations.iter().map(Violation::sentence).collect(), |_| vec![])
}

/// A payload with changed fields; `null` removes a field.
fn with(mut body: Value, changes: &Value) -> Value {
    for (key, value) in changes.as_object().unwrap() {
        body[key] = value.clone();
    }
    body.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    body
}

fn minimal() -> Value {
    json!({"name": "Acme", "azure_customer_id": "34fdg"})
}

fn address() -> Value {
    json!({"street1": "1 Main St", "city": "Springfield", "state": "MA", "zipcode": "01234", "country": "US"})
}

#[test]
fn a_minimal_customer_has_defaults() {
    let customer = customer(&minimal());
    let details = &customer.details;
    assert_eq!((details.address.as_ref(), details.classification), (None, Classification::default()));
    assert_eq!((details.trial_expiration_date, details.billing_contact.as_ref()), (None, None));
    assert_eq!(details.margin_percentage, Margin::default());
    assert_eq!(details.partner_billing_configuration, PartnerBilling::default());
    assert_eq!(details.tags, []);
    // Blank fields count as absent at every level.
    let blanks = json!({
        "address": {"street1": " ", "country": null}, "classification": "", "trial_expiration_date": " ",
        "trial_expiration": "", "billing_contact": {}, "margin_percentage": " ",
        "partner_billing_configuration": {"enabled": "", "folder": ""}, "tags": "",
    });
    assert_eq!(create(&with(minimal(), &blanks)), Ok(customer.details));
}

#[test]
fn payloads_create_a_customer_or_report_violations() {
    let neither = "azure_customer_id or address is required: give azure_customer_id when the customer tenant has \
                       an address in the Azure Portal, address when it has none";
    let both = "address must not be given together with azure_customer_id: give azure_customer_id when the \
                    customer tenant has an address in the Azure Portal, address when it has none";
    let twice = "trial_expiration must be equal to trial_expiration_date, which it is another name of, or be left out";
    for (changes, expected) in [
        (json!({}), vec![]),
        (json!({"name": null}), vec!["name is required"]),
        (json!({"name": 7}), vec!["name must be a string, not a number"]),
        (json!({"name": "\u{2003}"}), vec!["name is required"]),
        (json!({"azure_customer_id": null}), vec![neither]),
        (json!({"azure_customer_id": " ", "address": {"city": ""}}), vec![neither]),
        (json!({"azure_customer_id": null, "address": address()}), vec![]),
        (json!({"address": address()}), vec![both]),
        (
            json!({"azure_customer_id": "?", "address": {"street1": "x"}}),
            vec![
                "azure_customer_id must consist of letters A-Z, digits and hyphens, but has \"?\"",
                "address.city is required",
                "address.state is required",
                "address.zipcode is required",
                "address.country is required",
                both,
            ],
        ),
        (json!({"classification": true}), vec!["classification must be a string, not a boolean"]),
        (json!({"trial_expiration_date": "2016-09-15T18:17:05Z"}), vec![]),
        (
            json!({"trial_expiration_date": "2016-09-15T18:17:04.9Z"}),
            vec![
                "trial_expiration_date must be in the future, but 2016-09-15T18:17:04Z is not: \
                     it is 2016-09-15T18:17:04Z now",
            ],
        ),
        (json!({"trial_expiration": "2016-09-16"}), vec![]),
        (
            json!({"trial_expiration": "2016-09-16", "trial_expiration_date": "2016-09-16T02:00:00+02:00"}),
            vec![],
        ),
        (json!({"trial_expiration": "2016-09-16", "trial_expiration_date": "2016-09-17"}), vec![twice]),
        (
            json!({"trial_expiration_date": 1474502400}),
            vec!["trial_expiration_date must be a string, not a number"],
        ),
        (
            json!({"billing_contact": "abc"}),
            vec!["billing_contact must be an e-mail address such as jane@example.com: \"abc\" has no @"],
        ),
        (json!({"margin_percentage": "12.5"}), vec![]),
        (
            json!({"margin_percentage": 100}),
            vec!["margin_percentage must be at least 0 and less than 100, not 100"],
        ),
        (
            json!({"partner_billing_configuration": {"folder": "x"}}),
            vec!["partner_billing_configuration.enabled is required"],
        ),
        (
            json!({"tags": [{"key": "a", "value": ""}, {"value": true}]}),
            vec!["tags[1].key is required", "tags[1].value must be a string, not a boolean"],
        ),
        (json!({"tags": "a:b"}), vec!["tags must be an array of objects with key and value, not a string"]),
        // Read-only and unknown fields are ignored.
        (json!({"id": "x", "created_at": 7, "_links": [], "nmae": 1, "billing_configuration": 1}), vec![]),
    ] {
        let body = with(minimal(), &changes);
        assert_eq!(messages(create(&body)), expected, "{body}");
    }
    for (body, kind) in
        [(json!(null), "null"), (json!([]), "an array"), (json!("x"), "a string"), (json!(1), "a number")]
    {
        let example = r#"{"name": "Acme Corp", "azure_customer_id": "34fdg"}"#;
        let message = format!("the body must be a JSON object such as {example}, not {kind}");
        assert_eq!(messages(create(&body)), [message]);
    }
    assert_eq!(messages(create(&json!({}))), ["name is required", neither]);
}

#[test]
fn strict_handling_suggests_known_fields() {
    let strict = |body: &Value| NewCustomer::parse(&Json::from(body), now(), Handling::Strict);
    let read_only = json!({
        "id": 1, "created_at": 1, "updated_at": 1, "generated_external_id": 1, "_links": 1,
        "billing_configuration": 1, "trial_expiration": "2016-09-16",
    });
    assert_eq!(messages(strict(&with(minimal(), &read_only))), [] as [&str; 0]);
    let unknown = json!({
        "billing_contract": 1, "adress": 1,
        "partner_billing_configuration": {"enabled": true, "foldr": "x"},
        "tags": [{"key": "a", "value": "b", "color": 1}],
    });
    assert_eq!(
        messages(strict(&with(minimal(), &unknown))),
        [
            "partner_billing_configuration.foldr is unknown; did you mean folder?",
            "tags[0].color is unknown",
            "billing_contract is unknown; did you mean billing_contact?",
            "adress is unknown; did you mean address?",
        ]
    );
}

#[test]
fn rejected_payloads_keep_valid_unique_values() {
    let refused = create(&json!({"name": " Acme ", "azure_customer_id": "a", "tags": 1})).unwrap_err();
    assert_eq!(refused.name.unwrap().as_str(), "Acme");
    assert_eq!(refused.azure_customer_id.unwrap().as_str(), "a");
    let refused = customer(&minimal()).patched(&Json::from(&json!({"tags": 1})), now(), Handling::Lenient);
    assert_eq!(refused.unwrap_err().name, None);
}

fn everything() -> Value {
    with(
        minimal(),
        &json!({
            "classification": "managed_with_access", "trial_expiration_date": "2016-09-16",
            "billing_contact": "a@b.c", "margin_percentage": 12.5,
            "partner_billing_configuration": {"enabled": true, "folder": "x"},
            "tags": [{"key": "a", "value": "b"}],
        }),
    )
}

#[test]
fn changes_affect_only_given_fields() {
    let before = customer(&everything());
    let billing = |enabled: bool, folder: &str| json!({"partner_billing_configuration": {"enabled": enabled, "folder": folder}});
    for (change, after) in [
        (json!({}), json!({})),
        (json!({"name": "Beta"}), json!({"name": "Beta"})),
        (json!({"name": ""}), json!({})),
        (
            json!({"name": null, "azure_customer_id": null, "classification": null, "margin_percentage": null}),
            json!({}),
        ),
        (json!({"tags": null, "partner_billing_configuration": null, "address": null}), json!({})),
        (json!({"azure_customer_id": "other"}), json!({"azure_customer_id": "other"})),
        (
            json!({"classification": "managed_without_access"}),
            json!({"classification": "managed_without_access"}),
        ),
        (json!({"trial_expiration_date": null}), json!({"trial_expiration_date": null})),
        (json!({"trial_expiration": null}), json!({"trial_expiration_date": null})),
        (json!({"trial_expiration_date": ""}), json!({})),
        (json!({"trial_expiration": "2017-01-01"}), json!({"trial_expiration_date": "2017-01-01"})),
        (json!({"billing_contact": null}), json!({"billing_contact": null})),
        (json!({"billing_contact": " "}), json!({})),
        (json!({"billing_contact": "x@y.z"}), json!({"billing_contact": "x@y.z"})),
        (json!({"margin_percentage": 0}), json!({"margin_percentage": 0})),
        (json!({"partner_billing_configuration": {"folder": "y"}}), billing(true, "y")),
        (json!({"partner_billing_configuration": {"enabled": "False"}}), billing(false, "x")),
        (json!({"tags": []}), json!({"tags": []})),
        (json!({"tags": [{"key": "c", "value": ""}]}), json!({"tags": [{"key": "c", "value": ""}]})),
    ] {
        let patched = before.patched(&Json::from(&change), now(), Handling::Strict);
        assert_eq!(patched, Ok(create(&with(everything(), &after)).unwrap()), "{change}");
    }
    for folder in [json!(""), json!(null)] {
        let change = json!({"partner_billing_configuration": {"enabled": true, "folder": folder}});
        let rejected = before.patched(&Json::from(&change), now(), Handling::Strict).unwrap_err();
        assert_eq!(
            rejected.violations.iter().next().unwrap().pointer,
            "/partner_billing_configuration/folder"
        );
    }
}

#[test]
fn changes_of_address_and_tenant_are_validated() {
    let street2 = with(address(), &json!({"street2": "Flat 2"}));
    let at_home = customer(&json!({"name": "Acme", "address": street2}));
    let mut in_both = customer(&minimal());
    in_both.details.address = at_home.details.address.clone();
    let conflict = "address must not be given together with azure_customer_id: give azure_customer_id when the \
                        customer tenant has an address in the Azure Portal, address when it has none";
    let moved = with(address(), &json!({"city": "Boston"}));
    for (customer, change, refused) in [
        (&at_home, json!({"azure_customer_id": "a"}), vec![]),
        (&at_home, json!({"azure_customer_id": "a", "address": street2}), vec![]),
        (&at_home, json!({"azure_customer_id": "a", "address": moved}), vec![conflict]),
        (&in_both, json!({"azure_customer_id": "34FDG", "address": moved}), vec![]),
        (&in_both, json!({"azure_customer_id": "b", "address": street2}), vec![]),
        (&in_both, json!({"azure_customer_id": "b", "address": moved}), vec![conflict]),
        (
            &in_both,
            json!({"address": {"city": "Boston"}}),
            vec![
                "address.street1 is required",
                "address.state is required",
                "address.zipcode is required",
                "address.country is required",
            ],
        ),
    ] {
        let patched = customer.patched(&Json::from(&change), now(), Handling::Lenient);
        assert_eq!(messages(patched), refused, "{change}");
    }
    // An address is replaced as a whole, so that an absent second line removes the current one.
    for body in [address(), with(address(), &json!({"street2": ""})), {
        let mut cleared = street2.clone();
        cleared["street2"] = Value::Null;
        cleared
    }] {
        let patched =
            at_home.patched(&Json::from(&json!({"address": body})), now(), Handling::Lenient).unwrap();
        assert_eq!(patched.address.unwrap().street2, None);
    }
}

#[test]
fn a_trial_that_has_ended_may_be_sent_back() {
    let before = customer(&everything());
    let later = "2020-01-01T00:00:00Z".parse().unwrap();
    for (change, legal) in [
        (json!({"trial_expiration_date": "2016-09-16T00:00:00Z"}), true),
        (json!({"trial_expiration": "2016-09-16"}), true),
        (json!({"trial_expiration_date": "2016-09-17"}), false),
        (json!({"trial_expiration_date": "2020-01-01T00:00:01Z"}), true),
        (json!({"trial_expiration_date": null, "trial_expiration": "2021-01-01"}), false),
        (json!({"trial_expiration_date": null, "trial_expiration": null}), true),
    ] {
        let patched = before.patched(&Json::from(&change), later, Handling::Lenient);
        assert_eq!(patched.is_ok(), legal, "{change}");
    }
}

#[test]
fn what_is_stored_may_be_sent_back() {
    let later = "2030-01-01T00:00:00Z".parse().unwrap();
    let at_home = json!({"name": "Acme", "azure_customer_id": null, "address": address()});
    let mut in_both = customer(&everything());
    in_both.details.address = customer(&at_home).details.address;
    for before in [customer(&minimal()), customer(&at_home), customer(&everything()), in_both] {
        let payload = Json::from(&serde_json::to_value(&before.details).unwrap());
        assert_eq!(before.patched(&payload, later, Handling::Strict), Ok(before.details.clone()));
    }
}

/// Arbitrary JSON, biased towards the names and values of the contract.
fn any_json() -> impl Strategy<Value = Value> {
    let words = [
        "name",
        "azure_customer_id",
        "address",
        "street1",
        "street2",
        "city",
        "state",
        "zipcode",
        "country",
        "classification",
        "managed_with_access",
        "trial_expiration_date",
        "trial_expiration",
        "billing_contact",
        "margin_percentage",
        "partner_billing_configuration",
        "enabled",
        "folder",
        "tags",
        "key",
        "value",
        "id",
        "US",
        "MA",
        "AU",
        "New South Wales",
        "01234",
        "2030-01-01",
        "a@b.c",
        "12.5",
        "true",
        "",
        " ",
        "a/b",
        "\0",
    ];
    let text = move || prop_oneof![3 => prop::sample::select(words.to_vec()).prop_map(str::to_owned), 1 => "\\PC{0,12}"];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (0..100u8).prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 64, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(text(), inner, 0..8).prop_map(|fields| fields.into_iter().collect()),
        ]
    })
}

fn tag() -> impl Strategy<Value = Value> {
    ("[a-z]{3,8}", "\\PC{0,20}").prop_map(|(key, value)| json!({"key": key, "value": value}))
}

fn place() -> impl Strategy<Value = Value> {
    let states = [
        ("US", "ma", "1234"),
        ("usa", "NY", "10001-1234"),
        ("Australia", "New South Wales", "2000"),
        ("Brazil", "São Paulo", "01000-000"),
        ("UK", "Kent", "ME1 1AA"),
        ("HK", "九龍", "0"),
        ("Korea (Republic of)", "Sejong", "30000"),
        ("Spain", "Murcia, Región de", "30001"),
    ];
    (prop::sample::select(states.to_vec()), "\\S\\PC{0,20}", "\\PC{0,20}").prop_map(
        |((country, state, zip), street, more)| {
            json!({
                "street1": street, "street2": more, "city": "Ünïcode", "country": country, "state": state,
                "zipcode": if country == "US" { json!(1234) } else { json!(zip) },
            })
        },
    )
}

/// Mostly valid payloads in many notations.
fn payload() -> impl Strategy<Value = Value> {
    let one_of = |values: &[Value]| prop::sample::select(values.to_vec());
    let whose = prop_oneof![
        "[A-Za-z0-9-]{1,64}".prop_map(|id| json!({"azure_customer_id": id})),
        place().prop_map(|place| json!({"address": place})),
    ];
    let trial = one_of(&[
        json!(null),
        json!("2030-01-01"),
        json!("9999-12-31T23:59:59Z"),
        json!("20300101T000000+0130"),
    ]);
    let contact =
        one_of(&[json!(null), json!("Jane@Example.com"), json!("\"a b\"@x"), json!("用户@例え.jp")]);
    let margin = (0..1_000_000i64).prop_map(|count| match count % 4 {
        0 => json!(null),
        1 => json!(count / 10_000),
        2 => json!(format!("{}e-4", count)),
        _ => json!(format!("{}.{:04}", count / 10_000, count % 10_000).parse::<f64>().unwrap()),
    });
    let billing =
        one_of(&[json!(null), json!({"enabled": "TRUE", "folder": " a/b "}), json!({"enabled": false})]);
    let classification =
        one_of(&[json!(null), json!("managed_with_access"), json!(" managed_without_access")]);
    let tags = prop::collection::vec(tag(), 0..5);
    ("\\S\\PC{0,40}", whose, trial, contact, margin, billing, classification, tags).prop_map(
            |(name, whose, trial, contact, margin, billing, classification, tags)| {
                let body = json!({
                    "name": name, "trial_expiration_date": trial, "billing_contact": contact, "tags": tags,
                    "margin_percentage": margin, "partner_billing_configuration": billing, "classification": classification,
                });
                with(body, &whose)
            },
        )
}

fn survives_the_way_out_and_in(body: &Value) -> Result<(), TestCaseError> {
    let Ok(once) = create(body) else { return Ok(()) };
    let out = serde_json::to_vec(&once).unwrap();
    let again = NewCustomer::parse(&Json::parse(&out).unwrap(), now(), Handling::Strict);
    prop_assert_eq!(again, Ok(once));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn no_json_does_harm(body in any_json(), before in payload()) {
        let json = Json::from(&body);
        for handling in [Handling::Lenient, Handling::Strict] {
            if let Err(refused) = NewCustomer::parse(&json, now(), handling) {
                prop_assert!(!refused.violations.is_empty());
                for violation in &refused.violations {
                    // A pointer leads to an existing value, or to an absent field of an existing object.
                    let parent = violation.pointer.rsplit_once('/').map_or("", |(parent, _)| parent);
                    prop_assert!(body.pointer(parent).is_some(), "{:?}", violation);
                    prop_assert!(violation.message.len() < 400);
                }
            }
        }
        if let Ok(details) = create(&before) {
            let before = Customer { details, ..customer(&minimal()) };
            let _ = before.patched(&json, now(), Handling::Strict);
        }
        survives_the_way_out_and_in(&body)?;
    }

    #[test]
    fn out_and_in_again(body in payload()) {
        survives_the_way_out_and_in(&body)?;
    }

    #[test]
    fn most_payloads_are_legal_or_only_their_text_is_not(body in payload()) {
        if let Err(refused) = create(&body) {
            for violation in &refused.violations {
                let texts = ["/name", "/address/street1", "/address/street2"];
                let text = texts.contains(&violation.pointer.as_str()) || violation.pointer.starts_with("/tags/");
                prop_assert!(text, "{:?}", violation);
            }
        }
    }

    #[test]
    fn a_patch_with_itself_changes_nothing(body in payload()) {
        if let Ok(details) = create(&body) {
            let before = Customer { details, ..customer(&minimal()) };
            let payload = Json::from(&serde_json::to_value(&before.details).unwrap());
            let later = "2035-01-01T00:00:00Z".parse().unwrap();
            prop_assert_eq!(before.patched(&payload, later, Handling::Strict), Ok(before.details));
        }
    }
}
