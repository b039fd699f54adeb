//! Bytes → JSON → a customer → JSON → the same customer, and the same bytes as a change of a customer.

#![no_main]

use domain::{Customer, CustomerId, ExternalId, Handling, Json, NewCustomer};
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;

const KNOWN: &[u8] =
    br#"{"name": "Acme", "address": {"street1": "1 Main St", "city": "Sydney", "state": "New South Wales",
    "zipcode": 2000, "country": "AU"}, "trial_expiration_date": "2020-01-01", "billing_contact": "a@b.c"}"#;

fuzz_target!(|body: &[u8]| {
    let json = match Json::parse(body) {
        Ok(json) => json,
        Err(violations) => {
            assert!(!violations.is_empty());
            return;
        }
    };
    let now = Timestamp::UNIX_EPOCH;
    let _ = NewCustomer::parse(&json, now, Handling::Strict);
    if let Ok(once) = NewCustomer::parse(&json, now, Handling::Lenient) {
        let out = serde_json::to_vec(&once).expect("a customer is JSON");
        let again = NewCustomer::parse(&Json::parse(&out).expect("JSON"), now, Handling::Strict);
        assert_eq!(again, Ok(once));
    }

    let known = Json::parse(KNOWN).expect("JSON");
    let before = Customer {
        billing_configuration: None,
        id: CustomerId(1),
        details: NewCustomer::parse(&known, now, Handling::Strict).expect("a customer"),
        generated_external_id: ExternalId::from_bytes([0; 6]),
        created_at: now,
        updated_at: now,
        version: 1,
    };
    if let Ok(details) = before.patched(&json, now, Handling::Lenient) {
        let after = Customer { details, ..before };
        let payload = Json::from(&serde_json::to_value(&after.details).expect("a payload is JSON"));
        assert_eq!(after.patched(&payload, now, Handling::Strict), Ok(after.details.clone()));
    }
});
