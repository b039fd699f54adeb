//! Price rules as JSON: how a payload becomes one, and how they are stored.

use crate::currency::Currency;
use crate::rule::{EarnedCredit, NewPriceRule, PriceRule, RuleKind};
use domain::fields::Fields;
use domain::payload::{Member, Payload};
use domain::text::{any_of, filled_line, invalid, required, string, wrong_type};
use domain::{Handling, Json, Violation, Violations, code};
use jiff::civil::Date;
use serde::ser::{Serialize, SerializeMap, Serializer};

/// What a rule's payload consists of.
pub static PAYLOAD: Payload = Payload {
    members: &[
        Member::plain("name"),
        Member::plain("position"),
        Member::plain("kind"),
        Member::plain("percentage"),
        Member::plain("price"),
        Member::plain("currency"),
        Member::plain("effective_from"),
        Member::plain("effective_until"),
        Member::plain("customer_id"),
        Member::plain("publisher"),
        Member::plain("product_id"),
        Member::plain("sku_id"),
        Member::plain("charge_type"),
        Member::plain("meter_category"),
        Member::plain("earned_credit"),
    ],
    read_only: &["id", "created_at", "updated_at", "_links"],
};

const KINDS: [&str; 5] = ["margin", "markup", "discount", "list_price", "fixed"];

impl NewPriceRule {
    /// Reads the payload that creates a rule. Unknown fields are always violations: a narrowing that is ignored would price
    /// lines that it was to leave alone.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with its pointer.
    pub fn parse(body: &Json) -> Result<NewPriceRule, Violations> {
        read(body, None)
    }
}

impl PriceRule {
    /// The rule after a `PUT`, which changes only what it names: blank is not named, `null` clears what is optional.
    ///
    /// # Errors
    /// Everything that is wrong with the payload, each with its pointer.
    pub fn patched(&self, body: &Json) -> Result<NewPriceRule, Violations> {
        read(body, Some(&self.details))
    }
}

/// Reads a payload over the `current` rule, or over nothing.
fn read(body: &Json, current: Option<&NewPriceRule>) -> Result<NewPriceRule, Violations> {
    const EXPECTED: &str = r#"a JSON object such as {"name": "Azure at a margin of 15 %", "kind": "margin", "percentage": "15"}"#;
    let mut fields = Fields::of(body, EXPECTED)?;
    let name = optional(&mut fields, "name", current.map(|c| c.name.clone()), text);
    if name.is_none() && fields.given("name").is_none() {
        fields.refuse("name", required());
    }
    let position = fields.optional("position", number).or(current.map(|c| c.position)).unwrap_or(0);
    let kind = read_kind(&mut fields, current.map(|c| c.kind));
    let from = optional(&mut fields, "effective_from", current.and_then(|c| c.effective_from), day);
    let until = optional(&mut fields, "effective_until", current.and_then(|c| c.effective_until), day);
    if let (Some(from), Some(until)) = (from, until)
        && until <= from
    {
        let message = format!("must be after effective_from, {from}: it is the first day without the rule");
        let violation = Violation::new("", code::CONFLICT, message);
        fields.refuse("effective_until", violation.because("rule-until", &[]));
    }
    let customer_id = optional(&mut fields, "customer_id", current.and_then(|c| c.customer_id), number);
    let mut narrowing = |key, get: fn(&NewPriceRule) -> &Option<String>| {
        optional(&mut fields, key, current.and_then(|c| get(c).clone()), text)
    };
    let publisher = narrowing("publisher", |c| &c.publisher);
    let product_id = narrowing("product_id", |c| &c.product_id);
    let sku_id = narrowing("sku_id", |c| &c.sku_id);
    let charge_type = narrowing("charge_type", |c| &c.charge_type);
    let meter_category = narrowing("meter_category", |c| &c.meter_category);
    let earned_credit =
        optional(&mut fields, "earned_credit", current.and_then(|c| c.earned_credit), |json| {
            let wrong = || invalid("must be \"kept\" or \"passed_on\"").because("rule-earned-credit", &[]);
            EarnedCredit::of(string(json)?).ok_or_else(wrong)
        });
    fields.violations.extend(PAYLOAD.unknown(body, Handling::Strict));
    match (name, kind) {
        (Some(name), Some(kind)) if fields.violations.is_empty() => Ok(NewPriceRule {
            name,
            position,
            kind,
            effective_from: from,
            effective_until: until,
            customer_id,
            publisher,
            product_id,
            sku_id,
            charge_type,
            meter_category,
            earned_credit,
        }),
        _ => Err(fields.violations),
    }
}

/// A field that `null` clears, and that keeps its current value where it is not given.
fn optional<T>(
    fields: &mut Fields<'_>,
    key: &str,
    current: Option<T>,
    read: impl FnOnce(&Json) -> Result<T, Violation>,
) -> Option<T> {
    let cleared = fields.is_null(key);
    fields.optional(key, read).or(current.filter(|_| !cleared))
}

fn text(json: &Json) -> Result<String, Violation> {
    filled_line(string(json)?, 255).map(str::to_owned)
}

fn number(json: &Json) -> Result<i64, Violation> {
    match json {
        Json::Number(number) => {
            number.as_i64().filter(|n| (0..=i64::from(u32::MAX)).contains(n)).ok_or_else(|| {
                let message = format!("must be a whole number from 0 to {}, not {number}", u32::MAX);
                invalid(message).because("whole-number", &[("max", &u32::MAX)])
            })
        }
        _ => Err(wrong_type("a whole number", json)),
    }
}

fn day(json: &Json) -> Result<Date, Violation> {
    let wrong = |_| invalid("must be a day such as \"2026-10-01\"").because("rule-day", &[]);
    string(json)?.parse().map_err(wrong)
}

/// The kind with its value: `percentage`, or `price` and `currency`. What is not named stays, as long as the kind does.
fn read_kind(fields: &mut Fields<'_>, current: Option<RuleKind>) -> Option<RuleKind> {
    let name = fields.optional("kind", |json| {
        let name = string(json)?;
        let known = KINDS.into_iter().find(|known| *known == name);
        known.ok_or_else(|| invalid(format!("must be {}", any_of(&KINDS))).because("rule-kind", &[]))
    });
    let currency = fields.optional("currency", |json| {
        let wrong = |e: crate::currency::NotACurrency| invalid(e.to_string()).because("rule-currency", &[]);
        string(json)?.parse::<Currency>().map_err(wrong)
    });
    let name = match (name, current) {
        (Some(name), _) => name,
        (None, Some(current)) if fields.given("kind").is_none() => current.name(),
        (None, _) => {
            if fields.given("kind").is_none() {
                fields.refuse("kind", required());
            }
            return None;
        }
    };
    let current = current.filter(|current| current.name() == name);
    if name == "list_price" {
        for key in
            ["percentage", "price"].into_iter().filter(|key| fields.given(key).is_some()).collect::<Vec<_>>()
        {
            let message = "does not go with the kind \"list_price\", which has no value";
            let violation = Violation::new("", code::CONFLICT, message);
            fields.refuse(key, violation.because("rule-without-value", &[]));
        }
        return Some(RuleKind::ListPrice);
    }
    let (key, other) = if name == "fixed" { ("price", "percentage") } else { ("percentage", "price") };
    if fields.given(other).is_some() {
        let message = format!("does not go with the kind \"{name}\", which has a {key}");
        let violation = Violation::new("", code::CONFLICT, message);
        fields.refuse(other, violation.because("rule-other-value", &[]));
    }
    let currency = currency.or(current.and_then(RuleKind::currency));
    if name == "fixed" && currency.is_none() && fields.given("currency").is_none() {
        fields.refuse("currency", required());
    }
    let given = fields.given(key).map(|json| match json {
        Json::Number(number) => Ok(number.to_string()),
        Json::String(text) => Ok(text.trim().to_owned()),
        _ => Err(wrong_type("a number such as 12.5", json)),
    });
    let value: Result<String, Violation> = match (given, current) {
        (Some(given), _) => given,
        (None, Some(current)) => Ok(current.value()),
        (None, None) => Err(required()),
    };
    // What is wrong with a price is said beside what is wrong with its currency.
    let any_currency = || "USD".parse().ok();
    let kind = value.and_then(|value| {
        RuleKind::of(name, &value, currency.or_else(any_currency)).map_err(|message| {
            let violation = invalid(message);
            match name {
                "margin" => violation.because("rule-margin", &[("given", &value)]),
                "discount" => violation.because("rule-discount", &[("given", &value)]),
                "fixed" => violation.because("rule-price", &[("given", &value)]),
                _ => violation.because("rule-markup", &[("given", &value)]),
            }
        })
    });
    match kind {
        Ok(kind) => Some(kind).filter(|_| name != "fixed" || currency.is_some()),
        Err(violation) => {
            fields.refuse(key, violation);
            None
        }
    }
}

/// What is stored and recorded of a rule: `id`, then the fields in order, those that are not set left out. `percentage` and `price` are strings of
/// their exact digits.
impl Serialize for PriceRule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let rule = &self.details;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &self.id)?;
        map.serialize_entry("name", &rule.name)?;
        map.serialize_entry("position", &rule.position)?;
        map.serialize_entry("kind", rule.kind.name())?;
        match rule.kind {
            RuleKind::Fixed(price, currency) => {
                map.serialize_entry("price", &price)?;
                map.serialize_entry("currency", &currency)?;
            }
            RuleKind::ListPrice => {}
            kind => map.serialize_entry("percentage", &kind.value())?,
        }
        let days = [("effective_from", rule.effective_from), ("effective_until", rule.effective_until)];
        for (key, day) in days {
            if let Some(day) = day {
                map.serialize_entry(key, &day.to_string())?;
            }
        }
        if let Some(customer_id) = rule.customer_id {
            map.serialize_entry("customer_id", &customer_id)?;
        }
        for (key, text) in [
            ("publisher", &rule.publisher),
            ("product_id", &rule.product_id),
            ("sku_id", &rule.sku_id),
            ("charge_type", &rule.charge_type),
            ("meter_category", &rule.meter_category),
        ] {
            if let Some(text) = text {
                map.serialize_entry(key, text)?;
            }
        }
        if let Some(earned_credit) = rule.earned_credit {
            map.serialize_entry("earned_credit", earned_credit.name())?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn parse(body: &Value) -> Result<Value, String> {
        let rule = NewPriceRule::parse(&Json::from(body)).map_err(|e| e.to_string())?;
        Ok(serde_json::to_value(PriceRule { id: 7, details: rule }).unwrap())
    }

    #[test]
    fn read_and_answered() {
        for (body, answer) in [
            (
                json!({"name": " a ", "kind": "margin", "percentage": 12.5}),
                json!({"id": 7, "name": "a", "position": 0, "kind": "margin", "percentage": "12.5"}),
            ),
            (
                json!({"name": "a", "position": 3, "kind": "markup", "percentage": "250.25", "publisher": "Microsoft",
                       "effective_from": "2026-10-01", "effective_until": "2026-11-01", "earned_credit": "passed_on"}),
                json!({"id": 7, "name": "a", "position": 3, "kind": "markup", "percentage": "250.25",
                       "effective_from": "2026-10-01", "effective_until": "2026-11-01", "publisher": "Microsoft",
                       "earned_credit": "passed_on"}),
            ),
            (
                json!({"name": "a", "kind": "fixed", "price": "0.000123456789", "currency": "eur", "customer_id": 5,
                       "product_id": "p", "sku_id": "0001", "charge_type": "new", "meter_category": "Storage"}),
                json!({"id": 7, "name": "a", "position": 0, "kind": "fixed", "price": "0.000123456789",
                       "currency": "EUR", "customer_id": 5, "product_id": "p", "sku_id": "0001",
                       "charge_type": "new", "meter_category": "Storage"}),
            ),
            (
                json!({"name": "a", "kind": "list_price", "sku_id": "1"}),
                json!({"id": 7, "name": "a", "position": 0, "kind": "list_price", "sku_id": "1"}),
            ),
            (
                json!({"name": "a", "kind": "discount", "percentage": 100, "created_at": "x"}),
                json!({"id": 7, "name": "a", "position": 0, "kind": "discount", "percentage": "100"}),
            ),
        ] {
            assert_eq!(parse(&body), Ok(answer.clone()), "{body}");
            assert_eq!(parse(&answer), Ok(answer), "an answer is a legal payload");
        }
    }

    #[test]
    fn refused() {
        for (body, sentence) in [
            (
                json!([]),
                "the body must be a JSON object such as {\"name\": \"Azure at a margin of 15 %\", \"kind\": \"margin\", \
                 \"percentage\": \"15\"}, not an array",
            ),
            (json!({}), "name is required; kind is required"),
            (
                json!({"name": "a", "kind": "rebate"}),
                "kind must be \"margin\", \"markup\", \"discount\", \"list_price\" or \"fixed\"",
            ),
            (json!({"name": "a", "kind": "margin"}), "percentage is required"),
            (
                json!({"name": "a", "kind": "margin", "percentage": 100}),
                "percentage must be less than 100 for a margin, not 100",
            ),
            (
                json!({"name": "a", "kind": "discount", "percentage": 100.5}),
                "percentage must be at most 100 for a discount, not 100.5",
            ),
            (
                json!({"name": "a", "kind": "markup", "percentage": -1}),
                "percentage must be at least 0 and less than 100000, not -1",
            ),
            (
                json!({"name": "a", "kind": "markup", "percentage": "1.23456"}),
                "percentage must have at most 4 decimal places, unlike 1.23456",
            ),
            (
                json!({"name": "a", "kind": "markup", "percentage": "ten"}),
                "percentage is not a number such as -1234.56 or 1.5E-05",
            ),
            (
                json!({"name": "a", "kind": "markup", "percentage": true}),
                "percentage must be a number such as 12.5, not a boolean",
            ),
            (json!({"name": "a", "kind": "fixed", "price": 1}), "currency is required"),
            (
                json!({"name": "a", "kind": "fixed", "price": 1, "currency": "XAU"}),
                "currency must be a currency code of ISO 4217 such as USD",
            ),
            (
                json!({"name": "a", "kind": "fixed", "price": -1, "currency": "USD"}),
                "price must be at least 0 and less than 1000000000, with at most 12 decimal places, unlike -1",
            ),
            (
                json!({"name": "a", "kind": "fixed", "price": -1}),
                "currency is required; \
                 price must be at least 0 and less than 1000000000, with at most 12 decimal places, unlike -1",
            ),
            (
                json!({"name": "a", "kind": "margin", "percentage": 1, "price": 1}),
                "price does not go with the kind \"margin\", which has a percentage",
            ),
            (
                json!({"name": "a", "kind": "list_price", "percentage": 1}),
                "percentage does not go with the kind \"list_price\", which has no value",
            ),
            (
                json!({"name": "a", "kind": "margin", "percentage": 1, "effective_from": "2026-10-01",
                       "effective_until": "2026-10-01"}),
                "effective_until must be after effective_from, 2026-10-01: it is the first day without the rule",
            ),
            (
                json!({"name": "a", "kind": "margin", "percentage": 1, "effective_from": "1/10/2026",
                       "position": -1, "customer_id": "5", "earned_credit": "shared", "sku": "x"}),
                "position must be a whole number from 0 to 4294967295, not -1; \
                 effective_from must be a day such as \"2026-10-01\"; customer_id must be a whole number, not a string; \
                 earned_credit must be \"kept\" or \"passed_on\"; sku is unknown; did you mean sku_id?",
            ),
        ] {
            assert_eq!(parse(&body), Err(sentence.to_owned()), "{body}");
            // What is wrong with a value is said in other languages too.
            let violations = NewPriceRule::parse(&Json::from(&body)).unwrap_err();
            for violation in violations {
                let is_of_value = [code::INVALID, code::CONFLICT].contains(&violation.code);
                assert!(!is_of_value || violation.reason.is_some(), "{violation:?}");
            }
        }
    }

    #[test]
    fn changed() {
        let body = json!({"name": "a", "kind": "fixed", "price": "2", "currency": "USD", "sku_id": "1",
                          "effective_until": "2027-01-01"});
        let details = NewPriceRule::parse(&Json::from(&body)).unwrap();
        let rule = PriceRule { id: 7, details };
        for (change, answer) in [
            (
                json!({}),
                Ok(json!({"price": "2", "currency": "USD", "sku_id": "1", "effective_until": "2027-01-01"})),
            ),
            (json!({"price": 3}), Ok(json!({"price": "3", "currency": "USD"}))),
            (json!({"currency": "EUR"}), Ok(json!({"price": "2", "currency": "EUR"}))),
            (json!({"kind": "margin", "percentage": 5}), Ok(json!({"kind": "margin", "percentage": "5"}))),
            (json!({"kind": "margin"}), Err("percentage is required")),
            (
                json!({"sku_id": null, "effective_until": null}),
                Ok(json!({"sku_id": null, "effective_until": null})),
            ),
            (json!({"name": " "}), Ok(json!({"name": "a"}))),
            (
                json!({"effective_from": "2027-02-01"}),
                Err(
                    "effective_until must be after effective_from, 2027-02-01: it is the first day without the rule",
                ),
            ),
        ] {
            let changed = rule.patched(&Json::from(&change)).map_err(|e| e.to_string());
            let changed = changed.map(|details| serde_json::to_value(PriceRule { id: 7, details }).unwrap());
            match (changed, answer) {
                (Ok(changed), Ok(Value::Object(expected))) => {
                    for (key, value) in expected {
                        assert_eq!(changed.get(&key).unwrap_or(&Value::Null), &value, "{change}: {key}");
                    }
                }
                (changed, answer) => assert_eq!(changed.err().as_deref(), answer.err(), "{change}"),
            }
        }
    }
}
